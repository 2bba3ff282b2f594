"""People: who is logged in as oneself, what may be read without a login, and the teams of the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from pydantic import BaseModel, Field

from postai.errors import FeatureMissing, NotPermitted
from postai.people import passes, teams
from postai.people.passes import Pass, note_login_ended, read_passes
from postai.people.teams import Change, Member, Part, TeamPreview, Teams, own_teams, read_teams
from postai.web.fields import Text
from postai.web.logins import Level, server_of
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
class OthersLogin:
    """A login of somebody else as a role of this database's server, as operators see it."""

    number: str
    role: str
    address: str
    agent: str
    begun_at: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class People:
    """Who one is here, and where one is logged in.

    Attributes:
        level: what the role may do in this database's postai.
        reads_only: whether this login stands on the dashboard's reader login.
        teams: that the role is in.
        passes: one's own tokens and links, for operators everybody's; None = they cannot be read, see `missing`.
        has_reader: whether tokens and links can be used here.
        page: to fill in the form of a new link.
        others: logins of other people; None = one is no operator here.
    """

    person: str
    role: str
    level: Level
    reads_only: bool
    logins: list[LoginSeen]
    teams: list[Member]
    passes: list[Pass] | None
    missing: str
    has_reader: bool
    page: str
    others: list[OthersLogin] | None


class NewToken(BaseModel):
    """What a token is for, and for how many days."""

    title: str = Field(max_length=100)
    days: float = Field(default=30, gt=0, le=366)


class NewLink(BaseModel):
    """What a link is for, for how many days, and the page: its address, or what follows the database in it."""

    title: str = Field(max_length=100)
    page: str = Field(max_length=1000)
    days: float = Field(default=7, gt=0, le=366)


class NewTeam(BaseModel):
    """A team: a role that cannot log in; its part in postai, and who they are."""

    team: str = Field(max_length=200)
    part: Part = "user"
    title: Text = Field(default=None, max_length=200)


class Membership(BaseModel):
    """A team, and the login or team that is to be in it or no longer."""

    team: str = Field(max_length=200)
    member: str = Field(max_length=200)


@dataclass(frozen=True, slots=True)
class TeamChanged:
    """What was done to a team, and the statements that ran."""

    team: str
    statements: list[str]


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
    found, missing, mine = None, "", []
    try:
        found, mine = read_passes(database), own_teams(database)
    except (FeatureMissing, NotPermitted) as error:
        parts = error.as_parts()
        missing = f"{parts.message}. {parts.hint or ''}"
    has_reader = by.site.settings.reader_dsn is not None
    return People(
        session.person, session.role, by.level, session.reads_only, logins, mine, found, missing, has_reader,
        page[:1000], _others(by),
    )  # fmt: skip


@room.do("/people/logins/{number}/end", lambda _visit, _done: ("/people", "That login is over."), own_form)
def end_login(by: Visiting, number: str) -> Ended:
    """End one login of one's own; its pages stop."""
    return Ended(by.site.sessions.end_of(by.session.whose, number))


@room.do("/people/logins/end", lambda _visit, _done: ("/people", None), own_form)
def end_logins(by: Visiting) -> Ended:
    """End every login of one's own, this one too."""
    return Ended(by.site.sessions.end_of(by.session.whose))


def _others(by: Visit) -> list[OthersLogin] | None:
    if by.level != "operator" or by.session.reads_only:
        return None
    found = by.site.sessions.of_others(server_of(by.site.database(by.database).dsn), by.session.whose)
    return [
        OthersLogin(one.number, one.role, one.browser.address, one.browser.agent, one.begun_at, one.used_at)
        for one in found
    ]


@room.do("/people/others/{number}/end", lambda _visit, _done: ("/people", "That login is over."))
def end_others_login(database: InDatabase, by: Visiting, number: str) -> Ended:
    """End a login of somebody else as a role of this database's server; for operators, and an event."""
    theirs = by.site.sessions.of_others(server_of(by.site.database(by.database).dsn), by.session.whose)
    login = next((one for one in theirs if one.number == number), None)
    if login is None:
        return Ended(0)
    note_login_ended(database, login.role)  # refuses who is no operator
    return Ended(by.site.sessions.end_of(login.whose, number))


@room.make("/people/tokens", "made.html")
def make_token(database: InDatabase, by: Visiting, body: NewToken) -> Made:
    """A token that reads the API in this database."""
    by.site.reader("pass")
    return Made(passes.make_token(database, body.title, body.days))


@room.make("/people/links", "made.html")
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


@room.see("/people/teams", "teams.html")
def read_database_teams(database: InDatabase) -> Teams:
    """Teams of this database: members, part, who may connect, what they could apply to."""
    return read_teams(database)


@room.see("/people/teams/preview", "team_preview.html")
def preview_team(
    database: InDatabase,
    verb: teams.Verb = "make_team",
    team: str = "",
    member: str = "",
    part: Part = "user",
    title: str = "",
) -> TeamPreview:
    """The statements that a change of a team would run, or why it would be refused; nothing is changed."""
    return teams.preview(database, Change(verb, team, member, part, title or None))


def _changed(message: str) -> Callable[[Visit, TeamChanged], tuple[str, str | None]]:
    return lambda _, done: ("/people/teams", message.format(team=done.team, ran="; ".join(done.statements)))


@room.do("/people/teams/make_team", _changed("Team {team} is made: {ran}"))
def make_team(database: InDatabase, body: NewTeam) -> TeamChanged:
    """Make a team, with one's own rights."""
    change = Change("make_team", body.team, part=body.part, title=body.title)
    return TeamChanged(body.team, teams.carry_out(database, change))


@room.do("/people/teams/add_member", _changed("Done: {ran}"))
def add_team_member(database: InDatabase, body: Membership) -> TeamChanged:
    """Add a login or a team to a team, with one's own rights."""
    return TeamChanged(body.team, teams.carry_out(database, Change("add_member", body.team, body.member)))


@room.do("/people/teams/remove_member", _changed("Done: {ran}"))
def remove_team_member(database: InDatabase, body: Membership) -> TeamChanged:
    """Take a direct member out of a team, with one's own rights."""
    return TeamChanged(body.team, teams.carry_out(database, Change("remove_member", body.team, body.member)))
