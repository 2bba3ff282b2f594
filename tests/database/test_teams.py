"""Teams: what the server's roles are shown as, and changing them with the caller's rights and no others."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from agent_support import wait_for

from conftest import TestDatabase, drop_database, make_database, put_postai
from postai.database.identifiers import quote_ident
from postai.setup.server import LocalServer


@dataclass
class Home:
    """A database with postai, and roles of this test alone; a role's password is its name."""

    database: TestDatabase
    mark: str
    made: list[str] = field(default_factory=list)

    @property
    def major(self) -> int:
        return self.database.server.binaries.major

    def name(self, word: str) -> str:
        """A role's name, of this test alone; the role goes with the test."""
        whole = f"{word}_{self.mark}"
        if whole not in self.made:
            self.made.append(whole)
        return whole

    def role(self, word: str, options: str = "login", *groups: str) -> str:
        name = self.name(word)
        password = f" password {quote_literal(name)}" if "nologin" not in options else ""
        self.database.execute(f"create role {quote_ident(name)} {options}{password}")
        for group in groups:
            self.database.execute(f"grant {quote_ident(group)} to {quote_ident(name)}")
        return name

    def run(self, user: str | None, call: str, *given: Any) -> list[Any]:
        with self.database.connect(user) as connection:
            rows = connection.execute(f"select * from postai.{call}", given).fetchall()  # type: ignore[arg-type]
        return [row[0] for row in rows]

    def refused(self, user: str | None, call: str, *given: Any) -> psycopg.errors.Diagnostic:
        with pytest.raises(psycopg.Error) as caught:
            self.run(user, call, *given)
        return caught.value.diag

    def team(self, name: str) -> dict[str, Any]:
        ((row,),) = self.database.execute(
            f"select to_jsonb(t) from postai.teams as t where team = {quote_literal(name)}"
        )
        assert isinstance(row, dict)
        return row

    def members(self, team: str) -> dict[str, dict[str, Any]]:
        rows = self.database.execute(
            f"select to_jsonb(m) from postai.team_members as m where team = {quote_literal(team)} order by member"
        )
        return {row["member"]: row for (row,) in rows}  # type: ignore[index]

    def events(self) -> list[Any]:
        return self.database.execute(
            "select actor::text, kind, subject, detail from postai.event where kind like 'team.%' order by id"
        )

    def maker(self) -> str:
        """Somebody who may make teams: what the hints of a refusal say, and nothing more."""
        name = self.role("maker", "login createrole", "postai_reader")
        self.database.execute(f"grant postai_user to {quote_ident(name)} with admin option")
        return name


def quote_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.fixture(params=["pg15", "pg18"])
def home(request: pytest.FixtureRequest) -> Iterator[Home]:
    server: LocalServer = request.getfixturevalue(request.param)
    database = make_database(server)
    put_postai(database)
    one = Home(database, uuid.uuid4().hex[:8])
    try:
        yield one
    finally:
        for name in one.made:
            if database.execute(f"select 1 from pg_roles where rolname = {quote_literal(name)}"):
                database.execute(f"drop owned by {quote_ident(name)} cascade")
        left = [
            name
            for name in one.made
            if database.execute(f"select 1 from pg_roles where rolname = {quote_literal(name)}")
        ]
        database.execute(
            f"reassign owned by {', '.join(map(quote_ident, left))} to current_user" if left else "select 1"
        )
        database.execute(f"alter database {database.name} owner to current_user")
        if left:
            database.execute(f"drop role {', '.join(map(quote_ident, left))}")
        drop_database(database)


def test_a_team_is_made_and_members_come_and_go(home: Home) -> None:
    maker, ann, sales = home.maker(), home.role("ann"), home.name("sales")
    ran = home.run(maker, "make_team(%s, %s, %s)", sales, "user", "People who sell")
    assert ran == [
        f"CREATE ROLE {sales} NOLOGIN",
        f"COMMENT ON ROLE {sales} IS 'People who sell'",
        f"GRANT postai_user TO {sales}",
    ]
    team = home.team(sales)
    assert (team["title"], team["part"], team["members"], team["owner_roles"]) == ("People who sell", "user", 0, [])
    assert home.run(maker, "add_member(%s, %s)", sales, ann) == [f"GRANT {sales} TO {ann}"]
    assert home.team(sales)["members"] == 1
    member = home.members(sales)[ann]
    assert (member["kind"], member["direct"], member["through"], member["holds"], member["admin_option"]) == (
        "login", True, [], True, False)  # fmt: skip
    assert member["granted_by"] == [maker]
    assert home.database.execute("select part from postai.teams", ann), "the member may what the team may"
    (ran_last,) = home.run(maker, "remove_member(%s, %s)", sales, ann)
    assert ran_last == f"REVOKE {sales} FROM {ann}" + (f" GRANTED BY {maker}" if home.major >= 16 else "")
    assert ann not in home.members(sales)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        home.database.execute("select part from postai.teams", ann)
    assert home.events() == [
        (maker, "team.made", f"team {sales}", {"part": "user", "title": "People who sell"}),
        (maker, "team.member_added", f"team {sales}", {"member": ann}),
        (maker, "team.member_removed", f"team {sales}", {"member": ann}),
    ]
    assert home.database.execute("select * from postai._verify_events()") == []


def test_the_event_names_the_person_that_the_session_acts_for(home: Home) -> None:
    maker, sales = home.maker(), home.name("sales")
    with home.database.connect(maker) as connection:
        connection.execute("select set_config('postai.person', 'ada@shop.example', false)")
        connection.execute("select postai.make_team(%s)", (sales,))
    ((actor, _, _, detail),) = home.events()
    assert (actor, detail["claimed_person"]) == (maker, "ada@shop.example")


def test_an_operator_without_createrole_is_told_what_is_lacking(home: Home) -> None:
    olga, sales = home.role("olga", "login", "postai_operator"), home.name("sales")
    told = home.refused(olga, "make_team(%s, 'operator', 'x')", sales)
    assert told.sqlstate == "PA006"
    assert told.message_primary == f"role {olga} may not make team {sales}"
    assert "permission denied" in str(told.message_detail)
    hint = str(told.message_hint)
    by_hand = f"CREATE ROLE {sales} NOLOGIN; COMMENT ON ROLE {sales} IS 'x'; GRANT postai_operator TO {sales};"
    lacking, _, rest = hint.partition("\n")
    assert rest == f"Or an administrator runs: {by_hand}"
    assert lacking == f"ALTER ROLE {olga} CREATEROLE;" + (
        f" GRANT postai_operator TO {olga} WITH ADMIN OPTION;" if home.major >= 16 else ""
    )
    assert home.events() == [] and not home.database.execute(f"select 1 from pg_roles where rolname = '{sales}'")
    home.database.execute(lacking)
    home.run(olga, "make_team(%s, 'operator', 'x')", sales)
    assert home.team(sales)["part"] == "operator"


def test_of_createrole_alone_the_server_decides(home: Home) -> None:
    """Before 16 it makes members of everything that is no superuser, from 16 on of what one has ADMIN OPTION for."""
    sales, ann = home.role("sales", "nologin", "postai_reader"), home.role("ann")
    dave = home.role("dave", "login createrole", "postai_reader")
    if home.major < 16:
        assert home.run(dave, "add_member(%s, %s)", sales, ann) == [f"GRANT {sales} TO {ann}"]
        return
    told = home.refused(dave, "add_member(%s, %s)", sales, ann)
    assert told.sqlstate == "PA006"
    assert told.message_hint == (
        f"GRANT {sales} TO {dave} WITH ADMIN OPTION;\nOr an administrator runs: GRANT {sales} TO {ann};"
    )
    told = home.refused(dave, "make_team(%s)", home.name("other"))
    assert 'ADMIN option on role "postai_user"' in str(told.message_detail)
    assert f"GRANT postai_user TO {dave} WITH ADMIN OPTION;" in str(told.message_hint)
    assert "CREATEROLE" not in str(told.message_hint), "that is there"


def test_the_admin_option_is_enough(home: Home) -> None:
    sales, ann = home.role("sales", "nologin", "postai_reader"), home.role("ann")
    olga = home.role("olga", "login", "postai_reader")
    told = home.refused(olga, "add_member(%s, %s)", sales, ann)
    assert str(told.message_hint).startswith(f"GRANT {sales} TO {olga} WITH ADMIN OPTION;")
    home.database.execute(f"grant {sales} to {olga} with admin option")
    home.run(olga, "add_member(%s, %s)", sales, ann)
    assert home.members(sales)[olga]["admin_option"] is True
    assert home.members(sales)[ann]["admin_option"] is False
    told = home.refused(ann, "remove_member(%s, %s)", sales, olga)
    assert told.sqlstate == "PA006", "a plain member takes nobody out"
    assert {row[1] for row in home.events()} == {"team.member_added"}


def test_who_has_no_part_may_not_even_ask(home: Home) -> None:
    nora = home.role("nora")
    for call in ("make_team('x')", "add_member('x', 'y')", "remove_member('x', 'y')", "teams", "team_members"):
        assert home.refused(nora, call).sqlstate == "42501", call


def test_nobody_writes_an_event_of_what_he_may_not_do(home: Home) -> None:
    sales, olga = home.role("sales", "nologin", "postai_reader"), home.role("olga", "login", "postai_operator")
    note = "_note_team(%s, %s, 'ann', null, null)"
    assert home.run(olga, note, "team.member_added", sales) == [False]
    home.database.execute(f"grant {sales} to {olga} with admin option")
    assert home.run(olga, note, "proposal.applied", sales) == [False], "events of teams only"
    assert home.events() == []


HOSTILE = [
    'a"; drop role postai_user; --', "Große Küche", "%s {team} $1", "<script>alert(1)</script>", "o'brien\\",
    "SELECT", "*",
]  # fmt: skip


def test_names_are_names_whatever_is_in_them(home: Home) -> None:
    maker = home.maker()
    for word in HOSTILE:
        team, member = home.name(word), home.role(f"m {word}")
        title = "it's $$ \\ </title> " + word
        home.run(maker, "make_team(%s, 'user', %s)", team, title)
        home.run(maker, "add_member(%s, %s)", team, member)
        assert home.team(team)["title"] == title
        assert home.members(team)[member]["holds"] is True
        home.run(maker, "remove_member(%s, %s)", team, member)
        assert member not in home.members(team)
        assert [row[2] for row in home.events()][-3:] == [f"team {team}"] * 3
    assert home.database.execute("select 1 from pg_roles where rolname = 'postai_user'")


def test_a_name_made_by_hand_with_a_line_break_is_shown_and_changed(home: Home) -> None:
    team, ann = home.role("two\nlines", "nologin", "postai_reader"), home.role("ann")
    home.run(None, "add_member(%s, %s)", team, ann)
    assert home.members(team)[ann]["direct"] is True


def test_what_cannot_name_a_team(home: Home) -> None:
    for name in ("", None, "x" * 64, "ü" * 32, "a\nb", "a\x7f"):
        assert home.refused(None, "make_team(%s)", name).sqlstate == "22023", name
    for name in ("public", "none", "pg_mine", "PG_mine", "postai_mine", "PostAI_mine"):
        told = home.refused(None, "make_team(%s)", name)
        assert told.sqlstate == "42939" and told.message_hint, name
    assert home.events() == []


def test_a_name_of_63_bytes_is_kept_whole(home: Home) -> None:
    team, ann = home.name("x" * 54), home.role("y" * 54)
    assert len(team) == 63
    home.run(None, "make_team(%s)", team)
    home.run(None, "add_member(%s, %s)", team, ann)
    assert list(home.members(team)) == [ann]
    assert home.refused(None, "add_member(%s, %s)", team + "z", ann).sqlstate == "42704", (
        "it is not cut to another's name"
    )


def test_arguments_that_mean_nothing(home: Home) -> None:
    sales = home.role("sales", "nologin", "postai_reader")
    for call, given, sqlstate in (
        ("make_team(%s, 'owner')", ("x",), "22023"), ("make_team(%s, null)", ("x",), "22023"),
        ("make_team(%s, 'user', '')", ("x",), "22023"), ("make_team(%s, 'user', %s)", ("x", "t" * 201), "22023"),
        ("make_team(%s)", (sales,), "42710"),
        ("make_team(%s)", (home.role("ann"),), "42710"),
        ("add_member(%s, %s)", (sales, "nobody at all"), "42704"), ("add_member(%s, %s)", (sales, None), "42704"),
        ("add_member(%s, %s)", (sales, "public"), "42704"), ("add_member(null, %s)", (sales,), "42704"),
        ("add_member(%s, %s)", ("no such team", sales), "42704"), ("remove_member(%s, %s)", (sales, sales), "42704"),
        ("add_member(%s, %s)", (sales, sales), "0LP01"),
    ):  # fmt: skip
        told = home.refused(None, call, *given)
        assert told.sqlstate == sqlstate, (call, given, told.message_primary)
        assert told.message_hint, call
    assert home.events() == []


def test_what_is_no_team_and_who_is_no_member(home: Home) -> None:
    sales, ann = home.role("sales", "nologin", "postai_reader"), home.role("ann", "login", "postai_reader")
    agent, group = home.role("agent", "login", "postai_agent"), home.role("plain", "nologin")
    boss, transport = (
        home.role("boss", "nologin superuser", "postai_operator"),
        f"postai_transport_{int(home.mark, 16)}",
    )
    below_boss = home.role("below", "nologin", "postai_reader", boss)
    agents = home.role("agents", "nologin", "postai_agent", "postai_reader")
    home.made.append(transport)
    home.database.execute(f"create role {transport} login")
    for team in (
        "postai_reader",
        "postai_user",
        "postai_operator",
        "postai_agent",
        "pg_monitor",
        boss,
        agents,
        home.database.server.superuser,
    ):
        for verb in ("add_member", "remove_member"):
            assert home.refused(None, f"{verb}(%s, %s)", team, ann).sqlstate == "PA003", (verb, team)
    assert home.refused(None, "add_member(%s, %s)", below_boss, ann).sqlstate == "PA003"
    for team in (ann, group):
        told = home.refused(None, "add_member(%s, %s)", team, ann)
        assert told.sqlstate == "42809" and told.message_detail and told.message_hint
    for member in ("postai_reader", "postai_user", "postai_operator", "postai_agent", "pg_monitor", agent, transport):
        for verb in ("add_member", "remove_member"):
            assert home.refused(None, f"{verb}(%s, %s)", sales, member).sqlstate == "PA003", (verb, member)
    shown = {row[0] for row in home.database.execute("select team::text from postai.teams")}
    assert {sales, below_boss} <= shown
    assert not shown & {
        ann,
        group,
        boss,
        agents,
        agent,
        "postai_reader",
        "postai_user",
        "postai_operator",
        "postai_agent",
    }
    assert home.events() == []


def test_teams_inside_of_teams(home: Home) -> None:
    sales, desk, ann = home.role("sales", "nologin", "postai_user"), home.role("desk", "nologin"), home.role("ann")
    home.run(None, "add_member(%s, %s)", sales, desk)
    home.run(None, "add_member(%s, %s)", desk, ann)
    member = home.members(sales)[ann]
    assert (member["direct"], member["through"], member["holds"], member["granted_by"]) == (False, [desk], True, [])
    assert (home.members(sales)[desk]["kind"], home.team(sales)["members"], home.team(desk)["part"]) == (
        "team",
        1,
        "user",
    )
    told = home.refused(None, "add_member(%s, %s)", desk, sales)
    assert told.sqlstate == "0LP01" and told.message_primary == f"{sales} cannot be a member of team {desk}"
    told = home.refused(None, "remove_member(%s, %s)", sales, ann)
    assert told.sqlstate == "42704" and told.message_detail == f"It is one through {desk}."
    home.run(None, "add_member(%s, %s)", sales, ann)
    member = home.members(sales)[ann]
    assert (member["direct"], member["through"]) == (True, [desk])
    home.run(None, "remove_member(%s, %s)", sales, ann)
    assert (home.members(sales)[ann]["direct"], home.team(sales)["members"]) == (False, 1)


def test_many_ways_to_the_same_member_are_one_line(home: Home) -> None:
    """Fourteen layers of two teams, each a member of both above: 8192 ways from the top to the bottom."""
    layers = [[home.role(f"l{depth}_{side}", "nologin") for side in range(2)] for depth in range(14)]
    top, ann = home.role("top", "nologin", "postai_reader"), home.role("ann")
    for above, below in zip([[top], *layers], [*layers, [ann]], strict=True):
        for group in above:
            home.database.execute(f"grant {group} to {', '.join(below)}")
    members = home.members(top)
    assert len(members) == 29
    assert members[ann]["through"] == layers[0] and members[ann]["holds"] is True
    assert home.team(top)["members"] == 1


def test_who_may_connect_and_by_what(home: Home) -> None:
    name, dbname = home.database.name, home.database.name
    sales, desk = home.role("sales", "nologin", "postai_reader"), home.role("desk", "nologin", "postai_reader")
    ann, door = home.role("ann", "login", sales), home.role("door", "nologin")
    first = home.team(sales)
    assert (first["may_connect"], first["connect_as_public"], first["connect_through"]) == (True, True, [])
    home.database.execute(
        f"revoke connect on database {dbname} from public; grant connect on database {name} to {door}"
    )
    shut = home.team(sales)
    assert (shut["may_connect"], shut["connect_as_public"], shut["connect_through"]) == (False, False, [])
    assert home.members(sales)[ann]["may_connect"] is False
    home.database.execute(f"grant {door} to {sales}")
    through = home.team(sales)
    assert (through["may_connect"], through["connect_as_public"], through["connect_through"]) == (True, False, [door])
    assert home.members(sales)[ann]["may_connect"] is True
    home.run(ann, "teams"), "and the server thinks so, too"
    home.database.execute(f"grant connect on database {dbname} to {sales}")
    assert home.team(sales)["connect_through"] == sorted([door, sales])
    assert home.team(desk)["may_connect"] is False


def test_connect_is_granted_by_who_may_grant_it(home: Home) -> None:
    maker, first, second, third = home.maker(), home.name("first"), home.name("second"), home.name("third")
    grant = f"GRANT CONNECT ON DATABASE {home.database.name} TO "
    assert not any(one.startswith("GRANT CONNECT") for one in home.run(maker, "make_team(%s)", first))
    home.database.execute(f"grant connect on database {home.database.name} to {maker} with grant option")
    assert home.run(maker, "make_team(%s)", second)[-1] == grant + second
    assert home.team(second)["connect_through"] == [second]
    home.database.execute(f"revoke connect on database {home.database.name} from {maker} cascade")
    home.database.execute(f"alter database {home.database.name} owner to {maker}")
    assert home.run(maker, "make_team(%s)", third)[-1] == grant + third


def test_the_owner_roles_that_a_team_holds(home: Home) -> None:
    keeper, other, boss = (
        home.role("keeper", "nologin"),
        home.role("other", "nologin"),
        home.role("boss", "login superuser"),
    )
    sales, ops = (
        home.role("sales", "nologin", "postai_user", keeper),
        home.role("ops", "nologin", "postai_operator", keeper, other),
    )
    home.database.execute(f"create table kept (a int); alter table kept owner to {keeper}")
    assert (home.team(sales)["owner_roles"], home.team(ops)["owner_roles"]) == ([keeper], [keeper])
    home.database.execute(
        f"create schema own authorization {other}; create table bossy (a int); alter table bossy owner to {boss}"
    )
    assert home.team(ops)["owner_roles"] == sorted([keeper, other]), "nothing is applied to what a superuser owns"
    home.database.execute(f"create table of_ops (a int); alter table of_ops owner to {ops}")
    assert home.team(ops)["owner_roles"] == sorted([keeper, other, ops])
    home.database.execute(f"alter database {home.database.name} owner to {sales}")
    assert home.team(sales)["owner_roles"] == sorted([keeper, sales])


def at_once(home: Home, calls: list[tuple[TestDatabase, str, tuple[str, ...]]]) -> list[str]:
    """The first call is held open until the others wait for it; "" or the SQLSTATE of each."""
    said = [""] * len(calls)

    def call(place: int) -> None:
        database, text, given = calls[place]
        try:
            with database.connect() as connection:
                connection.execute(f"select * from postai.{text}", given)  # type: ignore[arg-type]
        except psycopg.Error as error:
            said[place] = error.sqlstate or "?"

    database, text, given = calls[0]
    with database.connect(autocommit=False) as first:
        first.execute(f"select * from postai.{text}", given)  # type: ignore[arg-type]
        others = [threading.Thread(target=call, args=(place,)) for place in range(1, len(calls))]
        for one in others:
            one.start()
        wait_for(
            lambda: home.database.execute(
                "select count(*) from pg_locks as l join pg_stat_activity as a using (pid) where not l.granted"
                " and a.query like 'select * from postai.%'"
                f" and a.datname in ('{calls[0][0].name}', '{calls[-1][0].name}')"
            )[0][0] == len(others)
        )  # fmt: skip
        first.commit()
        for one in others:
            one.join(30)
    return said


def test_two_at_once_are_one_after_the_other(home: Home) -> None:
    sales, ann = home.name("sales"), home.role("ann")
    for text, given, late in (
        ("make_team(%s)", (sales,), "42710"), ("add_member(%s, %s)", (sales, ann), "42710"),
        ("remove_member(%s, %s)", (sales, ann), "42704"),
    ):  # fmt: skip
        assert at_once(home, [(home.database, text, given)] * 3) == ["", late, late]
    assert [row[1] for row in home.events()] == ["team.made", "team.member_added", "team.member_removed"]


def test_two_at_once_in_two_databases(home: Home) -> None:
    """Roles belong to the server: here the server's own locks order them, and errors say what happened."""
    second = make_database(home.database.server)
    put_postai(second)
    try:
        sales, ann = home.name("sales"), home.role("ann")
        assert at_once(home, [(home.database, "make_team(%s)", (sales,)), (second, "make_team(%s)", (sales,))]) == [
            "",
            "42710",
        ]
        calls = ("add_member(%s, %s)", "remove_member(%s, %s)")
        added, removed = (
            at_once(home, [(home.database, text, (sales, ann)), (second, text, (sales, ann))]) for text in calls
        )
        assert added[0] == removed[0] == ""
        assert {added[1], removed[1]} <= {"", "42710", "40001"}
        assert ann not in home.members(sales)
    finally:
        drop_database(second)


def test_from_16_on_who_makes_a_team_may_hand_it_on_without_holding_it(home: Home) -> None:
    maker, ann, bob, sales = home.maker(), home.role("ann"), home.role("bob"), home.name("sales")
    home.run(maker, "make_team(%s)", sales)
    if home.major < 16:
        assert home.members(sales) == {}
        return
    made = home.members(sales)[maker]
    assert (made["admin_option"], made["holds"], home.team(sales)["members"]) == (True, False, 0)
    home.run(maker, "add_member(%s, %s)", sales, maker)
    assert (home.members(sales)[maker]["holds"], home.team(sales)["members"]) == (True, 1)
    assert home.run(maker, "remove_member(%s, %s)", sales, maker) == [f"REVOKE {sales} FROM {maker} GRANTED BY {maker}"]
    assert home.members(sales)[maker]["admin_option"] is True, "he may still hand it on"
    told = home.refused(maker, "remove_member(%s, %s)", sales, maker)
    assert told.sqlstate == "PA006" and "An administrator can run: REVOKE" in str(told.message_hint)
    home.database.execute(f"grant {sales} to {ann} with admin option granted by {maker}")
    home.database.execute(f"grant postai_reader to {ann}")
    home.run(ann, "add_member(%s, %s)", sales, bob)
    told = home.refused(maker, "remove_member(%s, %s)", sales, ann)
    assert told.sqlstate == "2BP01" and told.message_primary == f"{ann} has handed team {sales} on"
    advice = str(told.message_hint).partition(": ")[2]
    assert home.database.execute(advice) == [(bob,)]
    home.run(None, "remove_member(%s, %s)", sales, bob)
    home.run(maker, "remove_member(%s, %s)", sales, ann)
    assert list(home.members(sales)) == [maker]


def test_from_16_on_who_only_hands_a_team_on_becomes_a_member(home: Home) -> None:
    if home.major < 16:
        return
    sales, ann, dave = home.role("sales", "nologin", "postai_reader"), home.role("ann"), home.role("dave", "login")
    home.database.execute(f"grant {sales} to {ann} with admin true, inherit false, set false")
    home.database.execute(f"grant {sales} to {dave} with admin false, inherit false, set false")
    for member, admin in ((ann, True), (dave, False)):
        assert home.members(sales)[member]["holds"] is False
        home.run(None, "add_member(%s, %s)", sales, member)
        assert (home.members(sales)[member]["holds"], home.members(sales)[member]["admin_option"]) == (True, admin)
        assert home.database.execute("select part from postai.teams", member)
    assert home.team(sales)["members"] == 2


def test_a_membership_of_two_grantors_goes_with_both_grants(home: Home) -> None:
    sales, ann, dave = (
        home.role("sales", "nologin", "postai_reader"),
        home.role("ann"),
        home.role("dave", "login", "postai_reader"),
    )
    home.database.execute(f"grant {sales} to {dave} with admin option; grant {sales} to {ann}")
    with home.database.connect(dave) as connection:
        connection.execute(f"grant {sales} to {ann}")  # type: ignore[arg-type]
    assert len(home.members(sales)[ann]["granted_by"]) == (2 if home.major >= 16 else 1)
    ran = home.run(None, "remove_member(%s, %s)", sales, ann)
    assert len(ran) == (2 if home.major >= 16 else 1)
    assert ann not in home.members(sales)


def test_a_server_without_the_parts_says_so(home: Home) -> None:
    """As where nobody may make roles."""
    with home.database.connect(autocommit=False) as connection:
        connection.execute("alter role postai_user rename to nobody_knows")
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("select postai.make_team('x_team')")
        connection.rollback()
        connection.execute(
            "alter role postai_user rename to nobody_knows; alter role postai_reader rename to nor_that;"
        )
        connection.execute("alter role postai_operator rename to nor_this; alter role postai_agent rename to nor_it;")
        assert connection.execute("select * from postai.teams").fetchall() == []
        connection.rollback()
    assert caught.value.sqlstate == "PA007" and "_make_roles" in str(caught.value.diag.message_hint)
