"""Wishes about schemas that are there, both ways on real servers; the model engine against a real HTTP server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import TestDatabase, drop_database, make_database
from design_cases import HERE, problems, read_cases
from model_server import KEY, Role, model_server
from postai.cli.main import run
from postai.database import connect
from postai.deadline import Deadline
from postai.design.draft import Draft
from postai.design.propose import Means, change, change_by_grammar, design
from postai.design.stored import read_draft
from postai.errors import ModelFailed, NotSure, Refused
from postai.model.client import Model
from postai.scratch.scratch_database import opener
from postai.settings import ModelSettings

START = (HERE / "change.start.sql").read_text("utf-8")
CASES = read_cases("change.cases") + read_cases("change2.cases")


def picture(draft: Draft) -> list[str]:
    """Everything that the way back has to restore."""
    found = []
    for table in draft.tables.values():
        found += [f"{table.schema}.{table.name} {table.comment}"]
        found += [f"{table.name} {one}" for one in table.columns.values()]
        found += [f"{table.name} {one.name} {one.kind} {one.expression}" for one in table.rules]
        found += [f"{table.name} {one.definition}" for one in table.indexes]
    return sorted(found)


@pytest.fixture(scope="module")
def started(pg18: Any) -> Iterator[TestDatabase]:
    """A small schema with rows; the tests leave it as it was."""
    one = make_database(pg18)
    one.execute(START)
    yield one
    drop_database(one)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_wish_and_the_way_back(started: TestDatabase, number: int) -> None:
    text, facts = CASES[number]
    with connect(started.dsn()) as db:
        before = read_draft(db)
        made = change_by_grammar(before, text)
        try:
            for statement in made.up:
                db.execute(statement)
            assert problems(read_draft(db), facts, destructive=made.destructive) == []
            assert made.destructive == ("destructive" in facts)
            assert not made.destructive or any("lost" in one for one in made.warnings)
        finally:
            for statement in made.down:
                db.execute(statement)
        assert picture(read_draft(db)) == picture(before)


def test_rows_survive_moves(started: TestDatabase) -> None:
    with connect(started.dsn()) as db:
        for text, query in (
            (
                "Move the street and city of employees into their own table addresses.",
                "select string_agg(concat(street, city), ',' order by {}) from {}",
            ),
            ("Turn the category of projects into its own table.", "select 1"),
        ):
            made = change_by_grammar(read_draft(db), text)
            before = db.query("select md5(string_agg(concat(street, city), ',' order by id)) from employees")
            kinds = db.query("select md5(string_agg(category, ',' order by id)) from projects")
            for statement in (*made.up, *made.down):
                db.execute(statement)
            assert db.query("select md5(string_agg(concat(street, city), ',' order by id)) from employees") == before
            assert db.query("select md5(string_agg(category, ',' order by id)) from projects") == kinds
            assert not made.destructive and query


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Add a column note to the aardvarks.", "aardvarks"),
        ("Make it nicer.", "Make it nicer"),
        ("Rename id to number.", "employees.id"),
    ],
)
def test_unknown_or_ambiguous_names_are_not_guessed(started: TestDatabase, text: str, said: str) -> None:
    with connect(started.dsn()) as db, pytest.raises(NotSure) as caught:
        change_by_grammar(read_draft(db), text)
    assert caught.value.sqlstate == "PA001" and caught.value.hint
    assert said in f"{caught.value.message} {caught.value.detail}"


def reply(**changes: Any) -> str:
    """A well-formed answer of the design prompt."""
    return json.dumps(
        {
            "up": ["CREATE TABLE boats (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL)"],
            "down": ["DROP TABLE boats"], "destructive": False, "warnings": [], "explanation": "Boats.", "cannot": None,
            **changes,
        }
    )  # fmt: skip


@pytest.fixture
def model() -> Iterator[tuple[Role, Model]]:
    """A model behind a real HTTP server, and how it behaves."""
    role = Role()
    with model_server(role) as server:
        settings = ModelSettings(api_key=KEY, base_url=server.url)  # type: ignore[arg-type]
        client = Model(settings, record=lambda call: None, spent_today=lambda: 0)  # type: ignore[arg-type,return-value]
        client.prepare()
        yield role, client
        client.close()


def by_model(database: TestDatabase, model: Model, text: str = "boats") -> Any:
    with connect(database.dsn()) as db:
        return design(db, text, Deadline.after(20), Means("model", model, opener(database.dsn())))


def test_model_within_three_seconds(started: TestDatabase, model: tuple[Role, Model]) -> None:
    role, client = model
    role.script, role.delay = lambda question, turn: json.loads(reply()), 2.5
    began = time.monotonic()
    made = by_model(started, client)
    assert made.engine == "model" and made.tried and made.up[0].startswith("CREATE TABLE boats")
    print(f"design with a model that takes 2.5 s: {time.monotonic() - began:.2f} s")


def test_model_is_told_what_fails_and_mends_it(started: TestDatabase, model: tuple[Role, Model]) -> None:
    role, client = model
    wrong = json.loads(reply(up=["CREATE TABLE boats (id bigint REFERENCES harbours (id))"]))
    role.script = lambda question, turn: json.loads(reply()) if turn > 1 else wrong
    assert by_model(started, client).up[0].startswith("CREATE TABLE boats (id bigint GENERATED")
    role.script = lambda question, turn: wrong
    with pytest.raises(ModelFailed) as caught:
        by_model(started, client)
    assert "harbours" in (caught.value.detail or "")


@pytest.mark.parametrize(
    "statement",
    ["DROP DATABASE postgres", "DO $$ BEGIN END $$", "GRANT ALL ON employees TO public", "COPY employees TO PROGRAM 'cat'",  # noqa: E501
     "CREATE EXTENSION dblink", "SELECT 1", "ALTER SYSTEM SET fsync = off", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'"],  # noqa: E501
)  # fmt: skip
def test_model_may_not_say_anything_else(started: TestDatabase, model: tuple[Role, Model], statement: str) -> None:
    role, client = model
    role.script = lambda question, turn: json.loads(reply(up=[statement]))
    with pytest.raises(Refused) as caught:
        by_model(started, client)
    assert caught.value.sqlstate == "PA003" and caught.value.hint


def test_model_says_that_it_cannot(started: TestDatabase, model: tuple[Role, Model]) -> None:
    role, client = model
    role.script = lambda question, turn: json.loads(reply(up=[], cannot="This is about the weather."))
    with pytest.raises(NotSure) as caught:
        by_model(started, client, "will it rain?")
    assert "weather" in (caught.value.detail or "")


def test_auto_asks_the_model_only_where_needed(started: TestDatabase, model: tuple[Role, Model]) -> None:
    role, client = model
    role.script = lambda question, turn: json.loads(reply())
    with connect(started.dsn()) as db:
        means = Means("auto", client)
        assert change(db, "Drop the fax column of employees.", Deadline.after(20), means).engine == "grammar"
        assert design(db, "Sing a song of sixpence.", Deadline.after(20), means).engine == "model"


def test_commands(
    started: TestDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = started.dsn().split("password=")[1].split()[0]
    monkeypatch.setenv("PGPASSWORD", password)
    dsn = started.dsn().replace(f"password={password}", "")
    assert run(["change", "--dsn", dsn, "--json", "Remove the fax from employees."]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["up"] == "ALTER TABLE public.employees DROP COLUMN fax;\n" and told["destructive"] and told["tried"]
    assert told["down"] == "ALTER TABLE public.employees ADD COLUMN fax text;\n" and "lost" in told["warnings"][0]
    assert run(["design", "--dsn", dsn, "A boat has a name and a length in metres."]) == 0
    out = capsys.readouterr().out
    assert "CREATE TABLE boats" in out and "nothing was changed" in out
    assert run(["design", "--dsn", dsn, "--json", "--engine", "model", "--transcript", str(tmp_path), "Boats."]) == 13
    assert len(list((tmp_path / "pending").iterdir())) == 1 and json.loads(capsys.readouterr().out)["pending"]
    assert run(["change", "--dsn", dsn, "--json", "What is the weather?"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["sqlstate"] == "PA001"
    with connect(started.dsn()) as db:
        assert not db.query("select from pg_database where datname like 'postai_scratch%'")
