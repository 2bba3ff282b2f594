"""The constructs of English that the engine reads, one module each, in the order in which they look at a question.

A construct is a function `apply(state)`: it finds its operator words among the items that are still free, adds a wish
to the draft, and marks the items that the wish explains. To add one: write a module, list it here, write its test.
"""

from __future__ import annotations

from collections.abc import Callable

from postai.ask.grammar.constructs import (
    absence,
    average,
    calculation,
    columns,
    comparison,
    dates,
    difference,
    directive,
    duration,
    grouping,
    keeping,
    letter_case,
    measure,
    most_done,
    nested,
    once,
    ordering,
    part_of_time,
    period,
    projection,
    rank,
    ranking,
    rate,
    ratio,
    relation,
    remainder,
    remark,
    span,
    stock,
    subset,
    trend,
    two_columns,
    universal,
    value,
)
from postai.ask.grammar.state import State

CONSTRUCTS: tuple[tuple[str, Callable[[State], None]], ...] = (
    ("relation", relation.apply),
    ("remark", remark.apply),
    ("ordering", ordering.apply),
    ("span", span.apply),
    ("dates", dates.apply),
    ("part of time", part_of_time.apply),
    ("subset", subset.apply),
    ("calculation", calculation.apply),
    ("rate", rate.apply),
    ("difference", difference.apply),
    ("ratio", ratio.apply),
    ("nested", nested.apply),
    ("trend", trend.apply),
    ("rank", rank.apply),
    ("directive", directive.apply),
    ("once", once.apply),
    ("keeping", keeping.apply),
    ("projection", projection.apply),
    ("two columns", two_columns.apply),
    ("duration", duration.apply),
    ("universal", universal.apply),
    ("average", average.apply),
    ("columns", columns.apply),
    ("most done", most_done.apply),
    ("ranking", ranking.apply),
    ("comparison", comparison.apply),
    ("absence", absence.apply),
    ("measure", measure.apply),
    ("grouping", grouping.apply),
    ("period", period.apply),
    ("value", value.apply),
    ("letter case", letter_case.apply),
    ("stock", stock.apply),
    ("remainder", remainder.apply),
)
