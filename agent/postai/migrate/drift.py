"""What a schema consists of, its hash, and how it differs from what it should be, with the statement that mends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from postai.database import Database
from postai.database.named_sql import load
from postai.migrate.drift_fixes import HOLDERS, alter, create, drop, keeps_values, order, shown
from postai.migrate.drift_types import Difference, Part

OWNERS = ("table", "foreign table", "view", "materialized view", "domain", "sequence")
"""Kinds of objects that have parts of their own."""

_Key = tuple[str, str, str]


def schema_hash(db: Database) -> str:
    """md5 over all parts of the schema, 32 hex digits; equal hashes mean equal schemas on servers of one version."""
    sql = load(__package__, "drift.sql")
    with db.transaction():
        db.query(sql["limits"])
        return str(db.query(sql["hash_head"] + sql["objects"] + sql["hash_tail"])[0][0])


def schema_parts(db: Database) -> tuple[Part, ...]:
    """Everything that the schema consists of."""
    sql = load(__package__, "drift.sql")
    with db.transaction():
        db.query(sql["limits"])
        rows = db.query(sql["objects"])
    return tuple(Part(kind, of, name, tuple(piece or "" for piece in parts)) for kind, of, name, parts in rows)


def as_json(parts: Iterable[Part]) -> list[list[object]]:
    """The form in which snapshots hold a schema."""
    return [[one.kind, one.of, one.name, list(one.parts)] for one in parts]


def from_json(rows: Iterable[Sequence[object]]) -> tuple[Part, ...]:
    """The parts of a snapshot."""
    found = []
    for kind, of, name, parts in rows:
        pieces = parts if isinstance(parts, list) else []
        found.append(Part(str(kind), str(of), str(name), tuple(str(one) for one in pieces)))
    return tuple(found)


def compare(expected: Iterable[Part], actual: Iterable[Part], *, losing: bool = False) -> tuple[Difference, ...]:
    """The differences, in an order in which their fixes can run.

    Args:
        expected: as the schema should be.
        actual: as it is.
        losing: whether a fix may lose rows or values; if not, there is no fix where only such a one leads back.
    """
    should = {(one.kind, one.of, one.name): one for one in expected}
    there = {(one.kind, one.of, one.name): one for one in actual}
    gone, new = should.keys() - there.keys(), there.keys() - should.keys()
    found = []
    for part in (should[key] for key in gone):
        # CREATE TABLE brings the columns; DROP takes everything along.
        if part.kind != "column" or not _with_owner(part, gone):
            columns = [one for one in should.values() if one.of == part.of and one.kind == "column"]
            found.append(Difference(shown(part), "missing", _text(part), None, create(part, columns), part))
    for part in (there[key] for key in new):
        if not _with_owner(part, new) and not _owned(part, there, new):
            fix = drop(part) if losing or part.kind not in HOLDERS else None
            found.append(Difference(shown(part), "unexpected", None, _text(part), fix, part))
    for key in should.keys() & there.keys():
        one, other = should[key], there[key]
        if one.parts != other.parts:
            fix = alter(one, other) if losing or keeps_values(one, other) else None
            found.append(Difference(shown(one), "changed", _text(one), _text(other), fix, one))
    return tuple(sorted(found, key=lambda one: order(one.part, gone=one.change == "unexpected")))


def _with_owner(part: Part, others: Set[_Key]) -> bool:
    """Whether the object that a part belongs to is among the others."""
    return part.kind not in OWNERS and any((kind, part.of, "") in others for kind in OWNERS)


def _owned(part: Part, there: Mapping[_Key, Part], others: Set[_Key]) -> bool:
    """Whether a sequence goes with the table or column that owns it."""
    owner = there.get(("sequence owner", part.of, ""))
    if part.kind not in ("sequence", "sequence owner") or owner is None:
        return False
    table, column = owner.parts
    return ("table", table, "") in others or ("column", table, column) in others


def _text(part: Part) -> str:
    return " ".join(piece for piece in part.parts if piece)
