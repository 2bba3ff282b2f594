"""What the server's version can do, as facts for the prompt (prompts/dialect.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Fact:
    """One thing that matters for analysis.

    Attributes:
        since: first major version that can do it.
        text: what, in words for the model.
        probe: a statement that runs there and fails before.
    """

    since: int
    text: str
    probe: str


def facts() -> tuple[Fact, ...]:
    """All facts, oldest first."""
    text = (files("postai.ask") / "prompts" / "dialect.toml").read_text("utf-8")
    return tuple(Fact(**one) for one in tomllib.loads(text)["fact"])


def dialect(server_version: int) -> str:
    """One paragraph on what this server has and lacks.

    Args:
        server_version: as the server reports it, e.g. 150018.
    """
    major = server_version // 10_000
    has = "; ".join(fact.text for fact in facts() if fact.since <= major)
    lacks = "; ".join(f"{fact.text} (since {fact.since})" for fact in facts() if fact.since > major)
    text = f"The server is PostgreSQL {major}."
    if has:
        text += f" It has: {has}."
    if lacks:
        text += f" It does not have: {lacks}."
    return text
