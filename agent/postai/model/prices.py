"""What a call costs, estimated from published prices."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files

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


class Prices:
    """Prices by the start of a model id.

    A model that matches none is counted at the dearest price known: the budget then errs on the safe side.
    """

    def __init__(self, by_prefix: Mapping[str, Price]) -> None:
        self._by_prefix = dict(by_prefix)

    @classmethod
    def load(cls) -> Prices:
        """The list that comes with postai (prices.toml)."""
        data = tomllib.loads((files("postai.model") / "prices.toml").read_text("utf-8"))
        return cls({row["model"]: Price(Decimal(row["input"]), Decimal(row["output"])) for row in data["price"]})

    def of(self, model: str) -> Price:
        """The price of a model: the longest prefix that matches, else the dearest of all."""
        matching = [prefix for prefix in self._by_prefix if model.startswith(prefix)]
        if matching:
            return self._by_prefix[max(matching, key=len)]
        return _dearest(self._by_prefix.values())


def _dearest(prices: Iterable[Price]) -> Price:
    known = list(prices)
    return Price(max(price.input for price in known), max(price.output for price in known))


def estimate_tokens(text: str) -> int:
    """How many tokens a text has, on the high side: schemas and SQL run at 3 to 4 bytes a token."""
    return -(-len(text.encode("utf-8", "replace")) // 3)
