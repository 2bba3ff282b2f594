"""Teams and their members, as the server has them: seen, previewed, changed by the caller's rights (88_team.sql)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from postai.database import Database, ServerError
from postai.database.identifiers import quote_ident
from postai.database.installed import reading
from postai.database.named_sql import load
from postai.errors import ErrorParts
from postai.proposals.verbs import noting_refusals

Part = Literal["reader", "user", "operator"]
Verb = Literal["make_team", "add_member", "remove_member"]
MOST_TEAMS = 500
MOST_MEMBERS = 5000


@dataclass(frozen=True, slots=True)
class Team:
    """A role that cannot log in and has a part in postai.

    Attributes:
        title: the role's comment.
        part: reader, user or operator; none = a membership without its rights.
        connect_through: the roles to which CONNECT to this database is granted and which the team holds.
        connect_as_public: whether it may connect only because everybody may.
        owner_roles: roles it holds that own something here: what its members could apply, as operators.
        members: logins that hold it, directly or through other teams.
    """

    team: str
    title: str | None
    part: str
    may_connect: bool
    connect_through: list[str]
    connect_as_public: bool
    owner_roles: list[str]
    members: int


@dataclass(frozen=True, slots=True)
class Member:
    """A membership in a team.

    Attributes:
        kind: login, or team: a role that cannot log in.
        through: direct members of the team through which this one is in it, too.
        admin_option: whether it may add members.
        holds: whether it has the team's rights; False = it may only hand them on.
        may_connect: to this database.
        granted_by: who made it a direct member.
    """

    team: str
    member: str
    kind: str
    direct: bool
    through: list[str]
    admin_option: bool
    holds: bool
    may_connect: bool
    granted_by: list[str]


@dataclass(frozen=True, slots=True)
class Teams:
    """The teams of a database.

    Attributes:
        database: its name on the server.
        public_connects: whether everybody may connect to it.
        complete: False = there are more teams or members than are shown.
    """

    database: str
    public_connects: bool
    teams: list[Team]
    members: list[Member]
    complete: bool

    @property
    def keep_out(self) -> str:
        """The statement after which only those may connect to whom it is granted."""
        return f"REVOKE CONNECT ON DATABASE {quote_ident(self.database)} FROM PUBLIC;"

    def of(self, team: str) -> list[Member]:
        """The members of one team, direct ones first."""
        return [one for one in self.members if one.team == team]

    @property
    def logins(self) -> Mapping[str, list[Member]]:
        """What each login is a member of, by its name."""
        found: dict[str, list[Member]] = {}
        for one in sorted(self.members, key=lambda member: member.member):
            if one.kind == "login":
                found.setdefault(one.member, []).append(one)
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to a team: `member` for adding and removing, `part` and `title` for making."""

    verb: Verb
    team: str
    member: str = ""
    part: Part = "user"
    title: str | None = None


@dataclass(frozen=True, slots=True)
class TeamPreview:
    """What a change would do, looked at without doing it.

    Attributes:
        statements: what will run, with the caller's rights; empty while the change is not named in full.
        refused: why the caller could not do it now; None = nothing stands against it.
    """

    change: Change
    statements: list[str]
    refused: ErrorParts | None

    @property
    def grants_connect(self) -> bool:
        """Whether a new team may connect by a grant of its own: the caller may give that."""
        return any(one.startswith("GRANT CONNECT ") for one in self.statements)


class _TakenBack(Exception):
    """Rolls the transaction of a look back."""


def read_teams(db: Database) -> Teams:
    """Teams with their members, who may connect, and what they own here; the server's roles, not this login's."""
    blocks = load(__package__, "teams.sql")
    with reading(db):
        ((name, public),) = db.query(blocks["database"])
        teams = [Team(*row) for row in db.query(blocks["teams"], (MOST_TEAMS + 1,))]
        members = [Member(*row) for row in db.query(blocks["members"], (MOST_MEMBERS + 1,))]
    complete = len(teams) <= MOST_TEAMS and len(members) <= MOST_MEMBERS
    return Teams(name, public, teams[:MOST_TEAMS], members[:MOST_MEMBERS], complete)


def own_teams(db: Database) -> list[Member]:
    """The teams that the connection's role is in."""
    with reading(db):
        return [Member(*row) for row in db.query(load(__package__, "teams.sql")["own"])]


def preview(db: Database, change: Change) -> TeamPreview:
    """What a change would do: it is made, with all of its checks, in a transaction that is rolled back.

    Args:
        db: the caller's session, outside of a transaction.
        change: without a team, or the member that it is about, nothing is looked at.
    """
    if not change.team or (change.verb != "make_team" and not change.member):
        return TeamPreview(change, [], None)
    statements: list[str] = []
    try:
        with reading(db), db.transaction():
            statements = _run(db, change)
            raise _TakenBack
    except _TakenBack:
        return TeamPreview(change, statements, None)
    except ServerError as error:
        return TeamPreview(change, [], error.as_parts())


def carry_out(db: Database, change: Change) -> list[str]:
    """Make a change; the statements that ran.

    Raises:
        ServerError: the server or postai refused; PA006 has the GRANT that the caller lacks.
    """
    with noting_refusals(db, change.verb, f"team {change.team}"), reading(db):
        return _run(db, change)


def _run(db: Database, change: Change) -> list[str]:
    about = (change.part, change.title or None) if change.verb == "make_team" else (change.member,)
    return [row[0] for row in db.query(load(__package__, "teams.sql")[change.verb], (change.team, *about))]
