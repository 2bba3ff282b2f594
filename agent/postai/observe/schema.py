"""What a database consists of: tables and views with their sizes, names that hold a text, tables around a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from postai.database import Database, named_sql
from postai.database.installed import reading
from postai.errors import FeatureMissing, NotPermitted, UsageError
from postai.observe.busy import leaving_out_busy

Sort = Literal["size", "name", "rows", "growth", "bloat", "indexes", "scans"]
MOST_FOUND = 200
MOST_DRAWN = 40


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view; of a partitioned table the sums of its partitions.

    Attributes:
        name: qualified and quoted.
        kind: "table", "partitioned", "view", "materialized view", "foreign table".
        rows: by the last ANALYZE or VACUUM; None = never analysed, or a view.
        table_bytes: with TOAST; None = no storage of its own, or locked exclusively.
        locked: how many of it and its partitions somebody holds exclusively: they are not in the sizes.
        growth: bytes that it grew in a week, without indexes; None = not known. `growth_since`: first moment in that
            week of which its size is known.
        bloat: bytes of table and indexes that hold nothing needed; None = none found.
        seq_scan: scans of the whole table since its counters began.
        readable: whether the role may read it, or some of its columns; False where that was not asked.
    """

    oid: int
    schema: str
    relation: str
    name: str
    kind: str
    rows: float | None
    table_bytes: int | None
    index_bytes: int | None
    partitions: int
    locked: int
    seq_scan: int | None
    dead_rows: int | None
    comment: str | None
    growth: int | None = None
    growth_since: datetime | None = None
    bloat: int | None = None
    readable: bool = False

    @property
    def bytes(self) -> int | None:
        """Table, TOAST and indexes; None as for `table_bytes`."""
        return None if self.table_bytes is None else self.table_bytes + (self.index_bytes or 0)


@dataclass(frozen=True, slots=True)
class SchemaSum:
    """A schema with what it holds.

    Attributes:
        bytes, growth: of what is known; `locked`: tables and partitions that are not in `bytes`.
        growth: None = not known of any.
    """

    name: str
    tables: int
    views: int
    bytes: int
    locked: int
    growth: int | None


@dataclass(frozen=True, slots=True)
class NameFound:
    """A name that holds the text; `relation` (qualified, quoted) is the table that it belongs to, if any."""

    kind: str
    name: str
    relation: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class SchemaPage:
    """Schemas, and a page of their relations.

    Attributes:
        history: whether the role may read postai's history: without, growth and bloat are not known.
        growth_since: how far back the growth goes at most; None = none is known.
        found: names that hold `text`; () without one.
    """

    schemas: tuple[SchemaSum, ...]
    relations: tuple[Relation, ...]
    passed: int
    first: int
    limit: int
    sort: Sort
    schema: str
    text: str
    found: tuple[NameFound, ...]
    history: bool
    growth_since: datetime | None


@dataclass(frozen=True, slots=True)
class Relations:
    """Everything that a database holds; `history`: with growth and bloat, from postai's history."""

    every: tuple[Relation, ...]
    history: bool


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    """A column in a diagram; `key` = of the primary key, `refers` = of a foreign key."""

    name: str
    type: str
    required: bool
    key: bool
    refers: bool


@dataclass(frozen=True, slots=True)
class DrawnTable:
    """A table in a diagram; `more` columns are left out."""

    oid: int
    name: str
    relation: str
    columns: tuple[DrawnColumn, ...]
    more: int


@dataclass(frozen=True, slots=True)
class DrawnKey:
    """A foreign key between two tables of a diagram, by oid, with its first column."""

    name: str
    source: int
    target: int
    column: str


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Tables around a table.

    Attributes:
        center: its qualified and quoted name; "" = there is no foreign key at all, and nothing to draw.
        left_out: tables within the depth for which there was no room.
        names: of all tables that have foreign keys or are referred to, for choosing another one.
    """

    center: str
    depth: int
    tables: tuple[DrawnTable, ...]
    keys: tuple[DrawnKey, ...]
    left_out: int
    names: tuple[str, ...]


def may_read_history(database: Database) -> bool:
    """Whether the role may read postai's history here."""
    try:
        with reading(database):
            database.query(named_sql.load(__package__, "schema.sql")["history"])
    except (FeatureMissing, NotPermitted):
        return False
    return True


def read_relations(database: Database, history: bool) -> Relations:
    """Everything that the database holds: whoever is let in may know that, so it is the same for all roles.

    The size of everything is asked for: what pages and sorts of it are shown is chosen afterwards, by `read_schema`.

    Args:
        history: whether growth and bloat are read, which the role must be allowed to, see `may_read_history`.
    """
    blocks = named_sql.load(__package__, "schema.sql")
    growth: dict[int, tuple[int, datetime]] = {}
    bloat: dict[int, int] = {}
    if history:
        growth = {oid: (grown, since) for oid, grown, since in database.query(blocks["growth"])}
        bloat = dict(database.query(blocks["bloat"]))
    rows = database.query(leaving_out_busy(blocks["relations"]))
    return Relations(
        tuple(Relation(*(*row, *growth.get(row[0], (None, None)), bloat.get(row[0]))) for row in rows), history
    )


def read_schema(
    database: Database,
    *,
    relations: Relations | None = None,
    schema: str = "",
    text: str = "",
    sort: Sort = "size",
    first: int = 0,
    limit: int = 100,
) -> SchemaPage:
    """A page of what a database holds, and names that hold a text.

    Args:
        relations: as read a moment ago, with growth and bloat where the role may see them; None = they are read now.
        schema: only relations of this one; "" = of all.
        text: names that hold it are looked for.
        first, limit: the page.
    """
    blocks = named_sql.load(__package__, "schema.sql")
    known = relations or read_relations(database, may_read_history(database))
    chosen = sorted((one for one in known.every if schema in ("", one.schema)), key=_order(sort))
    shown = chosen[first : first + limit]
    readable = {oid for (oid,) in database.query(blocks["readable"], ([one.oid for one in shown],))}
    found = database.query(blocks["search"], (text, MOST_FOUND)) if text else []
    return SchemaPage(
        _sums(known.every),
        tuple(replace(one, readable=one.oid in readable) for one in shown),
        len(chosen),
        first,
        limit,
        sort,
        schema,
        text,
        tuple(NameFound(*row) for row in found),
        known.history,
        min((one.growth_since for one in known.every if one.growth_since), default=None),
    )


def _order(sort: Sort) -> Callable[[Relation], tuple[float, str]]:
    by: dict[Sort, Callable[[Relation], float]] = {
        "size": lambda one: one.bytes or 0,
        "name": lambda _one: 0,
        "rows": lambda one: one.rows or 0,
        "growth": lambda one: one.growth or 0,
        "bloat": lambda one: one.bloat or 0,
        "indexes": lambda one: one.index_bytes or 0,
        "scans": lambda one: one.seq_scan or 0,
    }
    return lambda one: (-by[sort](one), one.name)


def _sums(relations: Sequence[Relation]) -> tuple[SchemaSum, ...]:
    parts: dict[str, list[Relation]] = defaultdict(list)
    for one in relations:
        parts[one.schema].append(one)
    return tuple(
        SchemaSum(
            name,
            sum(1 for one in its if "view" not in one.kind),
            sum(1 for one in its if "view" in one.kind),
            sum(one.bytes or 0 for one in its),
            sum(one.locked for one in its),
            sum(grown) if (grown := [one.growth for one in its if one.growth is not None]) else None,
        )
        for name, its in sorted(parts.items())
    )


def find_relation(database: Database, name: str) -> int:
    """The oid of a relation by its qualified and quoted name.

    Raises:
        UsageError: there is none.
    """
    rows = database.query(named_sql.load(__package__, "schema.sql")["find"], (name, name))
    if not rows:
        raise UsageError(
            f"there is no table or view {name[:140]}",
            hint="Names are qualified, and quoted where SQL needs that: public.orders.",
        )
    found: int = rows[0][0]
    return found


def read_neighbourhood(database: Database, name: str = "", depth: int = 1) -> Neighbourhood:
    """The tables that a table refers to and is referred to by, over so many foreign keys.

    Args:
        name: qualified and quoted; "" = the table with most foreign keys.
        depth: foreign keys from the table to the farthest one.

    Raises:
        UsageError: there is no such table.
    """
    blocks = named_sql.load(__package__, "schema.sql")
    keys = [
        DrawnKey(one, source, target, columns[0]) for one, source, target, columns, _ in database.query(blocks["keys"])
    ]
    near: dict[int, set[int]] = defaultdict(set)
    for key in keys:
        near[key.source].add(key.target)
        near[key.target].add(key.source)
    if not name and not near:
        return Neighbourhood("", depth, (), (), 0, ())
    center = find_relation(database, name) if name else min(near, key=lambda oid: (-len(near[oid]), oid))
    chosen, left_out = _around(center, near, depth)
    names: dict[int, str] = dict(database.query(blocks["names"], (sorted({*near, center}),)))
    drawn = database.query(blocks["drawn"], (sorted(chosen),))
    referring = {(key.source, key.column) for key in keys}
    return Neighbourhood(
        names[center],
        depth,
        tuple(_drawn(row, referring) for row in drawn),
        tuple(key for key in keys if key.source in chosen and key.target in chosen),
        left_out,
        tuple(sorted(names.values())),
    )


def _around(center: int, near: dict[int, set[int]], depth: int) -> tuple[set[int], int]:
    """Tables within the depth, the nearest first, as many as there is room for; and how many more there are."""
    chosen, edge, left_out = {center}, [center], 0
    for _ in range(depth):
        found = {other for one in edge for other in near[one]} - chosen
        ordered = sorted(found, key=lambda oid: (-len(near[oid] & chosen), oid))
        edge = ordered[: MOST_DRAWN - len(chosen)]
        left_out += len(ordered) - len(edge)
        chosen.update(edge)
    return chosen, left_out


def _drawn(row: tuple[int, str, str, list[list[object]] | None], referring: set[tuple[int, str]]) -> DrawnTable:
    oid, qualified, relation, columns = row
    every = [
        DrawnColumn(str(name), str(kind), bool(required), bool(key), (oid, str(name)) in referring)
        for name, kind, required, key in columns or ()
    ]
    most = 12
    shown = every if len(every) <= most else [one for one in every if one.key or one.refers][:most]
    for one in every:
        if len(shown) >= min(most, len(every)):
            break
        if one not in shown:
            shown.append(one)
    kept = sorted(shown, key=every.index)
    return DrawnTable(oid, qualified, relation, tuple(kept), len(every) - len(kept))
