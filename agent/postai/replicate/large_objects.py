"""Large objects: in no stream, so they are brought over when rows are compared, before a switch, and within it.

Before the pause of a switch all of them are compared by their content, and those that differ are copied. Within the
pause, when nobody can write any more, only what changed since then is: where the role may read pg_largeobject (a
superuser) the rows' transactions tell what that is, elsewhere their content is read again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from postai.database import named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate.types import Side, own_schema

# What a lock on keeps everybody from writing large objects.
TABLES = ("pg_catalog.pg_largeobject", "pg_catalog.pg_largeobject_metadata")
CHUNK = 2**20
STATEMENT_SECONDS = 3600.0


@dataclass(frozen=True)
class Stamp:
    """Which large objects a database had, without their content; each that changes in any way has another number then.

    Attributes:
        whole: of all of them; None where this role cannot tell, or there is too much to look at.
        each: by their oid.
    """

    whole: str | None
    each: dict[int, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Meta:
    """What belongs to a large object beside its content.

    Attributes:
        owner: its owner.
        grants: (privilege, role or None for PUBLIC) of all but the owner.
        comment: or None.
    """

    owner: str
    grants: frozenset[tuple[str, str | None]]
    comment: str | None


def stamp(db: Database) -> Stamp:
    """What a later `catch_up` compares with; taken before `bring`."""
    if not may_see(db):
        return Stamp(None)
    ((whole,),) = db.query(_sql("stamp"))
    return Stamp(whole, dict(db.query(_sql("stamps"))))


def may_see(db: Database) -> bool:
    """Whether this role may read the table of all large objects, and lock it."""
    return db.query(_sql("may_see")) == [(True,)]


def any_there(db: Database) -> bool:
    """Whether a database has large objects."""
    return db.query(_sql("any")) == [(True,)]


def bring(serving: Database, other: Database, move: int, to: Side, deadline: Deadline) -> int:
    """Make the large objects of the other side those of the side that serves.

    Args:
        to: the other side. On both sides only those are removed that the move once brought to the target. On the way
            back to the source those that are there keep their owners and grants.

    Returns:
        how many were made, changed or removed.

    Raises:
        ServerError: 42501 where the role may not read or make one.
    """
    if not any_there(serving) and not any_there(other):
        return 0
    for db in (serving, other):  # a hundred of them are read by one statement
        db.query(f"set statement_timeout = {int(min(deadline.remaining(), STATEMENT_SECONDS) * 1000) or 1}")
    return _bring(serving, other, move, to, deadline, None)


def catch_up(serving: Database, other: Database, move: int, to: Side, before: Stamp, deadline: Deadline) -> int:
    """The same within the pause of a switch: nobody writes on the serving side any more.

    Args:
        before: the serving side's, taken before the last `bring`.

    Raises:
        DeadlineExceeded, Cancelled: the pause is over.
    """
    if before.whole is None:
        if not any_there(serving) and not any_there(other):
            return 0
        return _bring(serving, other, move, to, deadline, None)
    ((whole,),) = serving.query(_sql("stamp"))
    if whole == before.whole:
        return 0
    now: dict[int, str] = dict(serving.query(_sql("stamps")))
    some = {one for one in now.keys() | before.each.keys() if now.get(one) != before.each.get(one)}
    return _bring(serving, other, move, to, deadline, some)


def _bring(serving: Database, other: Database, move: int, to: Side, deadline: Deadline, some: set[int] | None) -> int:
    target = other if to is Side.TARGET else serving
    target.execute(_of("install", move))
    wanted_meta, has_meta = _meta(serving, some), _meta(other, some)
    if some is None:
        wanted, has = _contents(serving), _contents(other)
        changed = [one for one in wanted if has.get(one) != wanted[one]]
    else:
        changed = sorted(some & wanted_meta.keys())
    roles = frozenset(name for (name,) in other.query(_sql("roles")))
    ((me,),) = other.query("select current_user::text")
    done = set(changed)

    def goal(one: int) -> Meta:
        wanted, there = wanted_meta[one], has_meta.get(one)
        if to is Side.SOURCE and there is not None:  # definitions are not carried back
            return Meta(there.owner, there.grants, wanted.comment)
        return _possible(wanted, roles, me)

    for one in changed:
        deadline.check()
        with other.transaction():
            _content(serving, other, one)
            _dress(other, one, goal(one), Meta(me, frozenset(), None))
        target.execute(_of("note", move), (one,))
    for one in wanted_meta.keys() & has_meta.keys() - done:
        if goal(one) != has_meta[one]:
            with other.transaction():
                _dress(other, one, goal(one), has_meta[one])
            done.add(one)
    gone = {one for (one,) in target.query(_of("brought", move))} & (has_meta.keys() - wanted_meta.keys())
    for one in gone:
        other.query(_sql("remove"), (one,))
    return len(done) + len(gone)


def _content(serving: Database, other: Database, one: int) -> None:
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


def _possible(meta: Meta, roles: frozenset[str], instead: str) -> Meta:
    """What of it can be had where these roles are; an owner that is missing is replaced."""
    return Meta(
        meta.owner if meta.owner in roles else instead,
        frozenset((what, who) for what, who in meta.grants if who is None or who in roles),
        meta.comment,
    )


def _dress(db: Database, one: int, goal: Meta, has: Meta) -> None:
    """Owner, grants and comment; the comment first, while it is still this role's, and the owner last."""
    name = f"large object {int(one)}"
    if goal.comment != has.comment:
        ((statement,),) = db.query(_sql("comment"), (int(one), goal.comment))
        db.execute(statement)
    for word, to, grants in (("revoke", "from", has.grants - goal.grants), ("grant", "to", goal.grants - has.grants)):
        for what, who in sorted(grants, key=str):
            role = "public" if who is None else quote_ident(who)
            db.execute(f"{word} {'select' if what == 'SELECT' else 'update'} on {name} {to} {role}")
    if goal.owner != has.owner:
        db.execute(f"alter {name} owner to {quote_ident(goal.owner)}")


def _meta(db: Database, some: Iterable[int] | None) -> dict[int, Meta]:
    given = None if some is None else list(some)
    return {
        one: Meta(owner, frozenset(zip(rights, grantees, strict=True)), comment)
        for one, owner, rights, grantees, comment in db.query(_sql("meta"), (given, given))
    }


def _contents(db: Database) -> dict[int, str]:
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
