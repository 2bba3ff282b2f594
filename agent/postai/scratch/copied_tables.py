"""Empty copies of tables that look to PostgreSQL's planner like the real ones.

The planner takes the number of a table's blocks from the file, the rows in them from `pg_class.reltuples / relpages`,
and the rest from `pg_statistic`. So a copy is a file of empty blocks (rows of a rolled back savepoint) with the real
table's counts and statistics written over it. A large table's file is shorter than the real one by a factor that all
tables share; the density of rows is raised by it, so that counts of rows are right, and the planner's prices of pages
make up for it (see `prices`).

Who may write statistics: a superuser, from PostgreSQL 18 on the owner of a table, and else the functions of
sql/67_scratch.sql, where a superuser has installed them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from postai.database import Database, Row, ServerError, named_sql
from postai.database.identifiers import qualified, quote_ident
from postai.deadline import Deadline
from postai.errors import FeatureMissing, Refused
from postai.scratch.copies import TEMPORARY, lock_not_obtained, make_place, may_make_schemas, undone
from postai.scratch.redirect import redirect, redirect_index
from postai.sql.parse import parse_one

MOST_RELATIONS = 250
"""Relations that are copied at most, partitions counted: each takes some milliseconds, and a lock as each of its
indexes does."""

SMALL_PAGES = 8
"""Tables of fewer blocks are planned as they are: no index on them is worth anything."""

_OURS = frozenset({"postai", "postai_cache"})
"""Schemas whose relations, and views that read them, are nobody's to index."""

Writer = Literal["superuser", "function", "owner"]
"""By whose rights the catalog rows of copies are written."""

_STATISTICS: Mapping[Writer, str] = {
    "superuser": "copy_statistics", "function": "ask_statistics", "owner": "restore_statistics"
}  # fmt: skip
_SIZES: Mapping[Writer, str] = {"superuser": "set_sizes", "function": "ask_sizes", "owner": "restore_sizes"}

_PAD = "postai_pad"
_MAKING = "postai_making"


@dataclass(frozen=True)
class Note:
    """What could not be copied.

    Attributes:
        text: for people.
        missed: whether something may be missed that another time may be found; False = it never is looked at.
    """

    text: str
    missed: bool = True


@dataclass(frozen=True)
class _Real:
    """A relation as it is; attributes in the order of the block `tables`."""

    oid: int
    schema: str
    name: str
    kind: str
    columns: list[str]
    virtual: list[str]
    partition_key: str | None
    parent: int | None
    bound: str | None
    view: str | None
    pages: int
    tuples: float
    visible: int
    inherited: bool
    reads: list[int]


@dataclass(frozen=True)
class _Picture:
    """What there is to copy: relations, blocks on disk by oid, rows of the block `indexes`."""

    relations: Sequence[_Real]
    pages: Mapping[int, int]
    indexes: Sequence[Row]


@dataclass(frozen=True)
class Copy:
    """A copy of a table.

    Attributes:
        oid: of the copy.
        real: oid of the real one.
        place, name: of the copy, unquoted; the real table has the same name.
        schema: of the real table, unquoted.
        pages, tuples, visible: what the planner is told: blocks of the copy, rows (-1 = never analysed), all-visible
            blocks.
        partitioned: whether it has no file of its own.
        parent: oid of the real table of which the real one is a partition.
    """

    oid: int
    real: int
    place: str
    name: str
    schema: str
    pages: int
    tuples: float
    visible: int
    partitioned: bool
    parent: int | None


@dataclass
class CopiedTables:
    """The copies of one transaction.

    Attributes:
        tables: by oid of the real table.
        names: (schema, name) of a real relation -> schema of its copy.
        factor: by how much files are shorter than the real ones.
        notes: what could not be copied.
        writer: by whose rights statistics are written.
    """

    tables: dict[int, Copy] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    factor: float = 1.0
    notes: list[Note] = field(default_factory=list)
    writer: Writer = "owner"

    def write_sizes(self, db: Database, reals: Iterable[int]) -> None:
        """Tell the planner again how many rows these tables have: before 18, each new index makes it forget.

        Args:
            reals: oids of real tables; a partitioned one stands for its partitions.
        """
        wanted = set(reals)
        for one in self.tables.values():  # parents come before their partitions
            if one.parent in wanted:
                wanted.add(one.real)
        copies = [one for oid in wanted if (one := self.tables[oid]).tuples >= 0 and not one.partitioned]
        if not copies:
            return
        db.query(
            _block(_SIZES[self.writer]),
            (
                [one.oid for one in copies],
                [one.pages for one in copies],
                [one.tuples for one in copies],
                [one.visible for one in copies],
            ),
        )


def copy_tables(db: Database, oids: Iterable[int], pages_limit: int, deadline: Deadline) -> list[CopiedTables]:
    """Make the copies, with the indexes that the real tables have.

    Args:
        db: a session within `rolled_back`; its search_path is left at pg_catalog until the transaction's end.
        oids: tables, partitioned tables, materialized views, and views, whose relations are copied too; the most
            important ones first. Small tables are not copied.
        pages_limit: blocks of the longest copy.
        deadline: checked between tables.

    Returns:
        copies of all; before them, where some tables are longer than the limit, full-sized copies of those that are
        not (and of views that read no other). Temporary tables are all in one schema, so there are no such copies of
        a role that may not make others.

    Raises:
        FeatureMissing: the role cannot write statistics on this version.
        NotPermitted: it may make neither a schema nor temporary tables.
    """
    wanted = list(dict.fromkeys(oids))
    ((writer, *_),) = db.query(_block("rights"))
    if writer == "owner" and db.server_version < 180000:
        raise FeatureMissing(
            "statistics cannot be written to a copy by this role",
            detail="Before PostgreSQL 18 only a superuser can, or a function that a superuser has installed.",
            hint="CREATE EXTENSION hypopg; (from the package hypopg), or let a superuser install postai.",
        )
    db.execute("set local search_path = pg_catalog; set local jit = off")
    notes: list[Note] = []
    real = _read(db, wanted, notes)
    reals, sizes = real.relations, real.pages
    long = {one.oid for one in reals if sizes.get(one.oid, 0) > pages_limit}
    small = _without(reals, long) if long and may_make_schemas(db) else []
    factor = max(1.0, max((sizes.get(one.oid, 0) for one in reals), default=0) / pages_limit)
    made = [_Builder(db, factor, writer, deadline).build(real, reals)]
    if small:
        made.insert(0, _Builder(db, 1.0, writer, deadline).build(real, small))
    made[-1].notes[:0] = notes
    return made


class _Builder:
    """Makes one set of copies."""

    def __init__(self, db: Database, factor: float, writer: Writer, deadline: Deadline) -> None:
        self._db = db
        self._deadline = deadline
        self._places: dict[str, str] = {}
        self._made = CopiedTables(factor=factor, writer=writer)

    def build(self, picture: _Picture, reals: Sequence[_Real]) -> CopiedTables:
        """Tables, then their indexes, then what ANALYZE found, then views."""
        made = self._made
        present: dict[int, _Real] = {}
        for one in _parents_first(reals):
            self._deadline.check()
            if one.view is None and (one.parent is None or one.parent in present):
                above = None if one.parent is None else present[one.parent]
                if self._table(one, above, self._pages(picture, one)):
                    present[one.oid] = one
        names = [qualified(made.names[one.schema, one.name], one.name) for one in present.values()]
        for real, oid in self._db.query(_block("oids"), (list(present), names)):
            made.tables[real] = self._copy(oid, present[real], picture.pages.get(real, 0))
        pairs = [(one.real, one.oid) for one in made.tables.values()]
        pairs += self._indexes(picture.indexes)
        self._statistics(pairs)
        made.write_sizes(self._db, list(made.tables))
        self._views([one for one in reals if one.view is not None])
        return made

    def _pages(self, picture: _Picture, real: _Real) -> int:
        return math.ceil(picture.pages.get(real.oid, 0) / self._made.factor)

    def _copy(self, oid: int, real: _Real, blocks: int) -> Copy:
        pages = math.ceil(blocks / self._made.factor)
        share = blocks / real.pages if real.pages else 1.0  # grown since the last VACUUM, as the planner reckons
        return Copy(
            oid=oid,
            real=real.oid,
            place=self._made.names[real.schema, real.name],
            name=real.name,
            schema=real.schema,
            pages=pages,
            tuples=real.tuples * share if real.pages or real.tuples > 0 else -1.0,
            visible=min(pages, math.floor(pages * real.visible / real.pages)) if real.pages else 0,
            partitioned=real.kind == "p",
            parent=real.parent,
        )

    def _place(self, schema: str) -> str:
        if schema not in self._places:
            self._places[schema] = make_place(self._db, temporary=False)
        return self._places[schema]

    def _table(self, real: _Real, above: _Real | None, pages: int) -> bool:
        """Make a table; False = it could not be made."""
        place = self._place(real.schema)
        made = self._made
        if place == TEMPORARY and any(name == real.name for _, name in made.names):
            text = f"{qualified(real.schema, real.name)} is planned as it is: another has the same name."
            made.notes.append(Note(text))
            return False
        copy = qualified(place, real.name)
        if real.kind == "p":
            script = [f"create table {copy} ({', '.join(real.columns)}) partition by {real.partition_key}"]
        else:
            script = _heap(copy, real, pages, temporary=place == TEMPORARY)
        if real.virtual:
            script.append(f"alter table {copy} {', '.join(f'add column {one}' for one in real.virtual)}")
        if above is not None:
            parent = qualified(made.names[above.schema, above.name], above.name)
            script.append(f"alter table {parent} attach partition {copy} {real.bound}")
        why = self._try(script)
        if why:
            made.notes.append(Note(f"{qualified(real.schema, real.name)} is planned as it is: {why}."))
        else:
            made.names[real.schema, real.name] = place
        return not why

    def _indexes(self, indexes: Sequence[Row]) -> list[tuple[int, int]]:
        """The real tables' indexes on the copies; pairs of oids (real, copy) of those that hold expressions."""
        pairs = []
        scripts: dict[int, dict[str, str]] = {}
        for table, oid, name, definition, primary in indexes:
            copy = self._made.tables.get(table)
            if copy is None:
                continue
            if primary:
                own = f"alter table {qualified(copy.place, copy.name)} add constraint {quote_ident(name)} {primary}"
            else:
                # The message classes are generated: their fields are not known to the type checker.
                tree = cast("Any", parse_one(definition).tree)
                own = redirect_index(tree, name, copy.place, copy.name, whole=True)
                if any(one.index_elem.HasField("expr") for one in tree.index_params):
                    pairs.append((oid, qualified(copy.place, name)))
            scripts.setdefault(table, {})[name] = own
        for script in scripts.values():
            self._deadline.check()
            if self._try(list(script.values())):  # one of them: find out which
                for name, own in script.items():
                    if why := self._try([own]):
                        text = f"The index {quote_ident(name)} is not in the copies: {why}."
                        self._made.notes.append(Note(text, missed=False))
        found = self._db.query(_block("oids"), ([oid for oid, _ in pairs], [name for _, name in pairs]))
        return [(oid, copy) for oid, copy in found if copy is not None]

    def _statistics(self, pairs: Sequence[tuple[int, int]]) -> None:
        block = _block(_STATISTICS[self._made.writer])
        self._db.query(block, ([real for real, _ in pairs], [copy for _, copy in pairs]))

    def _views(self, views: Sequence[_Real]) -> None:
        """Views over the copies, those that read others after them."""
        waiting = list(views)
        while waiting:
            ready = [one for one in waiting if not any(other.oid in one.reads for other in waiting)]
            for one in ready:
                place = self._place(one.schema)
                try:
                    query = redirect(one.view or "", self._made.names)
                    why = self._try([f"create view {qualified(place, one.name)} as {query}"])
                except Refused as error:
                    why = error.message
                if why:
                    self._made.notes.append(Note(f"{qualified(one.schema, one.name)} is planned as it is: {why}."))
                else:
                    self._made.names[one.schema, one.name] = place
            waiting = [one for one in waiting if one not in ready] if ready else []

    def _try(self, script: Sequence[str]) -> str | None:
        """Run statements, all or none; the server's message when one fails."""
        try:
            self._db.execute("; ".join((f"savepoint {_MAKING}", *script, f"release savepoint {_MAKING}")))
        except ServerError as error:
            self._db.execute(f"rollback to savepoint {_MAKING}; release savepoint {_MAKING}")
            self._deadline.check()
            return error.message
        return None


def _heap(copy: str, real: _Real, pages: int, *, temporary: bool) -> list[str]:
    """Statements that make a table of so many blocks without a row."""
    kind = "temporary" if temporary else "unlogged"
    script = [f"create {kind} table {copy} ({_PAD} text) with (fillfactor = 10, autovacuum_enabled = off)"]
    if pages:
        fill = _block("extend") % (copy, pages)
        script += [f"savepoint {_PAD}", fill, f"rollback to savepoint {_PAD}", f"release savepoint {_PAD}"]
    changes = [*(f"add column {one}" for one in real.columns), f"drop column {_PAD}", "reset (fillfactor)"]
    return [*script, f"alter table {copy} {', '.join(changes)}"]


def _read(db: Database, wanted: Sequence[int], notes: list[Note]) -> _Picture:
    """What there is to copy; the locks that its texts need (ACCESS SHARE) end with the reading.

    Raises:
        LockNotObtained: somebody is changing the tables again and again.
    """
    for _ in range(3):
        try:
            with undone(db):
                return _picture(db, wanted, notes)
        except ServerError as error:
            if error.sqlstate != "55P03":
                raise
        notes.clear()
    raise lock_not_obtained()


def _picture(db: Database, wanted: Sequence[int], notes: list[Note]) -> _Picture:
    locked = [oid for (oid,) in db.query(_block("locked"))]
    reals = _readable(db, wanted, locked, notes)
    sizes = db.query(_block("sizes"), ([one.oid for one in reals if one.kind in "rm"],))
    pages = {oid: blocks or 0 for oid, blocks in sizes}
    worth = [one for one in reals if one.parent is not None or pages.get(one.oid, SMALL_PAGES) >= SMALL_PAGES]
    reals = _most_wanted(worth, wanted, notes)
    return _Picture(reals, pages, db.query(_block("indexes"), ([one.oid for one in reals],)))


def _readable(db: Database, oids: Sequence[int], locked: Collection[int], notes: list[Note]) -> list[_Real]:
    """The relations, with views' and partitions', that can be copied."""
    rows = db.query(_block("tables"), (list(oids), list(locked), list(locked)))
    reals = [_Real(*row) for row in rows]
    reals = _without(reals, {one.oid for one in reals if one.schema in _OURS})
    gone = set()
    for one in reals:
        why = None
        if one.oid in locked:
            why = "is locked by somebody who changes it"
        elif one.kind not in "rpmv":
            why = "is no table"
        elif one.inherited and one.kind == "r":
            why = "has tables that inherit from it"
        elif one.kind == "p" and one.partition_key is None:
            why = "is partitioned by an expression"
        if why:
            text = f"{qualified(one.schema, one.name)} {why}: it is planned as it is."
            notes.append(Note(text, missed=one.oid in locked))
            gone.add(one.oid)
    return _without(reals, gone, views=False)


def _most_wanted(reals: Sequence[_Real], wanted: Sequence[int], notes: list[Note]) -> list[_Real]:
    """As many as are copied at most, with what belongs to each: a partitioned table whole, a view with its tables."""
    by_oid = {one.oid: one for one in reals}
    children: dict[int, list[int]] = {}
    for one in reals:
        if one.parent is not None:
            children.setdefault(one.parent, []).append(one.oid)
    kept: set[int] = set()
    left = 0
    for oid in wanted:
        belonging: set[int] = set()
        waiting = [oid]
        while waiting:
            found = by_oid.get(waiting.pop())
            if found is not None and found.oid not in belonging:
                belonging.add(found.oid)
                waiting += [*children.get(found.oid, ()), *found.reads, *([found.parent] if found.parent else [])]
        if len(kept | belonging) > MOST_RELATIONS:
            left += 1
        else:
            kept |= belonging
    if left:
        text = f"{left} relations are planned as they are: at most {MOST_RELATIONS} are copied."
        notes.append(Note(text))
    return [one for one in reals if one.oid in kept]


def _without(reals: Sequence[_Real], oids: set[int], *, views: bool = True) -> list[_Real]:
    """The relations that have nothing to do with these: whole partitioned tables go with a part of them.

    Args:
        views: whether views go with one of the relations that they read; those without a text go in any case.
    """
    by_oid = {one.oid: one for one in reals}
    gone = set(oids)
    before = 0
    while len(gone) != before:
        before = len(gone)
        gone |= {by_oid[oid].parent or 0 for oid in gone if oid in by_oid}
        gone |= {one.oid for one in reals if one.parent in gone or (one.kind == "v" and one.view is None)}
        gone |= {one.oid for one in reals if views and not gone.isdisjoint(one.reads)}
    return [one for one in reals if one.oid not in gone]


def prices(db: Database, factor: float) -> Mapping[str, str]:
    """Planner settings under which plans on copies cost about what they would cost on the real tables.

    Args:
        factor: by which the files are shorter than the real ones.
    """
    ((_, sequential, random, entry, memory),) = db.query(_block("rights"))
    # The copies' indexes have no leaf pages that could be counted: an entry costs its share of one as well.
    found = {"cpu_index_tuple_cost": repr(entry + random * _ENTRY_BYTES / _LEAF_BYTES)}
    if factor > 1:
        # Each block of a copy stands for `factor` real ones that are read in sequence. Rows fetched by an index are
        # expected in a block each (as in a long file), not again and again in the few blocks of the copy that the cache
        # holds: right up to about one row per real block, where a bitmap scan becomes cheaper, whose price at its
        # limit is that of a sequential scan. Spilling to disk is priced by seq_page_cost too: it is left out.
        found["seq_page_cost"] = repr(sequential * factor)
        found["effective_cache_size"] = "1"
        found["work_mem"] = str(min(2147483647, int(memory * factor)))
    return found


_ENTRY_BYTES = 24  # of an entry with a key of 8 bytes
_LEAF_BYTES = 8192 * 0.9


def _parents_first(reals: Sequence[_Real]) -> list[_Real]:
    """In an order in which a partition comes after the table it belongs to."""
    by_oid = {one.oid: one for one in reals}

    def depth(one: _Real) -> int:
        return 0 if one.parent is None else 1 + depth(by_oid[one.parent])

    return sorted((one for one in reals), key=lambda one: (depth(one), one.oid))


def _block(name: str) -> str:
    return named_sql.load(__package__, "planner.sql")[name]
