"""The generated list of what generated SQL may name in pg_catalog, read from `allowlist.txt`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

FILE = "allowlist.txt"


@dataclass(frozen=True)
class Allowlist:
    """Names of pg_catalog that pass.

    Attributes:
        functions: functions, aggregates and window functions; a name stands for all its overloads.
        by_name: those of them that were let in one by one although the general rule keeps them out.
        unlisted: names of built-in functions that do not pass.
        operators: operator names.
        types: type names (base, range and multirange types and their arrays).
        relations: qualified names of system relations that may be read.
    """

    functions: frozenset[str]
    by_name: frozenset[str]
    unlisted: frozenset[str]
    operators: frozenset[str]
    types: frozenset[str]
    relations: frozenset[str]


def parse_allowlist(text: str) -> Allowlist:
    """The list in a text: lines "kind name [by-name]"; "#" starts a comment line."""
    found: dict[str, set[str]] = {
        "function": set(),
        "by-name": set(),
        "unlisted": set(),
        "operator": set(),
        "type": set(),
        "relation": set(),
    }
    for line in text.splitlines():
        if not line or line.startswith("# "):
            continue
        kind, name, *flags = line.split(" ")
        found[kind].add(name)
        if "by-name" in flags:
            found["by-name"].add(name)
    return Allowlist(
        frozenset(found["function"]),
        frozenset(found["by-name"]),
        frozenset(found["unlisted"]),
        frozenset(found["operator"]),
        frozenset(found["type"]),
        frozenset(found["relation"]),
    )


def load_allowlist() -> Allowlist:
    """The list that ships with postai."""
    return parse_allowlist(resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8"))
