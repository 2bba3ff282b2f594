"""API tokens, and links that show one page: made, listed, revoked and recognized (sql/87_web.sql keeps them)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from postai.database import Database
from postai.database.installed import reading
from postai.database.named_sql import load

PassKind = Literal["token", "link"]


@dataclass(frozen=True, slots=True)
class Pass:
    """One token or link, without its secret.

    Attributes:
        prefix: how the secret begins, to tell one from another.
        title: what it is for.
        page: what a link shows, below the database.
        state: open, expired or revoked.
    """

    id: int
    kind: PassKind
    prefix: str
    title: str
    page: str | None
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_by: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Found:
    """An open token or link whose secret was shown."""

    id: int
    made_by: str
    title: str
    page: str | None


def read_passes(db: Database) -> list[Pass]:
    """One's own tokens and links, for operators everybody's; open ones first."""
    with reading(db):
        return [Pass(*row) for row in db.query(load(__package__, "passes.sql")["list"])]


def make_token(db: Database, title: str, days: float) -> str:
    """A new token for the API in this database; its secret is not to be had again."""
    with reading(db):
        ((secret,),) = db.query("select postai.api_token(%s, %s * interval '1 day')", (title, days))
    return str(secret)


def make_link(db: Database, title: str, page: str, days: float) -> str:
    """The secret of a new link to one page, a path below the database; it is not to be had again."""
    with reading(db):
        ((secret,),) = db.query("select postai.share_link(%s, %s, %s * interval '1 day')", (title, page, days))
    return str(secret)


def revoke(db: Database, number: int) -> None:
    """End a token or link now."""
    with reading(db):
        db.query("select postai.revoke_pass(%s)", (number,))


def find(db: Database, kind: PassKind, secret: str) -> Found | None:
    """The open token or link that has this secret; None = there is none, or who made it may no longer read here.

    Only a hash of the secret is looked up, and only one whole hash: what time that takes says nothing about others.
    """
    with reading(db):
        rows = db.query(load(__package__, "passes.sql")["find"], (kind, secret))
    return Found(*rows[0]) if rows else None


def note_login_ended(db: Database, login: str) -> None:
    """Record that an operator ends a login of somebody else to the dashboard.

    Raises:
        NotPermitted: as ServerError PA006, for who is no operator.
    """
    with reading(db, "postai_operator"):
        db.query("select postai._note_login_ended(%s)", (login,))
