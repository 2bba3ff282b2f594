"""Changes of the schema while a move runs: what only adds is made on the other side, everything else stops the move.

Each look compares a fingerprint of the catalogs, and the schemas only when it has changed. Where an event trigger may
be made it tells which commands it were; nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from postai.database import ServerError, named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate import ddl_add, dump_text, fence, schema, schema_compare
from postai.replicate.restore import Notes, prepared
from postai.replicate.schema import Section
from postai.replicate.schema_compare import Difference, Part
from postai.replicate.types import Finding, Level, MoveOptions, OnStep, Side, object_name, own_schema

_THERE = frozenset({"42P07", "42710", "42P06", "42723", "42701"})
# Locks, deadlocks, time limits: gone the next time.
_PASSING = frozenset({"55P03", "40P01", "57014", "40001"})
_EVENTS = ("ddl_command_end", "sql_drop")


@dataclass(frozen=True)
class Taken:
    """What a look at the schema came to.

    Attributes:
        applied: statements that were run on the subscriber.
        new_tables: tables that were made there, as schema.name; the stream has to take them up.
        unequal: tables that got a column whose older rows may have other values, or a column that was changed on both
            sides, or in its values alone: verify and repair them.
        blocking: what does not only add, each with what to do; the move must stop until it is done.
        commands: what the event trigger noted, as "ALTER TABLE shop.item".
    """

    applied: tuple[str, ...] = ()
    new_tables: tuple[str, ...] = ()
    unequal: tuple[str, ...] = ()
    blocking: tuple[Finding, ...] = ()
    commands: tuple[str, ...] = ()


def install(publisher: Database, move: int) -> bool:
    """Note each change of the schema by an event trigger, where the role may make one.

    Returns:
        whether there is one now.
    """
    fence.install(publisher, move)
    try:
        with publisher.transaction():
            publisher.query(_of("capture", move))
            for event in _EVENTS:
                name = object_name(move, event)
                if publisher.query(_of("capture_trigger", move), (name,)) == [(0,)]:
                    publisher.execute(f"create event trigger {quote_ident(name)} on {event} "
                                      f"execute function {own_schema(move)}.note_ddl()")  # fmt: skip
    except ServerError as error:
        if error.sqlstate in ("42501", "0A000"):
            return False
        raise
    return True


def remove(publisher: Database, move: int) -> None:
    """Take the event triggers away."""
    for event in _EVENTS:
        publisher.execute(f"drop event trigger if exists {quote_ident(object_name(move, event))}")
    publisher.execute(
        f"drop function if exists {own_schema(move)}.note_ddl(); drop table if exists {own_schema(move)}.ddl"
    )


def exchanged(publisher: Database, subscriber: Database, move: int) -> tuple[str, ...]:
    """What was followed as one and has different names on the two sides, as text; comparing by names cannot tell it."""
    if subscriber.query(_of("has_notes", move), (f"{own_schema(move)}.schema_object",)) != [(True,)]:
        return ()
    known = [row for row in subscriber.query(_of("objects", move)) if row[4] is not None]
    there = _called(publisher, move, [(oid, number) for oid, number, *_ in known])
    here = _called(subscriber, move, [(oid, number) for *_, oid, number, _ in known])
    both = [(there[n], here[n]) for n in sorted(there.keys() & here.keys()) if there[n] != here[n]]
    return tuple(f"what is called {'.'.join(one)} is {'.'.join(other)} on the side that follows" for one, other in both)


def changed(publisher: Database, subscriber: Database, move: int, schemas: Sequence[str] = ()) -> tuple[str, ...]:
    """Tables and columns of the publisher that are not as the last look saw them: what compared rows is older."""
    if subscriber.query(_of("has_notes", move), (f"{own_schema(move)}.schema_known",)) != [(True,)]:
        return ()
    if subscriber.query(_of("known", move)) == [(_fingerprint(publisher),)]:
        return ()
    seen = {
        (oid, number): (of, name, text) for oid, number, of, name, *_, text in subscriber.query(_of("objects", move))
    }
    stamps = _stamps(publisher)
    now = {(one.oid, one.number): one for one in schema_compare.parts(publisher, schemas) if _is_counted(one)}
    gone = tuple(" ".join(one[:2]).strip() for number, one in seen.items() if number not in now)
    new = (one.shown for number, one in now.items() if seen.get(number) != (one.of, one.name, _stamped(one, stamps)))
    return (*new, *gone)


def _called(db: Database, move: int, numbers: Sequence[tuple[int, int]]) -> dict[int, tuple[str, ...]]:
    rows = db.query(_of("called", move), ([oid for oid, _ in numbers], [number for _, number in numbers]))
    return {n: (table, column) if column else (table,) for n, table, column in rows}


# What postai itself is, or needs, in the target.
_OF_THE_HOME = frozenset({"dblink", "plpython3u", "postai", "postai_plpython"})


def tick(
    publisher_dsn: str, publisher: Database, subscriber: Database, move: int, options: MoveOptions, deadline: Deadline,
    on_step: OnStep, side: Side = Side.TARGET, programs: Path | None = None,
) -> Taken | None:  # fmt: skip
    """Look at the publisher's schema, and bring the subscriber's up to it where that only adds something.

    Added by itself: new tables and all other new objects, columns, indexes, values of enums, comments, grants and
    owners. An apply that stopped for want of a column goes on then. New tables are empty: the stream takes them up.

    Args:
        publisher_dsn: for pg_dump.
        side: which side the subscriber is, for findings.

    Returns:
        None when nothing has changed since the last look.
    """
    fence.install(subscriber, move)
    subscriber.query(_of("tables", move))
    mark = _fingerprint(publisher)
    if subscriber.query(_of("known", move)) == [(mark,)]:
        return None
    work = _Work(publisher_dsn, publisher, subscriber, move, options, deadline, side)
    work.settle()
    commands = work.commands()
    found = work.compare()
    stops = work.renamed(found, side)
    applied: tuple[str, ...] = ()
    unequal: tuple[str, ...] = ()
    new_tables: tuple[str, ...] = ()
    if found:
        applied, unequal = work.add(found, programs)
        on_step("ddl", f"{len(applied)} statements")
        left = work.compare(made={one.part.key for one in found if one.change == "missing"})
        missing = {one.part.key for one in left if one.change == "missing"}
        new_tables = tuple(
            one.part.of for one in found
            if one.change == "missing" and _is_table(one.part) and one.part.key not in missing
        )  # fmt: skip
        work.tell(left)
        named = {name for stop in stops for name in stop.objects}
        stops += [_stop(one, side, work.said) for one in left if one.part.of not in named]
    unequal = (*unequal, *work.by_hand(found))
    if not stops:
        work.know(mark)
    return Taken(applied, new_tables, unequal, tuple(stops), commands)


class _Work:
    """One look that found a change."""

    def __init__(
        self, dsn: str, publisher: Database, subscriber: Database, move: int, options: MoveOptions, deadline: Deadline,
        side: Side,
    ) -> None:  # fmt: skip
        self._dsn, self._publisher, self._subscriber = dsn, publisher, subscriber
        self._move, self._options, self._deadline, self._side = move, options, deadline, side
        ((noted,),) = subscriber.query(_of("has_notes", move), (f"{own_schema(move)}.restored",))
        # What is made on the source is whole since ever; only a target is made in parts.
        self._after_rows = side is Side.SOURCE or not noted or subscriber.query(_of("finished", move)) == [(True,)]
        self._wanted: tuple[Part, ...] = ()
        self._own: dict[tuple[str, str], tuple[int, int]] = {}
        self._renamed: frozenset[tuple[str, str]] = frozenset()
        self._stamps = _stamps(publisher)  # before the definitions: what changes meanwhile is seen by the next look
        self.said: dict[str, str] = {}

    def commands(self) -> tuple[str, ...]:
        ((there,),) = self._publisher.query(_of("has_notes", self._move), (f"{own_schema(self._move)}.ddl",))
        rows = self._publisher.query(_of("captured", self._move)) if there else []
        return tuple(f"{command} {name}".strip() for command, name in rows)

    def compare(self, made: Iterable[tuple[str, str, str, str]] = ()) -> tuple[Difference, ...]:
        """The differences.

        Args:
            made: keys of what was made from the publisher's definition just now, and may only read differently.
        """
        schemas = self._options.schemas
        self._wanted = schema_compare.parts(self._publisher, schemas, after_rows=self._after_rows)
        has = schema_compare.parts(self._subscriber, schemas, after_rows=self._after_rows)
        self._own = {(one.of, one.name): (one.oid, one.number) for one in has if _is_counted(one)}
        same = schema_compare.known_same(self._publisher, self._subscriber, self._move)
        found = schema_compare.differences(self._wanted, has, same)
        if self._side is Side.SOURCE:
            found = tuple(one for one in found if not (one.part.kind == "extension" and one.part.of in _OF_THE_HOME))
        if not made:
            return found
        noted = schema_compare.remember(
            self._publisher, self._subscriber, self._move, schemas, frozenset(made), known=found
        )
        return tuple(one for one in found if one not in noted)

    def tell(self, left: Sequence[Difference]) -> None:
        """Keep how those read on both sides that a person is asked to bring together."""
        told = [(*one.part.key, one.part.text, one.other.text) for one in left if one.other is not None]
        with self._subscriber.transaction():
            self._subscriber.execute(_of("forget_told", self._move))
            if told:
                columns = [list(one) for one in zip(*told, strict=True)]
                self._subscriber.execute(_of("tell", self._move), columns)

    def settle(self) -> None:
        """What a person has changed since it was told reads the same to them: each server writes it in its own way."""
        told = {tuple(row[:4]): row[4] for row in self._subscriber.query(_of("told", self._move))}
        if not told:
            return
        has = {one.key: one.text for one in schema_compare.parts(self._subscriber, self._options.schemas)}
        changed = frozenset(key for key, text in told.items() if has.get(key) not in (None, text))
        if changed:
            self.compare(changed)

    def renamed(self, found: Sequence[Difference], side: Side) -> list[Finding]:
        """Tables and columns that got another name, or were made anew under the same one: no other look tells them."""
        objects = self._subscriber.query(_of("objects", self._move))
        known = {(oid, number): (of, name) for oid, number, of, name, *_ in objects}
        ours = {(oid, number): tuple(own) for oid, number, _, _, *own, _ in objects}
        by_name = {value: key for key, value in known.items()}
        different = {(one.part.of, one.part.name) for one in found}
        missing = {one.part.key for one in found if one.change == "missing"}
        stops, new, taken = [], [], []
        for part in self._wanted:
            if not _is_counted(part):
                continue
            was = known.get((part.oid, part.number))
            if was is not None and was != (part.of, part.name) and (part.of, part.name) in different and (
                part.kind == "table" or was[1] != part.name
            ):  # fmt: skip
                new.append((part.of, part.name))
                stops.append(_rename(part, was, side))
            elif (
                was is not None and was != (part.of, part.name) and self._is_another(part, ours[part.oid, part.number])
            ):
                if part.kind == "table" or was[0] == part.of:
                    taken.append((part, was))
            elif was is not None or part.key in missing:
                continue
            elif (part.of, part.name) in by_name and part.kind == "table":
                stops.append(_finding(side, f"{part.of} was dropped and made anew", part.of, f"DROP TABLE {part.of}"))
            elif by_name.get((part.of, part.name), (0, 0))[0] == part.oid:
                drop = f"ALTER TABLE {part.of} DROP COLUMN {part.name}"
                stops.append(_finding(side, f"column {part.of}.{part.name} was dropped and made anew", part.of, drop))
        self._renamed = frozenset(new)
        return [*_exchanged(taken, side), *stops]

    def by_hand(self, found: Sequence[Difference]) -> tuple[str, ...]:
        """Tables that were changed since the last look and do not differ: on both sides, or by ALTER ... USING."""
        seen = {(oid, number): text for oid, number, *_, text in
                self._subscriber.query(_of("objects", self._move))}  # fmt: skip
        different = {one.part.key for one in found}
        return tuple(dict.fromkeys(
            one.of for one in self._wanted
            if _is_counted(one) and one.key not in different and (one.oid, 0) in seen
            and seen.get((one.oid, one.number)) != _stamped(one, self._stamps)
        ))  # fmt: skip

    def _is_another(self, part: Part, own: tuple[int | None, ...]) -> bool:
        """Whether what has the part's name here is not what was followed: the names were exchanged there alone."""
        now = self._own.get((part.of, part.name))
        return now is not None and own[0] is not None and now != own

    def add(self, found: Sequence[Difference], programs: Path | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Run what only adds; gives the statements that were run and the tables whose rows may differ."""
        added = ddl_add.columns(self._publisher, [one for one in found if not self._by_name(one.part)])
        waiting = [*ddl_add.enum_values(self._publisher, found), *added.statements]
        notes = Notes.read(self._subscriber, self._move)
        if ddl_add.by_dump(found):
            waiting += ddl_add.of_dump(
                self._text(programs), found, [of for of, name in self._renamed if not name], notes.known
            )
        return self._run(waiting, notes), added.unequal

    def _by_name(self, part: Part) -> bool:
        """Whether the part, or its table, only has another name now."""
        return bool(self._renamed & {(part.of, ""), (part.of, part.name)})

    def _text(self, programs: Path | None) -> tuple[str, ...]:
        """The publisher's schema by pg_dump; while rows are copied without what comes after them."""
        where = (self._dsn, self._publisher, self._subscriber, self._options)
        if self._after_rows:
            return schema.read(*where, None, self._deadline, programs)
        before = schema.read(*where, Section.PRE_DATA, self._deadline, programs)
        return (*before, *schema.keys(schema.read(*where, Section.KEYS, self._deadline, programs)))

    def _run(self, waiting: list[str], notes: Notes) -> tuple[str, ...]:
        """Run the statements, those that need others after them, until no more can be run."""
        done: list[str] = []
        with prepared(self._subscriber, self._deadline):
            while waiting:
                left = []
                for one in waiting:
                    self._deadline.check()
                    error = self._one(one, notes)
                    if error is None:
                        done.append(dump_text.shown(one, 2000))
                    elif error.sqlstate in _PASSING:
                        raise error  # the next look goes on
                    elif error.sqlstate not in _THERE:
                        left.append(one)
                        self.said[one] = error.message
                if len(left) == len(waiting):
                    break
                waiting = left
        return tuple(done)

    def _one(self, statement: str, notes: Notes) -> ServerError | None:
        try:
            if statement.startswith("alter type "):
                self._subscriber.execute(statement)  # before 12 not in a transaction
            else:
                self._subscriber.execute(f"{notes.statement([dump_text.digest(statement)])};\n{statement}")
        except ServerError as error:
            return error
        self.said.pop(statement, None)
        return None

    def know(self, mark: str) -> None:
        """Nothing is left to do for this fingerprint."""
        kept = [one for one in self._wanted if _is_counted(one)]
        own = [self._own.get((one.of, one.name), (None, None)) for one in kept]
        with self._subscriber.transaction():
            self._subscriber.query(_of("forget", self._move))
            self._subscriber.execute(_of("know", self._move), (mark,))
            columns = (
                [one.oid for one in kept],
                [one.number for one in kept],
                [one.of for one in kept],
                [one.name for one in kept],
                [oid for oid, _ in own],
                [number for _, number in own],
                [_stamped(one, self._stamps) for one in kept],
            )
            self._subscriber.execute(_of("know_objects", self._move), columns)


def _fingerprint(db: Database) -> str:
    ((mark,),) = db.query(named_sql.load(__package__, "ddl.sql")["fingerprint"])
    return str(mark)


def _stamps(db: Database) -> dict[tuple[int, int], str]:
    """By whom each column's row of the catalog was written: ALTER COLUMN ... TYPE ... USING gives other values, too."""
    return {(oid, number): stamp for oid, number, stamp in db.query(named_sql.load(__package__, "ddl.sql")["stamps"])}


def _stamped(part: Part, stamps: Mapping[tuple[int, int], str]) -> str:
    return f"{part.text} @{stamps.get((part.oid, part.number), '')}"


def _is_table(part: Part) -> bool:
    return part.kind == "table" and part.aspect == "definition"


def _is_counted(part: Part) -> bool:
    """Whether what was renamed is told by its number."""
    return _is_table(part) or (part.kind == "column" and part.aspect == "definition")


def _exchanged(taken: Sequence[tuple[Part, tuple[str, str]]], side: Side) -> list[Finding]:
    """Names that others had before: all of them in one finding, since only all of them together can be changed."""
    if not taken:
        return []
    left = {was for _, was in taken}
    what, away, back = [], [], []
    for n, (part, was) in enumerate(taken, 1):
        free = (part.of, part.name) in left
        if part.kind == "column":
            what.append(f"column {part.of}.{was[1]} is called {part.name} now")
            away += [] if free else [f"ALTER TABLE {part.of} DROP COLUMN {part.name}"]
            away.append(f"ALTER TABLE {part.of} RENAME COLUMN {was[1]} TO postai_moved_{n}")
            back.append(f"ALTER TABLE {part.of} RENAME COLUMN postai_moved_{n} TO {part.name}")
            continue
        old, new = (tuple(quote_ident(one) for one in ddl_add.names(of)) for of in (was[0], part.of))
        what.append(f"{was[0]} is called {part.of} now")
        away += [] if free else [f"DROP TABLE {part.of}"]
        away.append(f"ALTER TABLE {was[0]} RENAME TO postai_moved_{n}")
        back += [f"ALTER TABLE {old[0]}.postai_moved_{n} SET SCHEMA {new[0]}"] if old[0] != new[0] else []
        back.append(f"ALTER TABLE {new[0]}.postai_moved_{n} RENAME TO {new[1]}")
    names = tuple(dict.fromkeys(of for part, was in taken for of in (was[0], part.of)))
    words = f"{'; '.join(what)}: names that others had"
    return [Finding("schema_changed", Level.BLOCKER, side, words, names, (*away, *back))]


def _rename(part: Part, was: tuple[str, str], side: Side) -> Finding:
    if part.kind == "column":
        statement = f"ALTER TABLE {part.of} RENAME COLUMN {was[1]} TO {part.name}"
        return _finding(side, f"column {part.of}.{was[1]} is called {part.name} now", part.of, statement)
    old, new = ddl_add.names(was[0]), ddl_add.names(part.of)
    steps = []
    if old[0] != new[0]:
        steps.append(f"ALTER TABLE {was[0]} SET SCHEMA {quote_ident(new[0])}")
    if old[1] != new[1]:
        steps.append(f"ALTER TABLE {quote_ident(new[0])}.{quote_ident(old[1])} RENAME TO {quote_ident(new[1])}")
    return Finding(
        "schema_changed", Level.BLOCKER, side, f"{was[0]} is called {part.of} now", (was[0], part.of), tuple(steps)
    )


def _stop(one: Difference, side: Side, said: dict[str, str]) -> Finding:
    either = (one.part.of, ddl_add.quoted(one.part.of))
    why = next((words for statement, words in said.items() if any(name in statement for name in either)), None)
    what = f"{one.shown}{f' ({why})' if why else ''}"
    return _finding(side, what, one.part.of, ddl_add.fix(one))


def _finding(side: Side, what: str, of: str, fix: str) -> Finding:
    return Finding("schema_changed", Level.BLOCKER, side, what, (of,), (fix,))


def _of(name: str, move: int) -> str:
    return named_sql.load(__package__, "ddl.sql")[name].replace("{schema}", own_schema(move))
