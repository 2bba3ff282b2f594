"""`post-ai eval nl2sql` on databases that know nothing of postai: both engines, transcripts, wrong input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import TestDatabase, drop_database, make_database
from model_server import answer
from postai.ask.types import Answer, AskRequest
from postai.cli.main import run
from postai.deadline import DeadlineExceeded
from postai.setup.server import LocalServer

PENDING = 13
SCHEMA = """
create table grower (grower_id int primary key, name text not null, region text not null);
create table pear (pear_id int primary key, grower_id int references grower, variety text not null, weight int);
create table crate (code text primary key, label text);
insert into grower values (1, 'Ada', 'north'), (2, 'Ben', 'south'), (3, 'Cid', 'north');
insert into pear select i, 1 + i % 3, 'Sort ' || i % 4, 100 + i from generate_series(1, 60) as i;
insert into crate values ('x', 'y');
"""
GOLD = {
    "a1": ("How many growers are there?", "SELECT count(*) FROM public.grower"),
    "a2": ("How many pears does each grower have?",
           "SELECT g.name, count(*) FROM public.grower g JOIN public.pear p USING (grower_id) GROUP BY g.name"),
    "a3": ("What is the average weight of pears from growers in the north?",
           "SELECT avg(p.weight) FROM public.pear p JOIN public.grower g USING (grower_id) WHERE g.region = 'north'"),
    "n1": ("What is the melting point of each tractor?", None),
}  # fmt: skip


class Evaluation:
    """One database, its questions, and the command run on them in this process."""

    def __init__(self, database: TestDatabase, directory: Path) -> None:
        self.database = database
        self.directory = directory
        self.questions = directory / "questions.jsonl"
        db = database.name.removeprefix("t_")
        self.questions.write_text(
            "\n".join(
                json.dumps({"id": key, "db": db, "question": question, "gold_sql": [gold], "unknown": 1})
                for key, (question, gold) in GOLD.items()
            )
        )
        server = database.server
        self.dsn = f"host=127.0.0.1 port={server.port} user={server.superuser} dbname=t_{{db}}"
        self.db = db

    def run(self, *more: str, out: str = "out.jsonl", dsn: str | None = None) -> int:
        arguments = ["eval", "nl2sql", "--questions", str(self.questions), "--dsn", dsn or self.dsn]
        return run([*arguments, "--out", str(self.directory / out), *more])

    def predictions(self, out: str = "out.jsonl") -> dict[str, dict[str, Any]]:
        lines = (self.directory / out).read_text().splitlines()
        return {line["id"]: line for line in map(json.loads, lines)}


@pytest.fixture(params=["pg18", pytest.param("pg15", marks=pytest.mark.soak)])
def server(request: pytest.FixtureRequest) -> LocalServer:
    """One suffices: what is tested happens in Python."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture
def evaluation(server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evaluation]:
    database = make_database(server)
    database.execute(SCHEMA)
    monkeypatch.setenv("PGPASSWORD", server.password())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield Evaluation(database, tmp_path)
    drop_database(database)


def test_the_grammar_engine_writes_one_prediction_for_each_question(evaluation: Evaluation) -> None:
    assert evaluation.run("--engine", "grammar") == 0
    found = evaluation.predictions()
    assert list(found) == list(GOLD)
    assert {"a1", "a2"} <= {key for key, one in found.items() if one["sql"]} <= {"a1", "a2", "a3"}
    assert found["n1"]["abstained"] is True
    assert all(0 <= one["confidence"] <= 1 and one["latency_ms"] > 0 for one in found.values())
    assert all(one["abstained"] is (one["sql"] is None) for one in found.values())


def test_the_same_run_gives_the_same_predictions(evaluation: Evaluation) -> None:
    for out in ("one", "two"):
        assert evaluation.run(out=out) == 0
    one, two = (evaluation.predictions(out) for out in ("one", "two"))
    for found in (*one.values(), *two.values()):
        del found["latency_ms"]
    assert one == two


def test_nothing_is_written_to_the_database(evaluation: Evaluation) -> None:
    assert evaluation.run() == 0
    database = evaluation.database
    assert database.execute("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == [(6,)]
    assert database.execute("select count(*) from pg_namespace where nspname like 'postai%'") == [(0,)]


def test_every_question_leaves_a_request_from_which_somebody_can_answer(evaluation: Evaluation) -> None:
    directory = evaluation.directory / "t"
    arguments = ("--engine", "model", "--transcript", str(directory), "--now", "2026-05-20")
    assert evaluation.run(*arguments) == PENDING
    found = evaluation.predictions()
    assert {one["status"] for one in found.values()} == {"pending"}
    assert all(one["sql"] is None and one["abstained"] for one in found.values())
    files = sorted((directory / "pending").iterdir())
    assert len(files) == len(GOLD)
    for file in files:
        request = json.loads(file.read_text())["request"]
        text = "\n".join(block["text"] for block in request["system"]) + request["messages"][-1]["content"]
        for wanted in ("public.grower", "variety", "weight", "PostgreSQL", "2026-05-20", "<question>"):
            assert wanted in text, wanted
        assert "sql" in request["output_config"]["format"]["schema"]["properties"]
    before = {file.name: file.read_bytes() for file in files}
    # Statistics that appear by themselves in between must not change what is asked.
    evaluation.database.execute("analyze")
    assert evaluation.run(*arguments) == PENDING
    assert {file.name: file.read_bytes() for file in (directory / "pending").iterdir()} == before


def reply_to_all(directory: Path, *, spoil: str | None = None) -> int:
    """Answer pending requests with the gold, as somebody outside would; the number of those that were there."""
    by_question = dict(GOLD.values())
    files = list((directory / "pending").glob("*.json"))
    for file in files:
        asked = json.loads(file.read_text())
        turns = asked["request"]["messages"]
        question = next(one for one in by_question if one in turns[0]["content"])
        gold = by_question[question]
        if spoil is not None and len(turns) == 1:
            gold = spoil
        reason = None if gold else "There are no tractors."
        text = json.dumps(answer(gold, cannot_answer_reason=reason))
        (directory / file.name).write_text(json.dumps({**asked, "reply": {"text": text, "stop_reason": "end_turn"}}))
    return len(files)


def test_replies_that_hold_the_right_statement_lose_nothing_and_are_replayed(evaluation: Evaluation) -> None:
    directory = evaluation.directory / "t"
    arguments = ("--engine", "model", "--transcript", str(directory), "--now", "2026-05-20")
    assert evaluation.run(*arguments) == PENDING
    assert reply_to_all(directory) == len(GOLD)
    kept = {file.name: file.read_bytes() for file in directory.glob("*.json")}
    for out in ("one", "two"):
        assert evaluation.run(*arguments, out=out) == 0
        found = evaluation.predictions(out)
        assert {key: one["sql"] for key, one in found.items()} == {key: gold for key, (_, gold) in GOLD.items()}
        assert found["n1"]["status"] == "abstained"
    assert {file.name: file.read_bytes() for file in directory.glob("*.json")} == kept
    assert not list((directory / "pending").iterdir())


def test_repairs_wait_for_replies_too(evaluation: Evaluation) -> None:
    directory = evaluation.directory / "t"
    arguments = ("--engine", "model", "--transcript", str(directory), "--now", "2026-05-20")
    assert evaluation.run(*arguments) == PENDING
    reply_to_all(directory, spoil="SELECT nothing FROM public.grower")
    assert evaluation.run(*arguments) == PENDING
    repairs = [json.loads(file.read_text()) for file in (directory / "pending").glob("*.json")]
    assert len(repairs) == len(GOLD)
    assert all("does not exist" in one["request"]["messages"][-1]["content"] for one in repairs)
    reply_to_all(directory)
    assert evaluation.run(*arguments) == 0
    found = evaluation.predictions()
    assert {key for key, one in found.items() if one["sql"]} == {"a1", "a2", "a3"}


def test_a_statement_that_writes_is_not_given_out(evaluation: Evaluation) -> None:
    directory = evaluation.directory / "t"
    arguments = ("--engine", "model", "--transcript", str(directory))
    assert evaluation.run(*arguments) == PENDING
    reply_to_all(directory, spoil="DELETE FROM public.crate")
    evaluation.run(*arguments)
    assert all(one["sql"] is None for one in evaluation.predictions().values())


def test_a_damaged_transcript_ends_the_run_and_is_named(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = evaluation.directory / "t"
    arguments = ("--engine", "model", "--transcript", str(directory))
    assert evaluation.run(*arguments) == PENDING
    name = next((directory / "pending").iterdir()).name
    (directory / name).write_text("{")
    assert evaluation.run(*arguments) == 2
    assert name in capsys.readouterr().err


def test_declared_joins_are_used_and_unknown_ones_are_told(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    joins = evaluation.directory / "joins.json"
    joins.write_text(json.dumps({evaluation.db: [["crate.code", "pear.variety"], ["crate.code", "gone.code"]]}))
    assert evaluation.run("--joins", str(joins)) == 0
    assert "1 of 2 joins name columns that are not there" in " ".join(capsys.readouterr().err.split())


def test_several_files_after_one_option(evaluation: Evaluation) -> None:
    more = evaluation.directory / "more.jsonl"
    more.write_text(json.dumps({"id": "m1", "db": evaluation.db, "question": "How many pears are there?"}))
    questions = ["--questions", str(evaluation.questions), str(more)]
    out = evaluation.directory / "out.jsonl"
    assert run(["eval", "nl2sql", *questions, "--dsn", evaluation.dsn, "--engine", "grammar", "--out", str(out)]) == 0
    assert list(evaluation.predictions()) == [*GOLD, "m1"]


@pytest.mark.parametrize(
    ("line", "told"),
    [("{", "line 1"), ('{"id": "x", "question": "q"}', "db"), ('{"id": 7, "db": "d", "question": "q"}', "id"),
     ("[1]", "line 1")],
)  # fmt: skip
def test_a_mistake_in_a_file_is_named(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    evaluation.questions.write_text(line)
    assert evaluation.run() == 2
    said = capsys.readouterr().err
    assert told in said
    assert "hint" in said


def test_wrong_use_is_told(evaluation: Evaluation, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluation.run(dsn="host=127.0.0.1 password=secret dbname={db}") == 2
    assert "secret" not in capsys.readouterr().err
    assert evaluation.run("--transcript", str(evaluation.directory / "t")) == 2
    assert evaluation.run("--engine", "model") == 6  # no model is configured
    assert evaluation.run("--joins", "/nowhere.json") == 2
    assert evaluation.run(out="no/such/directory") == 2
    assert evaluation.run(dsn=evaluation.dsn.replace("t_{db}", "gone_{db}")) == 1
    assert "hint" in capsys.readouterr().err


def test_one_question_that_fails_does_not_end_the_others(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from postai.ask import evaluation as module

    real = module.ask

    def sometimes(request: AskRequest, **more: Any) -> Answer:
        if "each grower" in request.question:
            raise RecursionError("too deep")
        if "average" in request.question:
            raise DeadlineExceeded("the time limit is over")
        return real(request, **more)

    monkeypatch.setattr(module, "ask", sometimes)
    assert evaluation.run("--engine", "grammar") == 0
    found = evaluation.predictions()
    assert list(found) == list(GOLD) and found["a1"]["sql"]
    assert (found["a2"]["status"], found["a2"]["reason"]) == ("failed", "this is a bug in postai: RecursionError")
    assert (found["a3"]["status"], found["a3"]["reason"]) == ("failed", "the time limit is over")
    assert "question a2: this is a bug in postai: RecursionError" in capsys.readouterr().err


def test_files_as_other_programs_write_them(evaluation: Evaluation) -> None:
    """A byte-order mark, CRLF, null for no instructions, and a separator of lines inside a text."""
    lines = [
        json.dumps({"id": key, "db": evaluation.db, "question": text, "instructions": None}, ensure_ascii=False)
        for key, text in (("a1", "How many growers are there?"), ("a2", "How many\u2028 pears are there?"))
    ]
    evaluation.questions.write_bytes(("\ufeff" + "\r\n".join(lines) + "\r\n\r\n").encode())
    assert evaluation.run("--engine", "grammar") == 0
    assert list(evaluation.predictions()) == ["a1", "a2"]


@pytest.mark.parametrize(
    "name",
    [
        "{real} host=203.0.113.1",
        "{real} options='-c x=y'",
        "{real}' user='evil",
        "postgresql://203.0.113.1/x",
        "a\\",
        "x\ny=z",
        " ",
    ],
)
def test_the_name_of_a_database_is_nothing_but_a_name(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Whoever wrote the questions names databases; he does not choose server, user or options."""
    db = name.replace("{real}", evaluation.db)
    evaluation.questions.write_text(json.dumps({"id": "a", "db": db, "question": "How many pears are there?"}))
    assert evaluation.run() == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "does not exist" in said and "203.0.113.1:" not in said, said


def test_a_database_is_named_only_where_a_name_belongs(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluation.run(dsn=evaluation.dsn + " options='-c search_path={db}'") == 2
    said = capsys.readouterr().err
    assert "{db}" in said and "hint" in said
