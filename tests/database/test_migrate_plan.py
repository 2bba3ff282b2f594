"""Plans on real servers: every form reaches what the plain statements do, without stopping readers and writers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from plan_forms import BOOKS, FORMS, FORMS_18
from plan_support import row_text, run_naive, run_plan, schema_text, undo_plan

from conftest import TestDatabase, drop_database, make_database, put_postai
from postai.database import connect
from postai.deadline import Deadline
from postai.errors import Refused
from postai.migrate.checks import run_checks
from postai.migrate.draft import draft, usage_from_history
from postai.migrate.estimate import calibration
from postai.migrate.plan import PlanOptions, plan, script, with_traces
from postai.migrate.trace import trace
from postai.migrate.types import Plan
from postai.proposals.conditions import Conditions
from postai.proposals.store import create
from postai.setup.server import LocalServer
from postai.sql.parse import Unparsable
from postai.sql.vet import vet_change

# Forms that the plan passes on and a proposal refuses: CASCADE, row security, switching triggers off.
NEVER_PROPOSED = ("dependent view", "triggers, policies, settings")
ONLINE = (
    "partitioned index, nested", "partitioned foreign key", "attach with default", "attach to list",
    "type of a column with everything", "column with everything",
)  # fmt: skip
REVERSIBLE = (
    "attach with default", "partitioned foreign key", "type of a column with everything", "volatile defaults",
    "unique with everything", "key on a given index", "detach concurrently", "attach that a check allows",
    "settings and back",
)  # fmt: skip
OWN_ON_18 = (
    "partitioned foreign key",
    "partitioned check and not null",
    "not null of a partition",
    "not null and back",
)
"""Forms of which 18 gets other steps than 15."""


def on_18(names: Iterable[str]) -> list[Any]:
    """Each name on both servers, on 15 in the soak only."""
    return [
        *(pytest.param("pg18", name) for name in names),
        *(pytest.param("pg15", name, marks=pytest.mark.soak) for name in names),
    ]


EVERY = [
    *(pytest.param("pg15", name) for name in FORMS),
    *(pytest.param("pg18", name, marks=[] if name in OWN_ON_18 else pytest.mark.soak) for name in FORMS),
    *(pytest.param("pg18", name) for name in FORMS_18),
]
"""Server and form: all on 15; on 18 those that are others there, the rest in the soak only."""
STRONG = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[TestDatabase, TestDatabase]]:
    """Two databases of one server that every test empties."""
    server: LocalServer = request.getfixturevalue(request.param)
    two = (make_database(server), make_database(server))
    yield two
    for one in two:
        drop_database(one)


def empty(connection: psycopg.Connection) -> None:
    connection.execute("set client_min_messages = warning")
    connection.execute('drop schema if exists "Big Shop" cascade; drop schema if exists public_before cascade')
    connection.execute("drop schema public cascade; create schema public")


def planned(database: TestDatabase, *statements: str, options: PlanOptions | None = None) -> Plan:
    with connect(database.dsn()) as db:
        return plan(db, statements, Deadline.after(30), options)


def prepared(database: TestDatabase, *statements: str) -> None:
    with database.connect() as connection:
        empty(connection)
        run_naive(connection, statements)


@pytest.mark.parametrize(("pair", "name"), EVERY, indirect=["pair"])
def test_every_form_reaches_the_same_schema_and_rows(pair: tuple[TestDatabase, TestDatabase], name: str) -> None:
    naive, online = pair
    setup, statements, differing = {**FORMS, **FORMS_18}[name]
    with naive.connect() as one, online.connect() as two:
        for connection in (one, two):
            empty(connection)
            run_naive(connection, setup)
        run_naive(one, statements)
        with connect(online.dsn()) as db:
            made = plan(db, statements, Deadline.after(30))
            conditions = Conditions(db)
            for step in made.steps:
                for text in (step.statement, *step.together):
                    if name not in NEVER_PROPOSED:
                        vet_change(text)
                for condition in (step.precondition, step.postcondition):
                    if condition is not None:
                        conditions.vet(condition)
        run_plan(two, made)
        told = "\n".join(step.statement for step in made.steps)
        assert schema_text(two) == schema_text(one), told
        assert row_text(two, differing) == row_text(one, differing), told


@pytest.mark.parametrize(("pair", "name"), on_18(ONLINE), indirect=["pair"])
def test_no_step_reads_or_writes_a_table_under_a_lock_that_stops_writes(
    pair: tuple[TestDatabase, TestDatabase], name: str
) -> None:
    database = pair[0]
    setup, statements, _ = FORMS[name]
    prepared(database, *setup)
    with connect(database.dsn()) as db:
        made = plan(db, statements, Deadline.after(30))
        seen = with_traces(
            made, trace(db, script(made), Deadline.after(60), lambda other: connect(database.server.dsn(other)))
        )
    for step in seen.steps:
        heavy = {*step.scans, *step.rewrites}
        stopped = {table for table, mode in step.locks.items() if mode in STRONG}
        assert not heavy & stopped, step


def test_what_checks_prove_is_not_proved_again(pair: tuple[TestDatabase, TestDatabase]) -> None:
    for name in ("attach that a check allows", "detach with a check"):
        setup, statements, _ = FORMS[name]
        prepared(pair[0], *setup)
        told = [step.statement for step in planned(pair[0], *statements).steps]
        assert not any("CHECK" in one or "VALIDATE" in one or "DROP CONSTRAINT" in one for one in told), told


@pytest.mark.parametrize(("pair", "name"), on_18(REVERSIBLE), indirect=["pair"])
def test_the_undo_of_the_first_phase_leads_back(pair: tuple[TestDatabase, TestDatabase], name: str) -> None:
    database = pair[0]
    setup, statements, _ = FORMS[name]
    with database.connect() as connection:
        empty(connection)
        run_naive(connection, setup)
        before = schema_text(connection)
        made = planned(database, *statements)
        reversible = next((at for at, step in enumerate(made.steps) if step.undo is None), len(made.steps))
        run_plan(connection, replace(made, steps=made.steps[:reversible]))
        undo_plan(connection, made, reversible)
        assert schema_text(connection) == before


def test_rows_that_stand_in_the_way_are_counted_before(pair: tuple[TestDatabase, TestDatabase]) -> None:
    database = pair[0]
    prepared(
        database,
        *BOOKS,
        "insert into book select g + 1000, 99, 'dup', null, 1, 'secret' from generate_series(1, 3) g",
    )
    made = planned(
        database,
        "alter table book alter pages set not null",
        "alter table book add foreign key (shelf_id) references shelf",
        "alter table book add unique (title)",
        "alter table book add constraint few check (pages > 10)",
        "alter table book alter isbn type integer using isbn::integer",
        "alter table book add column must integer not null",
    )
    with connect(database.dsn()) as db:
        found = run_checks(db, made, Deadline.after(30))
        assert [one.count for one in found] == [3, 3, 1, 3, 53, 53]
        told = " ".join(one.sentence() for one in found)
        assert "secret" not in told and "SELECT title, count(*) FROM public.book" in told
        for one in found:
            assert db.query(one.rows_query)
        with pytest.raises(Refused) as refusal:
            draft(made, "t", "w", found=found)
        assert refusal.value.sqlstate == "PA003" and refusal.value.hint
        late = run_checks(db, made, Deadline.after(0))
    assert {one.count for one in late} == {None} and not any(one.stands_in_the_way for one in late)


def test_rows_of_now_prove_nothing_about_what_the_text_itself_writes(pair: tuple[TestDatabase, TestDatabase]) -> None:
    prepared(pair[0], *BOOKS)
    made = planned(
        pair[0],
        "alter table book add column rank integer",
        "update book set rank = id, pages = coalesce(pages, 0)",
        "alter table book alter rank set not null",
        "alter table book alter pages set not null",
    )
    assert made.checks == ()


def test_what_is_refused_says_what_to_do_instead(pair: tuple[TestDatabase, TestDatabase]) -> None:
    prepared(pair[0], *BOOKS)
    made = planned(pair[0], "vacuum full book", "cluster book using book_pkey", "vacuum (full off) book")
    assert [step.statement for step in made.steps] == ["VACUUM (FULL OFF) public.book"]
    assert "pg_repack" in made.refused[0] and "pg_repack" in made.refused[1]
    with pytest.raises(Refused, match="not carried out"):
        draft(made, "t", "w")
    with pytest.raises(Refused, match="nothing to do"):
        draft(planned(pair[0], "begin", "commit"), "t", "w")
    with pytest.raises(Unparsable):
        planned(pair[0], "alter tabel book")


def test_a_rename_can_leave_a_view_for_older_clients(pair: tuple[TestDatabase, TestDatabase]) -> None:
    database = pair[0]
    prepared(database, *BOOKS)
    wishes = PlanOptions(versioned_views=True)
    made = planned(database, "alter table book rename column pages to leaves", options=wishes)
    with database.connect() as connection:
        run_plan(connection, made)
        assert connection.execute("select sum(pages) from public_before.book").fetchone() == (3825,)
        run_plan(connection, planned(database, "alter table shelf rename to rack", options=wishes))
        assert connection.execute("select count(*) from shelf").fetchone() == (10,)
        options: Any = connection.execute("select reloptions from pg_class where relname = 'shelf'").fetchone()
    assert options == (["security_invoker=true"],)


def test_who_is_in_the_way_is_told(pair: tuple[TestDatabase, TestDatabase]) -> None:
    database = pair[0]
    prepared(database, *BOOKS)
    with database.connect(autocommit=False) as other:
        other.execute("set application_name = 'report'")
        other.execute("lock table book in share mode")
        other.execute("select pg_sleep(1.1)")
        made = planned(database, "alter table book add column more text")
    assert (
        len(made.conflicts) == 1 and "report" in made.conflicts[0] and "ShareLock on public.book" in made.conflicts[0]
    )


def test_the_draft_holds_the_evidence(pair: tuple[TestDatabase, TestDatabase]) -> None:
    database = pair[0]
    prepared(database, *BOOKS)
    with connect(database.dsn()) as db:
        usage = usage_from_history(db)
        made = plan(
            db, ["alter table book drop column tags", "update book set title = 'x'"], Deadline.after(30),
            PlanOptions(usage=usage),
        )  # fmt: skip
    assert made.destructive and made.risk != "low"
    assert (
        "whether tags of public.book is still used is not known: no statements were collected that could be read"
        in made.warnings
    )
    one = draft(made, "Fewer columns", "because", given=["alter table book drop column tags"])
    assert (one.kind, one.risk, len(one.steps)) == ("migrate", made.risk, 2)
    assert one.steps[0].undo == "ALTER TABLE public.book RENAME COLUMN tags_dropped TO tags"
    assert [step["statement"] for step in one.evidence["later"]] == ["ALTER TABLE public.book DROP COLUMN tags_dropped"]
    backfill = one.steps[1].backfill
    assert backfill is not None and backfill.key == ("id",)
    assert backfill.condition == "(title IS DISTINCT FROM ('x'))"


def test_the_history_gives_evidence_times_and_a_quiet_hour(database15: TestDatabase) -> None:
    put_postai(database15)
    with database15.connect() as connection:
        run_naive(connection, BOOKS)
        with connect(database15.dsn()) as db:
            assert usage_from_history(db)("public", "book", "tags") is None  # nothing was collected
        connection.execute(
            "insert into postai.statement (dbid, userid, queryid, toplevel, query, usage, last_seen) values"
            " (1, 10, 7, true, 'select tags from book where id = $1',"
            ' \'{"public.book": {"reads": ["tags"], "filters": ["id"]}}\', \'2026-03-01 12:00+00\'),'
            ' (1, 10, 8, true, \'select label from shelf\', \'{"public.shelf": {"reads": ["label"]}}\', now())'
        )
        connection.execute(
            "insert into postai.sample_statement (at, statement_id, seconds, calls, total_ms)"
            " select now(), id, 60, 21, 1 from postai.statement, generate_series(1, 2)"
        )
        connection.execute(
            "insert into postai.sample_database (at, dbid, seconds, xact_commit)"
            " select at, 1, 3600, case when to_char(at at time zone 'UTC', 'D HH24') = '3 03' then 10 else 5000 end"
            " from generate_series(timestamptz '2026-03-01 00:30+00', '2026-03-07 23:30+00', '1 hour') at"
        )
    with connect(database15.dsn()) as db:
        made = plan(
            db,
            [
                "alter table book drop column tags",
                "alter table book drop column isbn",
                "create index on book (pages)",
                "drop table shelf",
            ],
            Deadline.after(30),
            PlanOptions(usage=usage_from_history(db)),
        )
        assert calibration(db) == 1.0
        proposal = create(db, draft(made, "Fewer columns", "because"))
        # Steps that took five times as long as estimated.
        with database15.connect() as connection:
            connection.execute("update postai.proposal_step set measured_ms = 5000, done_at = now()")
            connection.execute("alter table postai.proposal_step disable trigger all")
            connection.execute("update postai.proposal_step set estimated_ms = 1000 where proposal = %s", [proposal])
        assert calibration(db) == 5.0
    assert "tags of public.book is named by 1 statements of the history, 42 calls, last seen 2026-03-01 12:00" in (
        made.warnings
    )
    unnamed = [one for one in made.warnings if one.endswith("names isbn of public.book")]
    assert len(unnamed) == 1 and unnamed[0].startswith("no statement of the history collected since 20")
    assert made.schedule == "Tuesday 03:00 to 04:00 UTC is the quietest hour, 0% of the average"
