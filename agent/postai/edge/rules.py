"""Rules of people about statements: how long an answer is kept, which servers are read, where data may be.

They are written with `postai.edge_rule` and read whole. A rule has conditions (database, user, relation or schema,
statement) and says one thing or several; who asks for a route or a time gets the word of the most specific rule that
fits. Regions are no preference: all rules that fit hold together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from postai.edge.instead import plain
from postai.edge.texts import legible
from postai.errors import PostaiError

Relation: TypeAlias = tuple[str, str]
"""Schema and name."""
Way: TypeAlias = Literal["nearest", "primary", "replica"]
"""nearest: replicas of the own region first, then its primary; replica: replicas of any region before a primary."""

_WAYS = frozenset(get_args(Way))
_STRICT: dict[str, int] = {"primary": 0, "replica": 1, "nearest": 2}
"""Of two rules that are equally specific the one with the lower number holds."""
_KEYS = frozenset(
    {
        "name",
        "database_name",
        "user_name",
        "schema_name",
        "relation_name",
        "query",
        "ttl",
        "route",
        "regions",
        "cache_table",
    }
)
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; a condition that is None always fits.

    Attributes:
        name: its name.
        database: name of the database on the server.
        user: name of the user who logged in.
        schema: schema of the relations that are read.
        relation: a relation of it; None = all of them.
        fingerprint: of the statement, as postai.sql.parse.fingerprint has it; "" fits no statement.
        ttl: seconds that answers may be kept; 0 = never.
        route: which servers are read.
        regions: where the data may be read and kept.
        text: of the statement, where the rule has one.
        cache_table: what is read in the place of exactly that text.
    """

    name: str
    database: str | None = None
    user: str | None = None
    schema: str | None = None
    relation: str | None = None
    fingerprint: str | None = None
    ttl: float | None = None
    route: Way | None = None
    regions: frozenset[str] | None = None
    text: str | None = None
    cache_table: str | None = None

    @property
    def specific(self) -> tuple[bool, bool, bool, bool, bool]:
        """The greater, the more specific: statement, relation, schema, user, database, in this order."""
        return (
            self.fingerprint is not None,
            self.relation is not None,
            self.schema is not None,
            self.user is not None,
            self.database is not None,
        )

    def reads(self, tables: frozenset[Relation] | None, unknown: bool) -> bool:
        """Whether a statement that reads these relations is one that the rule means.

        Args:
            tables: what it reads; None = not known.
            unknown: the answer for a rule about a relation when that is not known.
        """
        if self.schema is None:
            return True
        if tables is None:
            return unknown
        if self.relation is None:
            return any(schema == self.schema for schema, _ in tables)
        return (self.schema, self.relation) in tables


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules that may fit statements of one user in one database, the most specific first."""

    rules: tuple[Rule, ...]
    routes: tuple[Rule, ...]
    residency: tuple[Rule, ...]
    by_relation: bool
    """Whether it must be known what a statement reads."""
    by_statement: bool
    """Whether fingerprints of statements are needed."""
    tables: Mapping[bytes, Rule]
    """The rules that name a cache table, by the texts of statements in whose place it is read."""

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Policy:
        """The policy of rules whose database and user fit."""
        ordered = tuple(sorted(rules, key=lambda rule: (rule.specific, rule.name), reverse=True))
        return cls(
            ordered,
            tuple(rule for rule in ordered if rule.route is not None),
            tuple(rule for rule in ordered if rule.regions is not None),
            any(rule.schema is not None for rule in ordered),
            any(rule.fingerprint is not None and (rule.ttl, rule.route) != (None, None) for rule in ordered),
            {plain(rule.text.encode()): rule for rule in reversed(ordered) if rule.cache_table and rule.text},
        )

    def route(self, tables: frozenset[Relation] | None, fingerprint: str | None) -> tuple[Way, Rule | None]:
        """Which servers a statement reads, and the rule that says so.

        A rule that sends a relation to the primary fits also when it is not known what the statement reads.
        """
        fitting = [
            rule
            for rule in self.routes
            if rule.fingerprint in (None, fingerprint) and rule.reads(tables, unknown=rule.route == "primary")
        ]
        if not fitting:
            return "nearest", None
        most = [rule for rule in fitting if rule.specific == fitting[0].specific]
        rule = min(most, key=lambda one: (_STRICT[str(one.route)], one.name))
        return rule.route or "nearest", rule

    def ttl(self, tables: frozenset[Relation] | None, fingerprint: str | None) -> tuple[float | None, Rule | None]:
        """For how many seconds an answer may be kept by a rule's word, and that rule; None = no rule says."""
        fitting = [
            rule
            for rule in self.rules
            if rule.ttl is not None
            and rule.fingerprint in (None, fingerprint)
            and rule.reads(tables, unknown=rule.ttl == 0)
        ]
        if not fitting:
            return None, None
        most = [rule for rule in fitting if rule.specific == fitting[0].specific]
        rule = min(most, key=lambda one: (one.ttl or 0.0, one.name))
        return rule.ttl, rule


NO_RULES = Policy((), (), (), by_relation=False, by_statement=False, tables={})


class Rules:
    """All rules.

    Args:
        rules: the rules.
        generation: changes whenever one of them does.
    """

    def __init__(self, rules: Iterable[Rule] = (), generation: str = "") -> None:
        self.rules = tuple(rules)
        self.generation = generation

    def policy(self, user: str, database: str) -> Policy:
        """The rules for a user in a database; to be kept by who asks, for as long as these rules are."""
        found = [rule for rule in self.rules if rule.user in (None, user) and rule.database in (None, database)]
        return Policy.of(found) if found else NO_RULES


def read(text: str, generation: str, fingerprint: Callable[[str], str]) -> tuple[Rules, tuple[str, ...]]:
    """The rules that postai._read_edge_rules gave.

    Args:
        text: a JSON array of objects.
        generation: its generation.
        fingerprint: gives the fingerprint of a statement's text (raises a PostaiError where it has none).

    Returns:
        the rules, and what is wrong with some: a rule whose statement cannot be read fits no statement.

    Raises:
        ValueError: the text does not have that form; nothing of it may be left out, as it may keep data in a region.
    """
    rows = json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() >= _KEYS for row in rows):
        raise ValueError("the rules do not have the form that this version of the edge knows")
    found, problems = [], []
    for row in rows:
        query = row["query"]
        known: str | None = query
        if query is not None and not legible(query.encode()):
            problems.append(f"rule {row['name']}: its statement takes too long to be read")
            known, row = "", {**row, "query": None}
        elif query is not None and not _FINGERPRINT.fullmatch(query):
            try:
                known = fingerprint(query)
            except PostaiError as error:
                problems.append(f"rule {row['name']}: its statement cannot be read: {error.message}")
                known = ""
        found.append(_rule(row, known))
    return Rules(found, generation), tuple(problems)


def _rule(row: dict[str, Any], fingerprint: str | None) -> Rule:
    route, regions = row["route"], row["regions"]
    if route is not None and route not in _WAYS:
        raise ValueError(f"rule {row['name']}: route {route!r} is not known")
    return Rule(
        str(row["name"]),
        row["database_name"],
        row["user_name"],
        row["schema_name"],
        row["relation_name"],
        fingerprint,
        None if row["ttl"] is None else float(row["ttl"]),
        route,
        None if regions is None else frozenset(map(str, regions)),
        row["query"] if row["cache_table"] else None,
        row["cache_table"],
    )
