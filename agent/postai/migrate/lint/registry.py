"""All rules, in one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from postai.migrate.lint.rule import Rule
from postai.migrate.lint.rules import backfill, columns, compatibility, indexes, partitions, scans, transactions

RULES: tuple[Rule, ...] = (
    *indexes.RULES, *scans.RULES, *partitions.RULES, *backfill.RULES, *columns.RULES, *compatibility.RULES,
    *transactions.RULES,
)  # fmt: skip
"""Every rule; those that look at what others found come last."""

EVERY = "*"
"""Stands for every statement in `Rule.on`."""


def rule_names() -> tuple[str, ...]:
    """Names of all rules."""
    return tuple(rule.name for rule in RULES)


@lru_cache(maxsize=1)
def places() -> Mapping[str, int]:
    """The place of every rule in the order in which findings are told."""
    return {name: place for place, name in enumerate(rule_names())}


@lru_cache(maxsize=1)
def by_node() -> Mapping[str, tuple[Rule, ...]]:
    """Rules for each kind of statement and command, in order; under `EVERY` those of kinds that no rule names."""
    kinds = {kind for rule in RULES for kind in rule.on}
    return {kind: tuple(_rules_on(kind)) for kind in kinds}


def _rules_on(kind: str) -> Iterator[Rule]:
    return (rule for rule in RULES if kind in rule.on or EVERY in rule.on)


def rule(name: str) -> Rule:
    """The rule of that name.

    Raises:
        KeyError: there is none.
    """
    return {one.name: one for one in RULES}[name]
