"""Edges: where they are, what they see, the rules that they follow; and cache tables."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from postai.cache.statistics import CacheTables, read_cache_tables
from postai.edge import board
from postai.edge.board import Edges
from postai.web.fields import Text
from postai.web.room import Room
from postai.web.visit import InDatabase

room = Room("Edges", "edges", "/edges")


@dataclass(frozen=True, slots=True)
class RuleNamed:
    """A rule that was written or taken away."""

    rule: str


class Rule(BaseModel):
    """A rule: conditions, and what it says. `regions` with commas between them; `ttl` as an interval ("5 minutes")."""

    name: str
    database_name: Text = None
    user_name: Text = None
    relation: Text = None
    query: Text = None
    ttl: Text = None
    route: Text = None
    regions: Text = None
    cache_table: Text = None


@room.see("/edges", "edges.html")
def edges(database: InDatabase) -> Edges:
    """Edges on a map with latency, routes, residency and the health of their endpoints."""
    return board.read_edges(database)


@room.see("/edges/cache", "cache_tables.html")
def cache_tables(database: InDatabase) -> CacheTables:
    """Cache tables, and statements that another one would pay for."""
    return read_cache_tables(database)


@room.do("/edges/rules", lambda _, done: ("/edges#rules", f"Rule {done.rule} holds from the next second on."))
def set_edge_rule(database: InDatabase, body: Rule) -> RuleNamed:
    """Make or replace a rule."""
    regions = [one.strip() for one in body.regions.split(",")] if body.regions is not None else None
    board.set_rule(database, **{**body.model_dump(), "regions": regions})
    return RuleNamed(body.name)


@room.do("/edges/rules/{name}/forget", lambda _, done: ("/edges#rules", f"Rule {done.rule} is gone."))
def forget_edge_rule(database: InDatabase, name: str) -> RuleNamed:
    """Take a rule away."""
    board.forget_rule(database, name)
    return RuleNamed(name)
