"""Edges as people look at them: what each says of itself, its servers, the rules, and where all of them lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postai.database import Database
from postai.database.installed import reading
from postai.database.named_sql import load
from postai.edge.regions import Place, place_of
from postai.proposals.verbs import noting_refusals


@dataclass(frozen=True, slots=True)
class EdgeShown:
    """An edge.

    Attributes:
        state: alive, or silent for more than 30 seconds.
        processes: of this edge; None = it does not say.
        figures: numbers of pools and caches, added up over its processes: (group, name, value).
        cache_hits: answers from its cache since it began; None = it keeps none.
        cache_rate: their share of the reads that are known as ones that may be kept, 0 to 1; None = it does not count
            the others, or nobody read. What may not be kept is no part of it.
        second_rate: of the looks into its second tier since it began, the share that found an answer, 0 to 1; None = it
            has none, or nobody looked.
        place: where its region lies; None = its name is not known.
    """

    name: str
    version: str | None
    region: str | None
    address: str | None
    state: str
    first_at: datetime
    reported_at: datetime
    processes: int | None
    figures: list[tuple[str, str, float]]
    cache_hits: float | None
    cache_rate: float | None
    second_rate: float | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class EndpointShown:
    """A server as an edge sees it; `latency_ms` of a round trip from there."""

    edge: str
    node: str
    region: str | None
    role: str | None
    latency_ms: float | None
    behind_seconds: float | None
    problem: str | None
    reported_at: datetime
    place: Place | None


@dataclass(frozen=True, slots=True)
class RuleShown:
    """A rule that edges follow; `ttl` in seconds."""

    name: str
    database_name: str | None
    user_name: str | None
    relation: str | None
    query: str | None
    ttl: float | None
    route: str | None
    regions: list[str] | None
    cache_table: str | None
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Edges:
    """All edges that report to this database.

    Attributes:
        unknown_regions: regions that are not on a map.
    """

    edges: list[EdgeShown]
    endpoints: list[EndpointShown]
    rules: list[RuleShown]
    unknown_regions: list[str]


def read_edges(db: Database) -> Edges:
    """Edges, their servers and the rules, with the rights of the connection's role."""
    blocks = load(__package__, "board.sql")
    with reading(db):
        edges = [_edge(row) for row in db.query(blocks["edges"])]
        endpoints = [EndpointShown(*(*row, place_of(row[2]))) for row in db.query(blocks["endpoints"])]
        rules = [RuleShown(*row) for row in db.query(blocks["rules"])]
    placed: list[EdgeShown | EndpointShown] = [*edges, *endpoints]
    unknown = {one.region for one in placed if one.region and one.place is None}
    return Edges(edges, endpoints, rules, sorted(unknown))


def set_rule(
    db: Database,
    name: str,
    *,
    database_name: str | None = None,
    user_name: str | None = None,
    relation: str | None = None,
    query: str | None = None,
    ttl: str | None = None,
    route: str | None = None,
    regions: list[str] | None = None,
    cache_table: str | None = None,
) -> None:
    """Make or replace a rule: postai.edge_rule has the meaning of its parts; None = not said."""
    given = (name, database_name, user_name, relation, query, ttl, route, regions, cache_table)
    with noting_refusals(db, "edge_rule", f"edge rule {name}"), reading(db, "postai_operator"):
        db.query(load(__package__, "board.sql")["set_rule"], given)


def forget_rule(db: Database, name: str) -> None:
    """Take a rule away."""
    with noting_refusals(db, "forget_edge_rule", f"edge rule {name}"), reading(db, "postai_operator"):
        db.query(load(__package__, "board.sql")["forget_rule"], (name,))


def _edge(row: tuple[Any, ...]) -> EdgeShown:
    *known, figures = row
    told: Mapping[str, Any] = figures if isinstance(figures, dict) else {}
    groups = {name: one for name, one in sorted(told.items()) if isinstance(one, dict)}
    numbers = [
        (group, name, float(value))
        for group, values in groups.items()
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    processes = told.get("processes")
    hits = groups.get("cache", {}).get("hits")
    rest = (
        processes if isinstance(processes, int) else None,
        numbers,
        float(hits) if isinstance(hits, int | float) else None,
        _rate(numbers, "cache"),
        _rate(numbers, "tiers"),
        place_of(known[2]),
    )
    return EdgeShown(*(*known, *rest))


def _rate(numbers: list[tuple[str, str, float]], of: str) -> float | None:
    figures = {name: value for group, name, value in numbers if group == of}
    if "misses" not in figures:
        return None
    hits, misses = figures.get("hits", 0.0), figures["misses"]
    return hits / (hits + misses) if hits + misses > 0 else None
