"""The linter without a database: its rules on labelled texts, how it reads files, and what it prints."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from lint_cases import CASES, Case
from postai.cli import linting
from postai.cli.main import run
from postai.errors import UsageError
from postai.migrate.lint import LintOptions, lint_text
from postai.migrate.lint.config import find_options
from postai.migrate.lint.registry import RULES, rule_names
from postai.migrate.lint.reports import as_json, as_markdown, as_sarif
from postai.settings import Settings
from postai.sql.parse import parse

DOCS = Path(__file__).resolve().parents[2] / "docs"
STATIC = [case for case in CASES if case.static]


def found(text: str, **options: object) -> list[str]:
    report = lint_text(text, LintOptions(**options))  # type: ignore[arg-type]
    assert not report.mistakes, report.mistakes
    return [hazard for statement in report.statements for hazard in statement.hazards]


@pytest.mark.parametrize("version", [15, 18])
def test_labelled_cases(version: int) -> None:
    wrong = []
    for case in STATIC:
        if case.pg in (0, version) and (got := set(found(case.sql, version=version))) != set(case.hazards.split()):
            wrong.append((case.sql, sorted(got), case.hazards))
    assert not wrong


def test_every_rule_has_cases_and_a_place_in_the_manual() -> None:
    labelled = {hazard for case in CASES for hazard in case.hazards.split()}
    assert labelled == set(rule_names()) and len(RULES) == len(labelled)
    manual = (DOCS / "reference" / "lint.md").read_text("utf-8").splitlines()
    assert [rule.name for rule in RULES if f"## {rule.name}" not in manual or not rule.anchor.endswith(rule.name)] == []


@pytest.mark.parametrize("case", STATIC, ids=lambda case: re.sub(r"\W+", "_", case.sql)[:50])
def test_a_safe_alternative_is_sql_or_a_comment(case: Case) -> None:
    for finding in lint_text(case.sql, LintOptions(version=case.pg or 18)).findings:
        assert finding.safe_alternative
        parse(finding.safe_alternative)


def test_a_place_is_a_line_and_a_column() -> None:
    report = lint_text("/* one\n two */\n\n  DROP TABLE a;\nselect 1; DROP TABLE b;\nselec 2;\n  drop tabel c;")
    assert [(one.line, one.column) for one in report.findings] == [(4, 3), (5, 11)]
    assert [(one.line, one.column) for one in report.mistakes] == [(6, 1), (7, 8)]
    assert all("syntax error" in one.message for one in report.mistakes)


def test_files_for_psql() -> None:
    text = r"""\set ON_ERROR_STOP on
\restrict abc'def
COPY orders (a, b) FROM stdin WITH (FORMAT text);
1	it's; DROP TABLE x
\.
SELECT :'name', :"column", :count FROM :table \gset
DROP TABLE :"old";
\i other.sql
DROP TABLE a \g
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;
CREATE RULE r AS ON INSERT TO v DO (DELETE FROM a; DELETE FROM b);
SELECT 'it''s; --', E'\'; DROP TABLE q', $x$; DROP TABLE y; $x$, "odd;name" FROM t;
\echo done
"""
    report = lint_text(text)
    assert not report.mistakes
    assert [(one.hazard, one.line) for one in report.findings] == [("drop_table", 7), ("drop_table", 9)]
    assert len(report.statements) == 7


@pytest.mark.parametrize(
    "text", ["", "\ufeff", " ;; ", "-- nothing", "/* open", "'open", "$$ open", "(;", "\\", "COPY a FROM stdin;"]
)
def test_odd_texts_are_no_crash(text: str) -> None:
    lint_text(text)


def test_a_long_insert_is_no_obstacle() -> None:
    rows = ", ".join(f"({number}, 'some text')" for number in range(60_000))
    report = lint_text(f"INSERT INTO a (b, c) VALUES {rows};\nDROP TABLE a")
    assert not report.mistakes and [(one.hazard, one.line) for one in report.findings] == [("drop_table", 2)]


def test_ignore_comments() -> None:
    drop = "ALTER TABLE a DROP COLUMN b"
    assert found(drop) == ["drop_column"]
    assert found(f"-- postai:ignore drop_column\n{drop};") == []
    assert found(f"{drop}; -- postai:ignore drop_column, rename_column\n{drop};") == ["drop_column"]
    assert found(f"{drop} /* postai:ignore */;") == []
    assert found(f"-- postai:ignore rename_column\n{drop}") == ["drop_column"]
    assert found(f"{drop}; {drop};\n-- postai:ignore-file drop_column") == []


def test_configuration(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.postai.lint]\npg_version = 16\nseverity = {drop_column = "off", drop_table = "error"}\n'
    )
    (tmp_path / "deep").mkdir()
    options = find_options(tmp_path / "deep")
    assert options.version == 16
    report = lint_text("ALTER TABLE a DROP COLUMN b; DROP TABLE a", options)
    assert [(one.hazard, one.severity) for one in report.findings] == [("drop_table", "error")]
    (tmp_path / "deep" / "postai.toml").write_text("[lint]\npg_version = 14\n")
    assert find_options(tmp_path / "deep") == LintOptions(14)


@pytest.mark.parametrize(
    "section",
    ["lint = 3", "[lint]\nfoo = 1", "[lint]\npg_version = 9", "[lint.severity]\nno_rule = 'off'",
     "[lint.severity]\ndrop_table = 'loud'", "[lint"],
)  # fmt: skip
def test_a_mistaken_configuration_is_told(tmp_path: Path, section: str) -> None:
    (tmp_path / "postai.toml").write_text(section)
    with pytest.raises(UsageError) as caught:
        find_options(tmp_path)
    assert caught.value.hint and "postai.toml" in f"{caught.value.message} {caught.value.detail}"


def test_reports() -> None:
    reports = [("a<b>.sql", lint_text("DROP TABLE t; VACUUM t; selec")), ("-", lint_text("SELECT 1"))]
    document = as_json(reports)
    assert [one["hazards"] for one in document["statements"]] == [["drop_table"], [], []]
    first = document["statements"][0]
    assert {"file", "statement", "line", "column", "hazards", "findings", "notes"} == set(first)
    assert {"hazard", "severity", "message", "safe_alternative"} == set(first["findings"][0])
    assert document["errors"] == [
        {"file": "a<b>.sql", "message": 'syntax error at or near "selec"', "line": 1, "column": 25}
    ]
    sarif = as_sarif(reports)["runs"][0]
    assert sarif["results"][0]["ruleId"] == "drop_table" and not sarif["invocations"][0]["executionSuccessful"]
    assert sarif["tool"]["driver"]["rules"][sarif["results"][0]["ruleIndex"]]["id"] == "drop_table"
    page = as_markdown(reports)
    assert "**drop_table** (warning), line 1" in page and "does not parse" in page and "No findings." in page


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("good.sql", "SELECT 1;"), ("bad.sql", "DROP TABLE t;"), ("broken.sql", "DROP TABL t;")):
        (tmp_path / name).write_text(text)
    (tmp_path / "latin.txt").write_bytes(b"\xe9")
    assert run(["lint", "good.sql"]) == 0
    assert "no findings in 1 statement" in capsys.readouterr().out
    assert run(["lint", "bad.sql"]) == linting.FINDINGS == 1
    assert "bad.sql:1:1: warning drop_table: t and its rows are gone" in capsys.readouterr().out
    assert run(["lint", "."]) == linting.UNUSABLE == 2
    assert "broken.sql:1:6: does not parse" in capsys.readouterr().out
    for unusable in ("latin.txt", "missing.sql"):
        assert run(["lint", unusable]) == 2
        assert unusable in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"DROP TABLE t")))
    assert run(["lint", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["statements"][0]["hazards"] == ["drop_table"]
    assert run(["lint", "good.sql", "--json", "--sarif"]) == 2


def test_names_in_a_file_steer_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.sql"
    path.write_text('DROP TABLE "a\x1b[31m";')
    assert run(["lint", str(path)]) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_notes_are_no_findings() -> None:
    (statement,) = lint_text("ALTER TABLE a ALTER b TYPE text").statements
    assert statement.hazards == () and "--dsn" in statement.notes[0]
    (statement,) = lint_text("ALTER TABLE a ADD b int GENERATED ALWAYS AS (c) VIRTUAL", LintOptions(15)).statements
    assert statement.hazards == () and "PostgreSQL 18" in statement.notes[0]


def test_a_rolled_back_table_is_not_new() -> None:
    made = "BEGIN; CREATE TABLE a (id bigint); {}; CREATE INDEX ON a (id);"
    assert found(made.format("COMMIT")) == []
    assert found(made.format("ROLLBACK")) == ["index_build_blocks_writes"]


def test_a_block_nested_too_deeply_is_passed_over() -> None:
    body = "begin " + "if true then " * 5000 + "update t set a = 1; " + "end if; " * 5000 + "end"
    assert found(f"do $$ {body} $$") == []


def test_the_agent_reads_past_the_section(tmp_path: Path) -> None:
    (tmp_path / "postai.toml").write_text("[lint]\npg_version = 15\n")
    assert Settings.load(tmp_path / "postai.toml").databases == ()
    assert find_options(tmp_path) == LintOptions(15)


def test_all_kinds_of_statements_are_read() -> None:
    for path in sorted((DOCS.parent / "sql").glob("*.sql")):
        assert not lint_text(path.read_text("utf-8")).mistakes
    others = """
        DROP FUNCTION f(int); DROP OPERATOR + (int, int); DROP CAST (int AS text); DROP TRIGGER t ON a; DROP ROLE r;
        ALTER FUNCTION f(int) RENAME TO g; DROP OPERATOR CLASS o USING gin; ALTER TYPE t RENAME ATTRIBUTE a TO b;
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r; ALTER OPERATOR CLASS o USING btree RENAME TO p;
        IMPORT FOREIGN SCHEMA s FROM SERVER x INTO y; PREPARE p AS SELECT 1; CREATE PUBLICATION p FOR ALL TABLES;
        CALL p(); SET x.y = 'z'; RESET ALL; DISCARD ALL; LISTEN c
    """
    assert found(others) == []


def test_an_index_without_a_name_gets_the_servers_one() -> None:
    (statement,) = lint_text("create index on orders (lower(note), city)").statements
    assert "CREATE INDEX CONCURRENTLY orders_lower_city_idx ON orders" in statement.findings[0].safe_alternative
