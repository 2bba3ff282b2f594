"""What a call costs, estimated from the prices in the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

MILLION = Decimal(1_000_000)
CACHE_WRITE = Decimal("1.25")
CACHE_READ = Decimal("0.1")


@dataclass(frozen=True)
class Usage:
    """Tokens of one call, as the server counted them (or as we estimated them where it did not say).

    Attributes:
        input_tokens: tokens read, without those that the prompt cache served or stored.
        output_tokens: tokens written.
        cache_write_tokens: tokens stored in the prompt cache (a quarter dearer).
        cache_read_tokens: tokens served from the prompt cache (a tenth of the price).
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input: Decimal
    output: Decimal

    def cost(self, usage: Usage) -> Decimal:
        """The estimate for one call, in US dollars."""
        read = usage.input_tokens + CACHE_WRITE * usage.cache_write_tokens + CACHE_READ * usage.cache_read_tokens
        return (read * self.input + usage.output_tokens * self.output) / MILLION


def estimate_tokens(text: str) -> int:
    """How many tokens a text has, on the high side: schemas and SQL run at 3 to 4 bytes a token."""
    return -(-len(text.encode("utf-8", "replace")) // 3)
