"""The index advisor on a neglected library: with HypoPG on 15, on empty copies on 18."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import Database, connect
from postai.database.catalog import Catalog, load_catalog
from postai.deadline import Deadline
from postai.errors import FeatureMissing
from postai.optimize.advise import advise_indexes, advise_query
from postai.optimize.types import Advice, AdvisorOptions, Recommendation, Workload, WorkloadStatement
from postai.optimize.workload import read_pg_stat_statements
from postai.setup.server import LocalServer
from postai.sql.safety import Safety, load_safety

SETUP = (Path(__file__).parent / "index_advisor.sql").read_text("utf-8")


@dataclass
class Library:
    """The loaded database with its pictures; each test takes a session of its own."""

    database: TestDatabase
    catalog: Catalog
    safety: Safety

    def advise(self, *statements: WorkloadStatement, **options: object) -> Advice:
        with connect(self.database.dsn()) as db:
            return self.advise_with(db, Workload(statements, "file"), AdvisorOptions(**options))  # type: ignore[arg-type]

    def advise_with(self, db: Database, workload: Workload, options: AdvisorOptions) -> Advice:
        return advise_indexes(db, self.catalog, self.safety, workload, options, Deadline.after(60))

    def plans(self, indexes: list[str], queries: list[str]) -> list[str]:
        """The plans of queries when these indexes are really there."""
        with self.database.connect(autocommit=False) as connection:
            for one in indexes:
                connection.execute(one.replace(" CONCURRENTLY", ""))  # type: ignore[arg-type]
            connection.execute("analyze lib.loan")
            connection.execute("analyze lib.reader")
            plans = [connection.execute(f"explain {one}").fetchall() for one in queries]  # type: ignore[arg-type]
            connection.rollback()
        return ["\n".join(row[0] for row in rows) for rows in plans]


def _load(server: LocalServer, extensions: tuple[str, ...]) -> Iterator[Library]:
    database = make_database(server)
    with database.connect() as connection:
        for one in extensions:
            connection.execute(f"create extension {one}")  # type: ignore[arg-type]
        for statement in SETUP.split(";\n"):
            connection.execute(statement)  # type: ignore[arg-type]
    with connect(database.dsn()) as db:
        yield Library(database, load_catalog(db), load_safety(db))
    drop_database(database)


@pytest.fixture(scope="module")
def library15(pg15: LocalServer) -> Iterator[Library]:
    yield from _load(pg15, ("hypopg",))


@pytest.fixture(scope="module")
def library18(pg18: LocalServer) -> Iterator[Library]:
    yield from _load(pg18, ())


@pytest.fixture(params=["library15", "library18"])
def library(request: pytest.FixtureRequest) -> Library:
    """On both ways of planning."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def _read(name: str, sql: str, *parameters: str, calls: float = 20000) -> WorkloadStatement:
    return WorkloadStatement(name, sql, calls, parameters=(parameters,) if parameters else ())


def _created(advice: Advice) -> list[Recommendation]:
    return [one for one in advice.recommendations if one.kind == "create_index"]


def _inlined(statement: WorkloadStatement) -> str:
    query = statement.sql
    for number, literal in enumerate(statement.parameters[0] if statement.parameters else (), start=1):
        query = query.replace(f"${number}", literal)
    return query


NEEDS = {
    "email": (
        _read("email", "select id from lib.reader where lower(email) = $1", "'reader77@example.net'"), "lower(email)"
    ),
    "newest": (
        _read("newest", "select id from lib.loan where reader = $1 order by due desc limit $2", "77", "10"),
        "(reader, due",
    ),
    "late": (
        _read("late", "select id, due from lib.loan where state = $1 order by due limit 20", "'late'"),
        "WHERE state <> 'back' | (state, due",  # which of the two depends on the rows that ANALYZE took
    ),
    "sponsor": (_read("sponsor", "select id from lib.reader where sponsor = $1", "7"), "WHERE sponsor IS NOT NULL"),
    "lost": (_read("lost", "select id, fee from lib.loan where lost and fee > $1", "900"), "WHERE lost"),
    "token": (_read("token", "select * from lib.loan where token = $1", "md5('7')::uuid"), "(token)"),
    "tags": (_read("tags", "select id from lib.loan where tags @> $1", "array['t5', 't77']"), "USING gin (tags)"),
    "prefs": (
        _read("prefs", "select id from lib.reader where prefs @> $1", """'{"club": 7}'::jsonb"""),
        "gin (prefs jsonb_path_ops)",
    ),
    "torn": (_read("torn", "select id from lib.loan where remark ilike $1", "'%torn page%'"), "gin_trgm_ops"),
    "spell": (
        _read("spell", "select id from lib.loan where spell && $1", "tstzrange('2024-01-05', '2024-01-05 00:05')"),
        "USING gist (spell)",
    ),
    "prefix": (_read("prefix", "select id from lib.reader where name like $1", "'name abc%'"), "(name"),
    "page": (
        _read("page", "select id from lib.loan where (due, id) < ($1, $2) order by due desc, id desc limit 5",
              "timestamptz '2024-01-09'", "5"),
        "(due, id)",
    ),
    "most": (_read("most", "select max(fee) from lib.loan"), "(fee)"),
    "join": (
        _read("join", "select l.id from lib.reader r join lib.loan l on l.reader = r.id where lower(r.email) = $1",
              "'reader77@example.net'"),
        "lower(email)",
    ),
    "view": (_read("view", "select * from lib.late where reader = $1", "77"), None),
}  # fmt: skip


def test_every_need_gets_its_index_and_the_planner_takes_it(library: Library):
    advice = library.advise(*(statement for statement, _ in NEEDS.values()), budget_bytes=1 << 30)
    assert advice.skipped == () and advice.complete
    statements = [one.statement for one in _created(advice)]
    missing = [
        name
        for name, (_, parts) in NEEDS.items()
        if parts and not any(part in one for one in statements for part in parts.split(" | "))
    ]
    assert not missing, statements
    for plan in library.plans(statements, [_inlined(statement) for statement, _ in NEEDS.values()]):
        assert any(one.split()[3] in plan for one in statements), plan
    for one in _created(advice):
        assert one.statement.startswith("CREATE INDEX CONCURRENTLY ") and one.undo is not None
        assert one.comment is not None and one.comment.startswith("COMMENT ON INDEX lib.")
        assert one.bytes > 0 and one.saved_ms_per_day > 0 and one.effects and one.why
        assert one.evidence["break_even_days"] is not None
        assert one.estimated_by == ("model" if " gin " in one.statement or " gist " in one.statement else "planner")


def test_a_better_index_replaces_one_that_is_there(library: Library):
    advice = library.advise(NEEDS["newest"][0])
    (created,) = _created(advice)
    assert created.replaces == ("lib.loan_reader_idx",)
    (dropped,) = [one for one in advice.recommendations if one.kind == "drop_index"]
    assert dropped.statement == "DROP INDEX CONCURRENTLY lib.loan_reader_idx" and dropped.bytes < 0
    assert dropped.undo == "CREATE INDEX CONCURRENTLY loan_reader_idx ON lib.loan USING btree (reader)"


def test_what_is_not_worth_it_is_not_proposed(library: Library):
    advice = library.advise(
        _read("small", "select * from lib.branch where name = $1", "'Branch 7'", calls=500000),
        _read("all", "select state, count(*) from lib.loan where state = 'back' and fee > 5 group by state", calls=24),
        _read("rare", "select count(*) from lib.loan where book = $1 and fee > 990", "7", calls=1),
        _read("key", "select * from lib.loan where id = $1", "7", calls=1000000),
        _read("day", "select count(*) from lib.loan where due::date = $1", "date '2024-01-20'", calls=3),
    )
    assert advice.recommendations == ()


def test_an_index_that_ends_heap_only_updates_has_to_be_worth_it(library: Library):
    sql = "select id from lib.reader where city = $1 and seen < $2"
    query = _read("idle", sql, "'city 7'", "timestamptz '2024-01-03'", calls=3000)
    touch = WorkloadStatement("touch", "update lib.reader set seen = now() where id = $1", 2000000)
    free = _created(library.advise(query))
    bound = _created(library.advise(query, touch))
    assert any("seen" in one.statement for one in free)
    assert bound and not any("seen" in one.statement for one in bound)


def test_a_condition_that_no_index_serves_is_named(library15: Library):
    advice = library15.advise(_read("day", "select id from lib.loan where due::date = $1", "date '2024-01-20'"))
    assert any("due::date" in note and "range" in note for note in advice.notes)
    assert not any("date" in one.statement for one in advice.recommendations)


def test_partitioned_tables_get_steps(library: Library):
    (one,) = _created(library.advise(_read("gate", "select * from lib.visit where reader = $1", "7")))
    assert one.statement == "CREATE INDEX visit_reader_idx ON lib.visit (reader)"
    steps = [step["statement"] for step in one.evidence["steps"]]
    assert steps[2] == "CREATE INDEX visit_reader_idx ON ONLY lib.visit (reader)" and len(steps) == 5
    with library.database.connect() as connection:
        for step in steps:
            connection.execute(step)
        rows = connection.execute("select indisvalid from pg_index where indexrelid = 'lib.visit_reader_idx'::regclass")
        assert rows.fetchall() == [(True,)]
        connection.execute(one.undo or "")


@pytest.mark.parametrize("values", [("timestamptz '2024-01-10'", "timestamptz '2024-01-12'", "7"), ()])
def test_a_parameter_on_the_partition_key_hides_no_statement(library: Library, values: tuple[str, ...]):
    sql = "select * from lib.visit where at >= $1 and at < $2 and reader = $3"
    advice = library.advise(WorkloadStatement("days", sql, 20000, 30.0, (values,) if values else ()))
    assert advice.skipped == ()
    assert any("(reader" in one.statement for one in _created(advice))


def test_what_the_predicate_says_is_not_stored_again(library: Library):
    (one,) = _created(library.advise(_read("lost", "select fee from lib.loan where lost and fee > $1", "100")))
    assert "WHERE lost" in one.statement and "INCLUDE" not in one.statement


def test_values_decide_where_a_parameter_has_another_type(library: Library):
    sql = "select id from lib.loan where spell @> $1"
    advice = library.advise(_read("then", sql, "timestamptz '2024-01-05 12:00+00'"))
    assert advice.skipped == ()
    assert any("USING gist (spell)" in one.statement for one in _created(advice))


def test_a_statement_that_reads_no_table_is_skipped(library15: Library):
    (skipped,) = library15.advise(_read("none", "select $1::int + 1", "1"), NEEDS["newest"][0]).skipped
    assert skipped.id == "none" and "reads no table" in skipped.reason


def test_foreign_keys_are_looked_up_when_rows_go(library: Library):
    delete = WorkloadStatement("close", "delete from lib.branch where id = $1", 5000)
    (one,) = _created(library.advise(delete))
    assert "ON lib.copy (book)" in one.statement


UNFIT = {
    "cut": ("select * from lib.loan where reader = ", "truncated or no SQL"),
    "utility": ("vacuum lib.loan", "VACUUM"),
    "dropped": ("select * from lib.gone where id = $1", "does not exist"),
    "forbidden": ("select pg_sleep(1000) from lib.loan where id = $1", "pg_sleep"),
    "file": ("select pg_read_file('/etc/passwd')", "pg_read_file"),
    "hidden": ("<insufficient privilege>", "pg_read_all_stats"),
    "two": ("select 1; drop table lib.loan", "2 statements"),
    "writing": ("with x as (delete from lib.loan returning 1) select * from x", "WITH"),
}


def test_what_is_unfit_is_skipped_with_its_reason(library: Library):
    advice = library.advise(
        *(WorkloadStatement(name, sql, 1000) for name, (sql, _) in UNFIT.items()), NEEDS["newest"][0]
    )
    reasons = {one.id: one.reason for one in advice.skipped}
    assert reasons.keys() == UNFIT.keys()
    for name, (_, part) in UNFIT.items():
        assert part in reasons[name], reasons[name]
    assert len(_created(advice)) == 1


def test_parameters_pass_the_guard_too(library15: Library):
    evil = WorkloadStatement(
        "evil", "select * from lib.loan where id = $1", 10, parameters=(("pg_sleep(1000)::text",),)
    )
    advice = library15.advise(evil)
    assert [one.id for one in advice.skipped] == ["evil"] and "pg_sleep" in advice.skipped[0].reason


def test_a_role_without_rights_is_told(library15: Library):
    library15.database.execute("create role advisor_stranger login password 'advisor_stranger'")
    with connect(library15.database.dsn("advisor_stranger")) as db:
        advice = library15.advise_with(db, Workload((NEEDS["newest"][0],), "file"), AdvisorOptions())
    library15.database.execute("drop role advisor_stranger")
    assert advice.recommendations == () and "permission denied" in advice.skipped[0].reason


def test_values_are_sampled_where_nobody_knows_them(library: Library):
    statements = (
        WorkloadStatement("1", "select * from lib.loan where token = $1 limit $2", 5000, 30.0),
        WorkloadStatement("2", "select * from lib.loan where due >= $1 and due < $2 and reader = $3", 5000, 9.0),
        WorkloadStatement(
            "3", "select count(*) from lib.reader where seen > now() - $1::interval and $2 = $2", 10, 5.0
        ),
    )
    advice = library.advise(*statements)
    assert advice.skipped == ()
    assert any("(token)" in one.statement for one in _created(advice))
    (effect,) = next(one.effects for one in _created(advice) if "(token)" in one.statement)
    assert effect.before_ms == pytest.approx(30.0, rel=0.01) and effect.after_ms < 3.0


def test_one_query_gets_its_index_with_costs(library: Library):
    with connect(library.database.dsn()) as db:
        sql = "select * from lib.loan where fee between 7 and 7.2"
        advice = advise_query(db, library.catalog, library.safety, sql, AdvisorOptions(), Deadline.after(30))
    (effect,) = _created(advice)[0].effects
    assert effect.before_cost is not None and effect.after_cost is not None
    assert effect.after_cost < effect.before_cost / 5


def test_the_session_is_left_as_it_was(library15: Library):
    settings = "select name, setting from pg_settings where source = 'session' or name in ('search_path', 'jit')"
    with connect(library15.database.dsn()) as db:
        before = db.query(settings)
        library15.advise_with(db, Workload((NEEDS["newest"][0], NEEDS["email"][0]), "file"), AdvisorOptions())
        assert db.query("select count(*) from pg_prepared_statements") == [(0,)]
        assert db.query("select count(*) from hypopg()") == [(0,)]
        after = {name: value for name, value in db.query(settings) if not name.startswith("plan_cache")}
        assert {name: after[name] for name, _ in before} == dict(before)
        db.execute("create table lib.writable ()")
        db.execute("drop table lib.writable")


def test_the_budget_holds(library15: Library):
    statements = [statement for statement, _ in NEEDS.values()]
    advice = library15.advise(*statements, budget_bytes=3 << 20)
    found = _created(advice)
    assert found and sum(one.bytes for one in found) <= 3 << 20


def test_the_time_holds(library15: Library):
    statements = [statement for statement, _ in NEEDS.values()]
    started = time.monotonic()
    advice = library15.advise(*statements, seconds=0.0)
    assert not advice.complete and advice.notes
    assert time.monotonic() - started < 30


def test_the_same_answer_in_every_run_and_with_other_oids(library15: Library):
    statements = [statement for statement, _ in NEEDS.values()]
    first, second = library15.advise(*statements), library15.advise(*statements)
    assert [one.statement for one in first.recommendations] == [one.statement for one in second.recommendations]


def test_without_hypopg_the_saving_is_nearly_the_same(library15: Library):
    statements = [statement for statement, _ in NEEDS.values()]
    saved = [
        sum(one.saved_ms_per_day for one in library15.advise(*statements, hypothetical=hypothetical).recommendations)
        for hypothetical in (True, False)
    ]
    assert saved[1] >= 0.8 * saved[0]


def test_pg_stat_statements_that_is_not_there(library15: Library):
    with connect(library15.database.dsn()) as db, pytest.raises(FeatureMissing, match="not installed") as caught:
        read_pg_stat_statements(db)
    assert caught.value.sqlstate == "PA007" and "CREATE EXTENSION" in (caught.value.hint or "")


def test_pg_stat_statements_is_read(database15: TestDatabase):
    with database15.connect() as connection:
        connection.execute("create extension pg_stat_statements")
        connection.execute("create table visited (id int)")
        for _ in range(3):
            connection.execute("select * from visited where id = 7")
    with connect(database15.dsn()) as db:
        workload = read_pg_stat_statements(db)
    (one,) = [one for one in workload.statements if one.sql.startswith("select * from visited")]
    assert one.sql == "select * from visited where id = $1"
    assert one.calls_per_day > 0 and one.mean_ms is not None and one.rows_per_call == 0


def _now(library: Library) -> Library:
    """With pictures of the database as it is at this moment."""
    with connect(library.database.dsn()) as db:
        return Library(library.database, load_catalog(db), load_safety(db))


def test_tables_of_another_schema_are_found_where_one_alone_has_them(library: Library) -> None:
    statement = WorkloadStatement(
        "q", "select * from loan where token = $1", 50_000.0, 20.0, (("'00000000-0000-0000-0000-000000000001'",),)
    )
    advice = _now(library).advise(statement)
    assert advice.skipped == () and any("token" in one.statement for one in _created(advice))


def test_hypopg_that_the_role_may_not_use_is_done_without(library: Library) -> None:
    with library.database.connect() as connection:
        if not connection.execute("select 1 from pg_extension where extname = 'hypopg'").fetchone():
            pytest.skip("this server has no HypoPG")
        connection.execute("create schema if not exists locked_away")
        connection.execute("alter extension hypopg set schema locked_away")
        role = f"advisor_{library.database.name}"
        connection.execute(f"create role {role}")  # type: ignore[arg-type]
    try:
        with library.database.connect() as connection:
            connection.execute(
                f"grant usage on schema lib to {role}; grant select on all tables in schema lib to {role}"
            )  # type: ignore[arg-type]
        with connect(library.database.dsn()) as db:
            db.execute(f"set role {role}")
            statement = WorkloadStatement(
                "q",
                "select * from lib.loan where token = $1",
                50_000.0,
                20.0,
                (("'00000000-0000-0000-0000-000000000001'",),),
            )
            advice = _now(library).advise_with(db, Workload((statement,), "file"), AdvisorOptions())
        assert [one.estimated_by for one in advice.recommendations] == ["model"], advice
        assert any("by formulas" in one and "hypopg" in one for one in advice.notes), advice
    finally:
        with library.database.connect() as connection:
            connection.execute("alter extension hypopg set schema public")
            connection.execute(f"drop owned by {role}; drop role {role}")  # type: ignore[arg-type]


def test_no_index_that_another_one_begins_with(library: Library) -> None:
    """The planner finds a tiny index on the rare values a little cheaper; nobody wants both."""
    with library.database.connect() as connection:
        connection.execute("create table lib.fine (id int primary key, state text, amount numeric, note text)")
        connection.execute(
            "insert into lib.fine select g, case when g % 50 = 0 then 'open' else 'paid' end, g % 977, repeat('x', 50)"
            " from generate_series(1, 60000) as g"
        )
        connection.execute("vacuum analyze lib.fine")
    try:
        text = "select count(*) from lib.fine where state = $1 and amount > $2"
        advice = _now(library).advise(WorkloadStatement("open", text, 30_000.0))
        assert sum("(state" in one.statement for one in advice.recommendations) == 1, advice
    finally:
        with library.database.connect() as connection:
            connection.execute("drop table lib.fine")


def test_hypopg_is_done_without_while_every_plan_is_logged(library15: Library) -> None:
    token = ("'00000000-0000-0000-0000-000000000001'",)
    statement = WorkloadStatement("q", "select * from lib.loan where token = $1", 50_000.0, 20.0, (token,))
    with connect(library15.database.dsn()) as db:
        db.execute("load 'auto_explain'")
        db.execute("set auto_explain.log_min_duration = 0")
        advice = _now(library15).advise_with(db, Workload((statement,), "file"), AdvisorOptions())
        db.execute("set auto_explain.log_min_duration = 1")
        other = _now(library15).advise_with(db, Workload((statement,), "file"), AdvisorOptions())
    assert [one.statement for one in advice.recommendations] == [one.statement for one in other.recommendations] != []
    assert [one for one in advice.notes if "auto_explain.log_min_duration" in one] and not other.notes


def test_a_value_among_many_is_no_predicate(library: Library) -> None:
    for value in ("1", "17"):
        advice = _now(library).advise(
            WorkloadStatement("q", f"select id, due from lib.loan where reader = {value} and book = 3", 50_000.0, 20.0)
        )
        assert not any("WHERE" in one.statement for one in _created(advice)), [
            one.statement for one in advice.recommendations
        ]


def test_what_no_planner_can_be_shown_is_modelled(library: Library) -> None:
    """A role that can make no copies gets the indexes from formulas, and PostgreSQL uses them once they are built."""
    role = f"modelled_{library.database.name}"
    statement = WorkloadStatement("q", "select id from lib.loan where token = $1", 50_000.0, 20.0,
                                  (("'00000000-0000-0000-0000-000000000001'",),))  # fmt: skip
    with library.database.connect() as connection:
        connection.execute(
            f"create role {role}; grant usage on schema lib to {role};"
            f"grant select on all tables in schema lib to {role};"
            f"revoke temporary on database {library.database.name} from public"  # type: ignore[arg-type]
        )
    try:
        with connect(library.database.dsn()) as db:
            db.execute(f"set role {role}")
            options = AdvisorOptions(hypothetical=False)
            advice = _now(library).advise_with(db, Workload((statement,), "file"), options)
        (one,) = advice.recommendations
        assert one.estimated_by == "model" and "token" in one.statement and one.saved_ms_per_day > 500_000
        assert any("by formulas" in note for note in advice.notes)
    finally:
        with library.database.connect() as connection:
            connection.execute(
                f"grant temporary on database {library.database.name} to public;"
                f"drop owned by {role}; drop role {role}".encode()
            )
