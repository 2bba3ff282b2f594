"""Where data may be: rules with regions, and what they mean for servers that are read and for kept answers.

A rule with regions tags relations (one, those of a schema, or all of a database) for them. What is not known is tagged:
a statement of which nobody knows what it reads may go only where all tagged data may be.
"""

from __future__ import annotations

from dataclasses import dataclass

from postai.edge.rules import Policy, Relation, Rule


@dataclass(frozen=True, slots=True)
class Residency:
    """Where what a statement reads may be.

    Attributes:
        regions: the regions; None = anywhere.
        rules: the rules that say so.
        known: whether it is known what the statement reads.
    """

    regions: frozenset[str] | None
    rules: tuple[Rule, ...]
    known: bool

    def admits(self, region: str | None) -> bool:
        """Whether it may be there; a place without a region is outside of all of them."""
        return self.regions is None or region in self.regions

    def explain(self) -> str:
        """In words."""
        if self.regions is None:
            return "no rule keeps the data in a region"
        names = ", ".join(rule.name for rule in self.rules)
        where = ", ".join(sorted(self.regions)) or "no region at all"
        what = "the data" if self.known else "the statement, of which it is not known what it reads,"
        return f"{what} stays in {where} (rule {names})"


ANYWHERE = Residency(None, (), known=True)


def residency(policy: Policy, tables: frozenset[Relation] | None) -> Residency:
    """Where a statement may be answered, and its answer kept.

    Args:
        policy: the rules for the user in the database.
        tables: everything that the statement reads, views and partitions taken apart; None = not known.
    """
    if not policy.residency:
        return ANYWHERE
    fitting = tuple(rule for rule in policy.residency if rule.reads(tables, unknown=True))
    if not fitting:
        return ANYWHERE
    regions: frozenset[str] | None = None
    for rule in fitting:
        own = rule.regions or frozenset()
        regions = own if regions is None else regions & own
    return Residency(regions, fitting, tables is not None)
