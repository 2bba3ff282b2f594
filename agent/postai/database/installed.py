"""Why something of schema postai cannot be read: it is not there, it is older than we are, or a right is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from postai.database import named_sql
from postai.database.errors import ServerError
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.errors import FeatureMissing, NotPermitted

_ABSENT = frozenset({"3F000", "42P01", "42883", "42501"})


@contextmanager
def reading(db: Database, role: str = "postai_reader") -> Iterator[None]:
    """A block that reads what postai installs, outside of a transaction.

    Args:
        db: the session that reads.
        role: which of postai's roles may read it.

    Raises:
        FeatureMissing: postai is not installed in this database, or an older version of it.
        NotPermitted: the session's role is no member of that role; the hint holds the GRANT.
    """
    try:
        yield
    except ServerError as error:
        if error.sqlstate not in _ABSENT:
            raise
        ((installed, current, exists, member, who),) = db.query(
            named_sql.load(__package__, "installed.sql")["why"], (role, role, role)
        )
        said = f"{error.message} ({error.sqlstate})"
        if not installed:
            raise FeatureMissing(
                f"postai is not installed in database {db.name}",
                detail=said,
                hint="Its owner installs it with: post-ai install",
            ) from error
        if not exists and error.sqlstate == "42501":
            raise NotPermitted(
                f"role {who} may not see what postai knows of database {db.name}",
                detail=said,
                hint="There are no roles of postai on this server: only the owner of schema postai may.",
            ) from error
        if exists and not member:
            raise NotPermitted(
                f"role {who} may not see what postai knows of database {db.name}",
                detail=said,
                hint=f"GRANT {role} TO {quote_ident(who)};",
            ) from error
        if not current:
            raise FeatureMissing(
                f"postai in database {db.name} is older than this program",
                detail=said,
                hint="Its owner brings it up to this version with: post-ai install",
            ) from error
        raise


def give_time(db: Database, verb: str, at_most: float | None = None) -> None:
    """Let what follows in this session take as long as postai lets a request of that verb.

    Args:
        db: a session that is given back clean, or ends.
        verb: as postai's SQL knows it: answer, migrate, drift ...
        at_most: seconds, where the caller wants less.
    """
    milliseconds = None if at_most is None else round(at_most * 1000)
    db.query(named_sql.load(__package__, "installed.sql")["time"], (milliseconds, verb))
