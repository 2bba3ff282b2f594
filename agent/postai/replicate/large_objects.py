"""Large objects: they are in no stream, so they are brought over when rows are compared and before a switch.

What is written to them between that and the pause stays behind; the check says so.
"""

from __future__ import annotations

from postai.database import named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate.types import Side, own_schema

CHUNK = 2**20
STATEMENT_SECONDS = 3600.0


def bring(serving: Database, other: Database, move: int, to: Side, deadline: Deadline) -> int:
    """Make the large objects of the other side those of the side that serves.

    Args:
        to: the other side. On both sides only those are removed that the move once brought to the target.

    Returns:
        how many were made, changed or removed.

    Raises:
        ServerError: 42501 where the role may not read or make one.
    """
    if serving.query(_sql("any")) == [(False,)] and other.query(_sql("any")) == [(False,)]:
        return 0
    for db in (serving, other):  # a hundred of them are read by one statement
        db.query(f"set statement_timeout = {int(min(deadline.remaining(), STATEMENT_SECONDS) * 1000) or 1}")
    target = other if to is Side.TARGET else serving
    target.execute(_of("install", move))
    wanted, has = _all(serving), _all(other)
    changed = [one for one in wanted if has.get(one) != wanted[one]]
    for one in changed:
        deadline.check()
        with other.transaction():
            _bring_one(serving, other, one)
        target.execute(_of("note", move), (one,))
    gone = {one for (one,) in target.query(_of("brought", move))} & (has.keys() - wanted.keys())
    for one in gone:
        other.query(_sql("remove"), (one,))
    return len(changed) + len(gone)


def _bring_one(serving: Database, other: Database, one: int) -> None:
    other.query(_sql("remove"), (one,))
    other.query(_sql("make"), (one,))
    at = 0
    while True:
        ((data,),) = serving.query(_sql("read"), (one, at, CHUNK))
        if data:
            other.query(_sql("write"), (one, at, data))
        at += len(data)
        if len(data) < CHUNK:
            break
    ((owner, grants),) = serving.query(_sql("owner"), (one,))
    other.execute(f"alter large object {int(one)} owner to {quote_ident(owner)}")
    for grant in grants:
        other.execute(grant)


def _all(db: Database) -> dict[int, str]:
    """Each with a hash of its content."""
    statement = named_sql.load(__package__, "verify.sql")["large_objects"]
    found: dict[int, str] = {}
    last = 0
    while rows := db.query(statement, (last,)):
        found.update(rows)
        last = max(found)
    return found


def _of(name: str, move: int) -> str:
    return _sql(name).replace("{schema}", own_schema(move))


def _sql(name: str) -> str:
    return named_sql.load(__package__, "large_objects.sql")[name]
