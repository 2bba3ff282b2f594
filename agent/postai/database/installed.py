"""Why something of schema postai cannot be read: it is not installed, or the role lacks a right."""

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
        FeatureMissing: postai is not installed in this database.
        NotPermitted: the session's role is no member of that role; the hint holds the GRANT.
    """
    try:
        yield
    except ServerError as error:
        if error.sqlstate not in _ABSENT:
            raise
        ((installed, exists, member, who),) = db.query(
            named_sql.load(__package__, "installed.sql")["why"], (role, role, role)
        )
        if not installed:
            raise FeatureMissing(
                f"postai is not installed in database {db.name}",
                detail=f"{error.message} ({error.sqlstate})",
                hint="Its owner installs it with: post-ai install",
            ) from error
        if exists and not member:
            raise NotPermitted(
                f"role {who} may not see this",
                detail=f"{error.message} ({error.sqlstate})",
                hint=f"GRANT {role} TO {quote_ident(who)};",
            ) from error
        raise
