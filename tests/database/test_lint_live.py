"""The linter with the catalogs of real databases: what the text alone does not tell."""

from __future__ import annotations

import pytest

from conftest import TestDatabase
from lint_cases import CASES
from postai.cli.main import run
from postai.database import connect
from postai.migrate.lint import LintOptions, lint_text, load_known


def test_labelled_cases(database: TestDatabase) -> None:
    """What needs the catalogs, on the version it is for."""
    wrong = []
    with database.connect() as session, connect(database.dsn()) as db:
        version = db.server_version // 10_000
        cases = [case for case in CASES if not case.static and (case.pg or 15 + 3 * (len(case.sql) % 2)) == version]
        assert len(cases) > 15
        for case in cases:
            session.execute("drop schema public cascade; create schema public;" + ";".join(case.setup))  # type: ignore[call-overload]
            report = lint_text(case.sql, LintOptions(version), load_known(db))
            got = {hazard for statement in report.statements for hazard in statement.hazards}
            if got != set(case.hazards.split()) or report.mistakes:
                wrong.append((case.sql, sorted(got), case.hazards))
    assert not wrong


def test_an_invalid_index_under_the_wanted_name(database: TestDatabase) -> None:
    database.execute("create table a (id int); create index a_id on a (id)")
    database.execute("update pg_index set indisvalid = false where indexrelid = 'a_id'::regclass")
    with connect(database.dsn()) as db:
        known = load_known(db)
    (statement,) = lint_text("CREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id)", known=known).statements
    assert statement.hazards == () and "invalid" in statement.notes[0]


def test_the_command_reads_catalogs(
    database15: TestDatabase, capsys: pytest.CaptureFixture[str], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    database15.execute(
        "create table a (id bigint primary key, b varchar(10)); create schema s; create table s.c (d int)"
    )
    path = f"{tmp_path}/x.sql"
    with open(path, "w") as file:
        file.write("ALTER TABLE a ALTER b TYPE varchar(20); ALTER TABLE a ALTER b TYPE varchar(5);")
    monkeypatch.setenv("PGPASSWORD", database15.dsn().split("password=")[1].split()[0])
    dsn = " ".join(part for part in database15.dsn().split() if not part.startswith("password="))
    assert run(["lint", path, "--dsn", dsn]) == 1
    out = capsys.readouterr().out
    assert "x.sql:1:41: error table_rewrite" in out and out.count("table_rewrite") == 1
