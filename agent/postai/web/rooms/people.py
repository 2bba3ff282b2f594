"""People: who is logged in as oneself, and what may be read without a login."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from pydantic import BaseModel, Field

from postai.errors import FeatureMissing, NotPermitted
from postai.people import passes
from postai.people.passes import Pass, read_passes
from postai.web.logins import Level
from postai.web.room import Room
from postai.web.visit import InDatabase, Visit, Visiting, own_form

room = Room("People", "people", "/people")


@dataclass(frozen=True, slots=True)
class LoginSeen:
    """One login of one's own. `number` names it; `this` is the one that asks."""

    number: str
    address: str
    agent: str
    begun_at: datetime
    used_at: datetime
    this: bool


@dataclass(frozen=True, slots=True)
class People:
    """Who one is here, and where one is logged in.

    Attributes:
        level: what the role may do in this database's postai.
        reads_only: whether this login stands on the dashboard's reader login.
        passes: one's own tokens and links, for operators everybody's; None = they cannot be read, see `missing`.
        has_reader: whether tokens and links can be used here.
        page: to fill in the form of a new link.
    """

    person: str
    role: str
    level: Level
    reads_only: bool
    logins: list[LoginSeen]
    passes: list[Pass] | None
    missing: str
    has_reader: bool
    page: str


class NewToken(BaseModel):
    """What a token is for, and for how many days."""

    title: str = Field(max_length=100)
    days: float = Field(default=30, gt=0, le=366)


class NewLink(BaseModel):
    """What a link is for, for how many days, and the page: its address, or what follows the database in it."""

    title: str = Field(max_length=100)
    page: str = Field(max_length=1000)
    days: float = Field(default=7, gt=0, le=366)


@dataclass(frozen=True, slots=True)
class Made:
    """The secret of a new token, or the address of a new link; neither is to be had again."""

    secret: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was revoked."""

    id: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How many logins were ended."""

    ended: int


@room.see("/people", "people.html")
def people(database: InDatabase, by: Visiting, page: str = "") -> People:
    """One's own role, logins, tokens and links."""
    session = by.session
    logins = [
        LoginSeen(one.number, one.browser.address, one.browser.agent, one.begun_at, one.used_at, one is session)
        for one in by.site.sessions.of(session.whose)
    ]
    found, missing = None, ""
    try:
        found = read_passes(database)
    except (FeatureMissing, NotPermitted) as error:
        parts = error.as_parts()
        missing = f"{parts.message}. {parts.hint or ''}"
    has_reader = by.site.settings.reader_dsn is not None
    return People(
        session.person, session.role, by.level, session.reads_only, logins, found, missing, has_reader, page[:1000]
    )


@room.do("/people/logins/{number}/end", lambda _visit, _done: ("/people", "That login is over."), own_form)
def end_login(by: Visiting, number: str) -> Ended:
    """End one login of one's own; its pages stop."""
    return Ended(by.site.sessions.end_of(by.session.whose, number))


@room.do("/people/logins/end", lambda _visit, _done: ("/people", None), own_form)
def end_logins(by: Visiting) -> Ended:
    """End every login of one's own, this one too."""
    return Ended(by.site.sessions.end_of(by.session.whose))


def _once(_visit: Visit, made: Made) -> tuple[str, str]:
    return "/people", f"Copy it now, it is not shown again: {made.secret}"


@room.do("/people/tokens", _once)
def make_token(database: InDatabase, by: Visiting, body: NewToken) -> Made:
    """A token that reads the API in this database."""
    by.site.reader("pass")
    return Made(passes.make_token(database, body.title, body.days))


@room.do("/people/links", _once)
def make_link(database: InDatabase, by: Visiting, body: NewLink) -> Made:
    """A link that shows one page of this database to whoever has it."""
    by.site.reader("pass")
    here = quote(by.database, safe="")
    secret = passes.make_link(database, body.title, body.page.removeprefix(f"/d/{here}"), body.days)
    return Made(f"/share/{here}/{secret}")


@room.do("/people/passes/{number}/revoke", lambda _visit, _done: ("/people", "Revoked."))
def revoke_pass(database: InDatabase, number: int) -> Revoked:
    """End a token or link now."""
    passes.revoke(database, number)
    return Revoked(number)
