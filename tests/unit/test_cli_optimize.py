"""What `post-ai optimize` prints, of recommendations as values: nothing in them ends a comment, a row or a fence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from postai.cli import optimizing, watching
from postai.cli.main import run
from postai.errors import UsageError
from postai.optimize.types import Advice, Effect, Recommendation, Skipped
from postai.optimize.workload import read_workload

HOSTILE = 'x"\nDROP TABLE t; -- | ``` \x1b[31m'
INDEX = Recommendation(
    kind="create_index",
    object="public.orders",
    title=f"Create index on {HOSTILE}",
    why=f"For {HOSTILE}.",
    statement="CREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders (customer_id)",
    undo="DROP INDEX CONCURRENTLY public.orders_customer_id_idx",
    comment="COMMENT ON INDEX public.orders_customer_id_idx IS 'For s1'",
    saved_ms_per_day=12_000_000.0,
    bytes=22_020_096,
    severity="HIGH",
    estimated_by="planner",
    effects=(Effect("s1", 1000.0, 120.0, 0.1, 4217.0, 8.0),),
)
STEPS = Recommendation(
    kind="archive",
    object="public.log",
    title="Archive",
    why="Cold.",
    statement="",
    evidence={"steps": [{"statement": "SELECT 1", "undo": "SELECT 2"}, {"statement": "SELECT 3", "undo": None}]},
)
ADVICE = Advice((INDEX, STEPS), (Skipped("7", "permission denied"),), ("no HypoPG",), 1.25)


def test_the_document_has_what_programs_need() -> None:
    document = optimizing._document(ADVICE)
    first, second = document["proposals"]
    assert {"kind", "object", "statement", "undo", "saved_ms_per_day", "write_ms_per_day", "bytes", "why"} <= set(first)
    assert first["statement"] == INDEX.statement and first["gain"] == "saves 3 h 20 min a day, costs 21 MB"
    assert (second["statement"], second["undo"]) == ("SELECT 1;\nSELECT 3", "SELECT 2")
    assert document["seconds"] == 1.25 and document["notes"] == ("no HypoPG",) and len(document["skipped"]) == 1


def test_the_list_is_eighty_columns_wide_but_for_statements() -> None:
    lines = list(optimizing._list(ADVICE))
    assert max(len(line) for line in lines if not line.strip().startswith(("CREATE", "SELECT"))) <= 80
    text = "\n".join(lines)
    assert "saves 3 h 20 min a day, costs 21 MB" in text and "cost 4,217 -> 8, 120.0 ms -> 0.1 ms" in text
    assert "left out: 1 statement: permission denied" in text and "note: no HypoPG" in text
    assert "nothing to recommend" in "\n".join(optimizing._list(Advice(())))


def test_a_file_of_which_nothing_can_be_parsed_is_an_error() -> None:
    for text in ("-- @id x calls=5\nselec 1;", "query,calls\nselec 1,5", '[{"query": "", "calls": 3}]'):
        with pytest.raises(UsageError) as caught:
            optimizing._of_file(text, 1.0)
        assert caught.value.exit_code == 2 and caught.value.hint == optimizing.FORMATS
    assert len(optimizing._of_file("-- @id x calls=5\nselec 1;\n-- @id y calls=5\nselect 1;", 1.0).statements) == 2
    skipped = [Skipped("1", "CREATE TABLE has no plan that an index could change"), Skipped("2", "no SQL")]
    assert list(optimizing._left_out(tuple(skipped))) == [
        "left out: 1 statement without a plan (DDL and the like)",
        "left out: 1 statement: no SQL",
    ]


def test_explain_takes_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "/nope.json"]) == 2
    assert "There is no file /nope.json either." in capsys.readouterr().err


def test_an_interrupt_inside_a_library_is_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise RuntimeError("generator didn't yield") from None

    monkeypatch.setattr(watching, "open_database", interrupted)
    assert run(["top"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_no_text_leaves_its_comment_in_a_script() -> None:
    lines = "\n".join(optimizing._script(ADVICE)).splitlines()
    run_lines = [line for line in lines if line and not line.startswith("--")]
    assert run_lines == [f"{INDEX.statement};", f"{INDEX.comment};", "SELECT 1;", "SELECT 3;"]
    assert f"-- undo: {INDEX.undo};" in lines


def test_no_text_is_markdown() -> None:
    text = "\n".join(optimizing._report(ADVICE, "d|b"))
    assert text.startswith("# Recommendations for database d\\|b\n")
    assert text.count("```sql") == 4 and "\x1b" not in text
    rows = [line for line in text.splitlines() if line.startswith("| 1 ")]
    assert len(rows) == 1 and "\\|" in rows[0]
    assert optimizing._fenced("select '```'").startswith("````sql\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["optimize", "--query", "select 1", "--workload", "x"], "exclude"),
        (["optimize", "--json", "--sql"], "exclude"),
        (["optimize", "--budget-mb", "0"], "budget-mb"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert words in told.out + told.err


def test_a_workload_that_is_no_text_is_named(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w.sql").write_bytes(b"\xff\xfe")
    assert run(["optimize", "--workload", str(tmp_path / "w.sql"), "--dsn", "host=nowhere"]) == 2
    assert "is not UTF-8" in capsys.readouterr().err
    assert run(["optimize", "--workload", str(tmp_path / "none.sql"), "--dsn", "host=nowhere"]) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "is empty"), (b"select 1;\0", "not text"), (b"[" * 100_000, "no valid JSON")],
)
def test_a_workload_that_cannot_be_read_says_what_to_give(
    content: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "workload"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_workload(optimizing._read(file))
    assert words in f"{caught.value.message} {caught.value.detail}" and caught.value.hint
    assert run(["optimize", "--workload", str(tmp_path)]) == 2
    assert "Is a directory" in " ".join(capsys.readouterr().err.split())
    assert run(["explain", " "]) == 2


def test_counters_between_two_looks() -> None:
    keys: list[tuple[str, str | None]] = [("1", "a"), ("2", "a"), ("3", "b")]
    key, gone, fresh = keys
    before = {key: (10, 100.0, 5, 8, 2, "select 1"), gone: (50, 900.0, 1, 1, 1, "select 2")}
    now = {
        key: (15, 160.0, 6, 10, 2, "select 1"),
        gone: (3, 30.0, 1, 0, 0, "select 2"),  # counted anew after a reset
        fresh: (1, 10.0, 1, 0, 3, "select 3"),
    }
    found = watching._since(now, before, 10)
    assert [(one.queryid, one.calls, one.total_ms) for one in found] == [("1", 5, 60.0), ("2", 3, 30.0), ("3", 1, 10.0)]
    assert [round(one.share, 2) for one in found] == [0.6, 0.3, 0.1]
    assert [one.cached for one in found] == [1.0, None, 0.0]
    assert watching._since(now, now, 10) == ()
