"""Locks, rewrites and scans seen on an empty copy are those that the statements really have on filled tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from trace_data import SETUPS, Form, alone, forms
from trace_support import Truth, make, told
from trace_support import alone as really_alone
from trace_support import in_transaction as really

from conftest import TestDatabase
from postai.database import connect
from postai.deadline import Deadline
from postai.migrate.explained import explained
from postai.migrate.trace import trace
from postai.migrate.types import Traced
from postai.scratch.scratch_database import PREFIX, opener

SUITE_PART = 3
"""One of so many forms is measured in every run; all of them by the slow test."""


def traced(database: TestDatabase, statements: Sequence[str], user: str | None = None) -> tuple[Traced, ...]:
    """A trace as a role."""
    dsn = database.dsn(user)
    with connect(dsn) as db:
        return trace(db, statements, Deadline.after(120), opener(dsn))


def traced_forms(database: TestDatabase, some: Sequence[Form]) -> list[Traced]:
    """Traces of forms, each on tables of its own, which are empty."""
    statements: list[str] = []
    with database.connect() as session:
        for number, form in enumerate(some):
            schema = f"{form.setup}_{number}"
            make(session, schema, form.setup, filled=False)
            statements += [f"set search_path = {schema}", form.sql(schema)]
    return list(traced(database, statements)[1::2])


def differences(database: TestDatabase, some: Sequence[Form]) -> list[str]:
    """Where trace and truth differ."""
    found = []
    with database.connect() as session:
        for setup in SETUPS:
            make(session, setup, setup, filled=True)
        truths = [really(session, form.setup, form.sql(form.setup)) for form in some]
    for form, truth, one in zip(some, truths, traced_forms(database, some), strict=True):
        if told(one) != truth:
            found.append(f"{form.text}\n  really {truth}\n  traced {told(one)} {one.error} {one.note}")
    return found


def test_traces_are_true(database: TestDatabase) -> None:
    major = int(database.execute("show server_version_num")[0][0]) // 10000
    assert differences(database, forms(major)[::SUITE_PART]) == []


@pytest.mark.slow
def test_traces_of_all_forms_are_true(database: TestDatabase) -> None:
    major = int(database.execute("show server_version_num")[0][0]) // 10000
    assert differences(database, forms(major)) == []


@pytest.mark.slow
def test_locks_outside_transactions_are_true(database: TestDatabase) -> None:
    major = int(database.execute("show server_version_num")[0][0]) // 10000
    found = alone(major)
    for form, one in zip(found, traced_forms(database, found), strict=True):
        truth = really_alone(database, form)
        seen = told(one)
        assert (seen if truth.error is None else Truth(in_transaction=False, error=seen.error)) == truth, form.text


def test_measured_rows(database: TestDatabase, shared: Path) -> None:
    """Every row of the outside data, all fields that a trace gives."""
    major = int(database.execute("show server_version_num")[0][0]) // 10000
    lines = (shared / "reference" / "ddl_locks.jsonl").read_text("utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if major in row["pg"] and not row.get("error")]
    assert len(rows) > 60
    statements = []
    with database.connect() as session:
        for number, row in enumerate(rows):
            session.execute(f"create schema f{number}; set search_path = f{number}")
            for statement in row["setup"]:
                if not statement.startswith("insert"):
                    session.execute(statement)
            statements += [f"set search_path = f{number}", row["ddl"]]
    for row, one in zip(rows, traced(database, statements)[1::2], strict=True):
        found = explained(one)
        wanted = {
            name: row[name]
            for name in ("locks", "blocks", "rewrites", "rewritten", "rebuilt_indexes", "scans", "scanned",
                         "in_transaction_allowed")
        }  # fmt: skip
        assert {name: found[name] for name in wanted} == wanted, row["id"]
        assert found["error"] is None and found["traced"]


@pytest.fixture
def plain(database: TestDatabase) -> str:
    """A role that may make schemas, but no database."""
    name = f"{database.name}_plain"
    database.execute(f"create role {name} login password '{name}'; grant create on database {database.name} to {name}")
    return name


def test_without_createdb_the_same_is_seen(database: TestDatabase, plain: str) -> None:
    some = forms(15)[::9] + alone(15)[::3]
    one = make_other(database, some)
    with_database, with_schemas = traced(database, one), traced(database, one, plain)
    for first, second in zip(with_database, with_schemas, strict=True):
        assert told(first) == told(second), first.statement
    assert database.execute(f"select nspname from pg_namespace where starts_with(nspname, '{PREFIX}')") == []


def make_other(database: TestDatabase, some: Sequence[Form]) -> list[str]:
    """Statements, each on a schema of its own."""
    statements = []
    with database.connect() as session:
        for number, form in enumerate(some):
            make(session, f"o{number}", form.setup, filled=False)
            statements += [f"set search_path = o{number}", form.sql(f"o{number}")]
    return statements
