"""Every statement that is planned for the shared forms executes, and reaches what the plain statement reaches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import psycopg
import pytest
from plan_support import row_text, run_naive, run_plan, schema_text

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.deadline import Deadline
from postai.migrate.plan import plan
from postai.sql.parse import split


def forms(shared: Path, major: int) -> Iterator[tuple[str, list[str], list[str]]]:
    """Name, setup and statements of the forms for a server version; the hazard cases run on every version."""
    for line in (shared / "reference" / "ddl_locks.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if major in row["pg"]:
            yield row["id"], row["setup"], [row["ddl"]]
    for line in (shared / "eval" / "ddl_hazards.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["pg_version"] <= major:
            yield row["id"], row["setup"], list(split(row["sql"]))


SUITE_PART = 15
"""The suite runs one of so many forms; make soak all of them."""


def test_some_plans_of_the_shared_forms(shared: Path, request: pytest.FixtureRequest) -> None:
    assert differences(shared, request, SUITE_PART) == ""


@pytest.mark.soak
def test_the_plans_of_the_shared_forms(shared: Path, request: pytest.FixtureRequest) -> None:
    assert differences(shared, request, 1) == ""


def differences(shared: Path, request: pytest.FixtureRequest, part: int) -> str:
    """What is wrong with the plans of every so-manieth form, on both servers."""
    if not (shared / "reference" / "ddl_locks.jsonl").is_file():
        pytest.skip("no ddl_locks.jsonl beside the checkout")
    wrong: list[str] = []
    for fixture, major in (("pg15", 15), ("pg18", 18)):
        server = request.getfixturevalue(fixture)
        naive, online = make_database(server), make_database(server)
        for name, setup, statements in islice(forms(shared, major), 0, None, part):
            wrong.extend(f"{major} {name}: {problem}" for problem in compared(naive, online, setup, statements))
        drop_database(naive)
        drop_database(online)
    return "\n".join(wrong)


def _small(text: str) -> str:
    """Fewer rows, and one moment for all of them: now() would differ between the two databases."""
    return text.replace("generate_series(1,2000)", "generate_series(1,50)").replace("now()", "timestamp '2024-05-05'")


def compared(naive: TestDatabase, online: TestDatabase, setup: list[str], statements: list[str]) -> Iterator[str]:
    """What differs after the plain statements in one database and the planned steps in the other."""
    with naive.connect() as one, online.connect() as two:
        for connection in (one, two):
            connection.execute("set client_min_messages = warning")
            connection.execute("drop schema if exists s2 cascade; drop schema public cascade; create schema public")
            run_naive(connection, [_small(text) for text in setup])
        with connect(online.dsn()) as db:
            made = plan(db, statements, Deadline.after(30))
        if made.refused:
            return
        try:
            run_naive(one, statements)
        except psycopg.Error:
            return
        try:
            run_plan(two, made)
        except (psycopg.Error, AssertionError) as error:
            yield str(error)
            return
        if schema_text(one) != schema_text(two):
            yield "another schema"
        hidden = {row[0] for row in one.execute("select attname from pg_attribute where attnum > 0").fetchall()}
        volatile = hidden if "random" in statements[0] or "clock" in statements[0] or "serial" in statements[0] else ()
        if row_text(one, volatile) != row_text(two, volatile) and "now()" not in statements[0]:
            yield "other rows"
