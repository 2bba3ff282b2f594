"""The snapshot that a schema is compared with: taken, kept, and brought up to date with what postai changed itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from postai.database import Database
from postai.database.identifiers import qualified, quote_ident
from postai.database.named_sql import load
from postai.errors import LockNotObtained, PostaiError, Refused, UsageError
from postai.migrate.drift import as_json, compare, from_json, schema_hash, schema_parts
from postai.migrate.drift_fixes import shown
from postai.migrate.drift_types import Difference, Part
from postai.proposals import Action
from postai.sql.parse import parse
from postai.sql.vet import ObjectRef, vet_change

TRIES = 5
_Key = tuple[str, str, str]


@dataclass(frozen=True)
class Snapshot:
    """A kept state of the schema; `content` is read when it is needed."""

    id: int
    taken_at: datetime
    hash: str
    server_version: int


@dataclass(frozen=True)
class Report:
    """What a comparison came to.

    Attributes:
        hash: of the schema as it is.
        expected: of the snapshot that it was compared with.
        taken_at: when that was taken.
        differences: none = there is no drift.
        in_flux: objects that an action of postai is changing now, which were left out.
    """

    hash: str
    expected: str
    taken_at: datetime
    differences: tuple[Difference, ...]
    in_flux: tuple[str, ...] = ()


class NoBaseline(UsageError):
    """Nobody has said yet what the schema should be."""

    def __init__(self) -> None:
        super().__init__(
            "there is nothing to compare the schema with",
            detail="No snapshot of it was taken.",
            hint="post-ai migrate baseline takes one; the agent does so when it first leads in a database.",
        )


def home(db: Database) -> str | None:
    """The schema that holds our tables; None = there are none."""
    found = db.query(load(__package__, "drift_store.sql")["home"])[0][0]
    return None if found is None else str(found)


def require_home(db: Database) -> str:
    """The schema that holds our tables, made where postai is not installed."""
    found = home(db)
    if found is None:
        with db.transaction():
            db.query(load(__package__, "drift_store.sql")["make_home"])
        found = "postai_migrate"
    return found


def newest(db: Database) -> Snapshot | None:
    """The newest snapshot; None = there is none."""
    place = home(db)
    rows = db.query(_sql(place)["newest"]) if place else []
    return Snapshot(*rows[0]) if rows else None


def take(db: Database, reason: str) -> str:
    """Say that the schema is as it should be, now; gives its hash."""
    place = require_home(db)
    return _keep(db, place, *_look(db), reason)


def drift(db: Database) -> Report:
    """How the schema differs from the newest snapshot and what postai changed since.

    Args:
        db: a session outside a transaction.

    Raises:
        NoBaseline: there is no snapshot.
    """
    changing = _running(db)
    snapshot = newest(db)
    if snapshot is None:
        raise NoBaseline
    found, expected, actual = _differing(db, snapshot)
    if found == snapshot.hash:
        return Report(found, snapshot.hash, snapshot.taken_at, ())
    differences = compare(expected, actual)
    changing.objects |= (begun := _running(db)).objects
    changing.renamed |= begun.renamed
    flux = [one for one in differences if changing.covers(one)]
    rest = tuple(one for one in differences if one not in flux)
    return Report(found, snapshot.hash, snapshot.taken_at, rest, tuple(one.object for one in flux))


class OwnChanges:
    """Takes what actions change into the snapshot, so that it is no drift, and nothing else.

    Accepted are the parts of the objects that an action's statements name which are not what they were before it. What
    somebody else changes on these objects while the action runs cannot be told apart. After a crash the snapshot stands
    in for what was there before.
    """

    def __init__(self) -> None:
        self._before: dict[int, tuple[Part, ...]] = {}

    def begins(self, db: Database, action: Action) -> None:
        """Note what the schema is before the first step; nothing where there is no snapshot."""
        if action.attempt == 1 and newest(db) is not None:
            self._before[action.id] = schema_parts(db)

    def ends(self, db: Database, action: Action) -> None:
        """Take over what the action changed, however it ended.

        Raises:
            LockNotObtained: the schema keeps changing.
        """
        before, snapshot = self._before.pop(action.id, None), newest(db)
        if snapshot is None or (before is None and action.attempt == 1):
            return
        expected = _content(db, snapshot)
        actual = schema_parts(db)
        touched = _Touched()
        for (statement,) in db.query(_sql("postai")["own"], [action.id]):
            touched.add(statement)
        merged = _merge(expected, actual, _changed(expected if before is None else before, actual, touched))
        if set(merged) != set(expected):
            _keep(db, "postai", _hash(db, merged), merged, f"action {action.id}")


def _running(db: Database) -> _Touched:
    """What actions of postai change at this moment."""
    touched = _Touched()
    if home(db) == "postai":
        for (statement,) in db.query(_sql("postai")["running"]):
            touched.add(statement)
    return touched


def _content(db: Database, snapshot: Snapshot) -> tuple[Part, ...]:
    rows = db.query(_sql(home(db) or "postai")["content"], [snapshot.id])
    return from_json(rows[0][0] or [])


def _differing(db: Database, snapshot: Snapshot) -> tuple[str, tuple[Part, ...], tuple[Part, ...]]:
    """The hash of the schema, the parts that only a snapshot has, and those that are only there now."""
    drift_sql = load(__package__, "drift.sql")
    place = require_home(db)
    text = (
        drift_sql["changes_head"] + drift_sql["objects"].replace("%", "%%") + _placed(drift_sql["changes_tail"], place)
    )
    with db.transaction():
        db.query(drift_sql["limits"])
        rows = db.query(text, [snapshot.id, snapshot.hash, snapshot.hash])
    sides: dict[int, list[Sequence[object]]] = {0: [], 1: [], 2: []}
    for side, part in rows:
        sides[side].append(part)
    return str(sides[0][0]), from_json(sides[1]), from_json(sides[2])


def _hash(db: Database, parts: Iterable[Part]) -> str:
    """What `schema_hash` would give of a schema of these parts."""
    drift_sql = load(__package__, "drift.sql")
    text = drift_sql["hash_head"] + _sql("postai")["parts"] + drift_sql["hash_tail"]
    return str(db.query(text, [json.dumps(as_json(parts))])[0][0])


def _changed(before: Iterable[Part], after: Iterable[Part], touched: _Touched) -> set[_Key]:
    """The parts of touched objects that are not what they were."""
    old = {(one.kind, one.of, one.name): one for one in before}
    new = {(one.kind, one.of, one.name): one for one in after}
    found = set()
    for key in old.keys() | new.keys():
        was, now = old.get(key), new.get(key)
        part = now or was
        if part is not None and was != now:
            texts = [None if one is None else " ".join(one.parts) for one in (was, now)]
            if touched.covers(Difference(shown(part), "changed", texts[0], texts[1], None, part)):
                found.add(key)
    return found


def _keep(db: Database, place: str, found: str, parts: Iterable[Part], reason: str) -> str:
    sql = _sql(place)
    content = json.dumps(as_json(parts))
    with db.transaction():
        number = db.query(sql["insert"], [reason, found, db.server_version, content])[0][0]
        db.execute(sql["forget"], [number])
    return found


def _look(db: Database) -> tuple[str, tuple[Part, ...]]:
    """The hash and the parts of one and the same schema."""
    before = schema_hash(db)
    for _ in range(TRIES):
        parts, after = schema_parts(db), schema_hash(db)
        if before == after:
            return after, parts
        before = after
    raise LockNotObtained(
        "the schema keeps changing while it is looked at", hint="Try again when the changes are done."
    )


def _sql(place: str) -> Mapping[str, str]:
    blocks = load(__package__, "drift_store.sql")
    return {name: _placed(text, place) for name, text in blocks.items()}


def _placed(text: str, place: str) -> str:
    return text.replace("{home}", quote_ident(place))


def _merge(expected: Iterable[Part], actual: Iterable[Part], ours: Set[_Key]) -> tuple[Part, ...]:
    """What should be there, with those parts as they are that postai itself changed."""
    return (
        *(one for one in expected if (one.kind, one.of, one.name) not in ours),
        *(one for one in actual if (one.kind, one.of, one.name) in ours),
    )


@dataclass
class _Touched:
    """Objects that statements change, by their qualified names, and names that a rename takes to other texts."""

    objects: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)

    def add(self, statements: str) -> None:
        """Note what a step's statements change; what cannot be read changes nothing that we know of."""
        try:
            parsed = parse(statements)
        except PostaiError:
            return
        for one in parsed:
            try:
                facts = vet_change(one.sql)
            except Refused:
                continue
            self.objects |= {_name(ref) for ref in (*facts.touched, *facts.creates)}
            if one.tree.DESCRIPTOR.name == "RenameStmt":
                schema = next((ref.schema for ref in facts.touched if ref.schema), None)
                self.objects |= {qualified(schema, one.tree.newname)} if schema else set()
                self.renamed |= {quote_ident(ref.name) for ref in facts.touched} | {quote_ident(one.tree.newname)}

    def covers(self, difference: Difference) -> bool:
        """Whether a difference is about one of them."""
        part = difference.part
        own = {part.of, part.of.partition("(")[0]}
        if part.kind in ("index", "statistics"):
            own.add(difference.object.partition(" ")[2])
        if part.kind == "sequence owner":
            own.add(part.parts[0])
        if part.kind == "sequence" and any(part.of.startswith(f"{one}_") for one in self.objects):
            return True  # of a serial column
        texts = f"{difference.expected or ''} {difference.actual or ''}"
        return bool(own & self.objects) or any(word in texts for word in self.renamed)


def _name(ref: ObjectRef) -> str:
    return quote_ident(ref.name) if ref.schema is None else qualified(ref.schema, ref.name)
