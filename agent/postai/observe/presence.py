"""Whether a role can look at what postai knows of a database, and what to do where it cannot."""

from __future__ import annotations

from postai.database import Database, named_sql
from postai.errors import FeatureMissing, NotPermitted


def require_history(database: Database) -> None:
    """Let pass whoever may read postai's history here.

    Raises:
        FeatureMissing: postai is not installed in this database, or an older version of it.
        NotPermitted: the role may not read it.
    """
    ((installed, usage, current, readable, role, name),) = database.query(
        named_sql.load(__package__, "presence.sql")["presence"]
    )
    if not installed:
        raise FeatureMissing(
            "postai is not installed in this database",
            detail=f"There is no schema postai in {name}.",
            hint="Install it as the database's owner: post-ai install. Tables and schemas are shown without it.",
        )
    if usage and not current:
        raise FeatureMissing(
            "postai in this database is older than this program",
            detail=f"Schema postai of {name} lacks the views of the history.",
            hint="Bring it up to this version as its owner: post-ai install.",
        )
    if not readable:
        raise NotPermitted(
            "you may not see what postai knows of this database",
            detail=f"Role {role} is no member of postai_reader.",
            hint=f'Ask an administrator of the server: GRANT postai_reader TO "{role}".',
        )
