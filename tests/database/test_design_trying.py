"""What is proposed in words runs on a copy, both ways, wherever the copy lies; the model moves rows, and only so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conftest import TestDatabase, drop_database, make_database
from design_cases import HERE
from model_server import KEY, Role, Seen, model_server
from postai.database import connect
from postai.deadline import Deadline
from postai.design.propose import Means, change, design
from postai.design.stored import read_draft, read_state
from postai.design.trying import on_copy
from postai.errors import Refused
from postai.model.client import Model
from postai.scratch.scratch_database import opener
from postai.settings import ModelSettings

START = (HERE / "change.start.sql").read_text("utf-8")
TRIER = "design_trier"


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def started(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A small schema with rows, and a role that may make schemas but no database."""
    one = make_database(request.getfixturevalue(request.param))
    one.execute(START)
    one.execute(
        f"drop role if exists {TRIER}; create role {TRIER} login password 'trier'; grant create on database "
        f"{one.name} to {TRIER}; grant select on all tables in schema public to {TRIER};"
        "create function public.sly() returns text volatile language sql as 'select current_user::text';"
        "create function public.lower(integer) returns text immutable language sql as $$ select 'x' $$"
    )
    yield one
    one.execute(f"drop owned by {TRIER}; drop role {TRIER}")
    drop_database(one)


def as_role(database: TestDatabase, role: str) -> str:
    """A connection string of another role."""
    parts = dict(one.split("=", 1) for one in database.dsn().split())
    return " ".join(f"{key}={value}" for key, value in {**parts, "user": role, "password": "trier"}.items())


def test_schemas_stand_in_for_a_database(started: TestDatabase) -> None:
    dsn = as_role(started, TRIER)
    wish = "Move the street and city of employees into their own table addresses. A project may have a sponsor."
    with connect(started.dsn()) as owner:
        before = read_state(owner)
        assert (
            change(owner, wish, Deadline.after(60), Means("grammar", None, opener(started.dsn()))).tried_in
            == "database"
        )
        with connect(dsn) as db:
            made = change(db, wish, Deadline.after(60), Means("grammar", None, opener(dsn)))
            assert made.tried and made.tried_in == "schema" and not any("exactly" in one for one in made.warnings)
            assert "addresses" in made.mermaid and "postai_scratch" not in f"{made.up} {made.down} {made.mermaid}"
            fresh = design(db, "A boat has a name.", Deadline.after(60), Means("grammar", None, opener(dsn)))
            assert fresh.tried_in == "schema" and fresh.up[0].startswith("CREATE TABLE boats")
        assert read_state(owner) == before
        assert not owner.query("select from pg_namespace where nspname ~ '^postai_scratch'")
        owner.execute(f"revoke create on database {started.name} from {TRIER}")
        try:
            with connect(dsn) as db:
                made = change(db, wish, Deadline.after(60), Means("grammar", None, opener(dsn)))
            assert not made.tried and made.tried_in is None
            assert any("not tried on a copy" in one and "schema" in one for one in made.warnings)
        finally:
            owner.execute(f"grant create on database {started.name} to {TRIER}")


@pytest.mark.parametrize("role", ["", TRIER])
def test_way_back_is_held_against_what_was(started: TestDatabase, role: str) -> None:
    dsn = as_role(started, role) if role else started.dsn()
    with connect(dsn) as db:
        attempt = on_copy(db, opener(dsn), read_draft(db), Deadline.after(60))
        up = ("ALTER TABLE employees DROP COLUMN fax", "CREATE INDEX CONCURRENTLY on public.projects (title)")
        exact = attempt(up, ("DROP INDEX projects_title_idx", "ALTER TABLE public.employees ADD COLUMN fax text"))
        assert not exact.failed and exact.astray == ""
        astray = attempt(up, ("ALTER TABLE employees ADD COLUMN fax text NOT NULL",))
        assert astray.missing == ("column public.employees.fax text",)
        assert astray.left[0].startswith("CREATE INDEX projects_title_idx ON public.projects")
        assert astray.left[1] == "column public.employees.fax text not null"
        assert attempt(up, ("DROP TABLE nobody",)).sqlstate == "42P01"


@pytest.fixture
def model() -> Iterator[tuple[Role, Model, list[Seen]]]:
    """A model behind a real HTTP server, and how it behaves."""
    role = Role()
    with model_server(role) as server:
        settings = ModelSettings(api_key=KEY, base_url=server.url)  # type: ignore[arg-type]
        client = Model(settings, record=lambda call: None, spent_today=lambda: 0)  # type: ignore[arg-type,return-value]
        client.prepare()
        yield role, client, server.seen
        client.close()


def reply(up: list[str], down: list[str]) -> dict[str, Any]:
    """A well-formed answer of the design prompt."""
    return {
        "up": up, "down": down, "destructive": False, "warnings": [], "explanation": "So.", "cannot": None
    }  # fmt: skip


SPLIT_UP = [
    "CREATE TABLE public.addresses (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, employee_id bigint NOT NULL "
    "UNIQUE REFERENCES public.employees (id), street text, city text)",
    "INSERT INTO public.addresses (employee_id, street, city) SELECT id, street, initcap(city) FROM public.employees "
    "WHERE street IS NOT NULL OR city IS NOT NULL",
    "ALTER TABLE public.employees DROP COLUMN street",
    "ALTER TABLE public.employees DROP COLUMN city",
]
SPLIT_DOWN = [
    "ALTER TABLE public.employees ADD COLUMN street text, ADD COLUMN city text",
    "UPDATE public.employees SET street = a.street, city = a.city FROM public.addresses AS a "
    "WHERE a.employee_id = employees.id",
    "DROP TABLE public.addresses",
]


def by_model(database: TestDatabase, model: Model) -> Any:
    with connect(database.dsn()) as db:
        return change(db, "as told", Deadline.after(30), Means("model", model, opener(database.dsn())))


def test_model_moves_rows_and_back(started: TestDatabase, model: tuple[Role, Model, list[Seen]]) -> None:
    role, client, _ = model
    role.script = lambda question, turn: reply(SPLIT_UP, SPLIT_DOWN)
    made = by_model(started, client)
    assert made.tried_in == "database" and not made.destructive
    assert any("rows of addresses are written: INSERT" in one for one in made.warnings)
    with connect(started.dsn()) as db:
        rows = "select md5(string_agg(concat(street, city), ',' order by id)) from employees"
        state, before = read_state(db), db.query(rows)
        for statement in (*made.up, *made.down):
            db.execute(statement)
        assert read_state(db) == state and db.query(rows) == before


def test_model_fills_a_new_column(started: TestDatabase, model: tuple[Role, Model, list[Seen]]) -> None:
    role, client, _ = model
    role.script = lambda question, turn: reply(
        ["ALTER TABLE projects ADD COLUMN label text", "UPDATE projects SET label = concat(title, ' ', state)",
         "UPDATE projects SET category = 'other' WHERE category IS NULL",
         "ALTER TABLE projects ALTER COLUMN label SET NOT NULL"],
        ["ALTER TABLE projects DROP COLUMN label"],
    )  # fmt: skip
    made = by_model(started, client)
    assert any("rows of projects are written: UPDATE" in one for one in made.warnings)
    assert any("values of projects.category are written anew" in one for one in made.warnings)


def test_way_back_goes_to_the_model_again(started: TestDatabase, model: tuple[Role, Model, list[Seen]]) -> None:
    role, client, seen = model
    up = ["ALTER TABLE employees DROP COLUMN postcode"]
    wrong, right = (reply(up, [f"ALTER TABLE employees ADD COLUMN postcode {one}"]) for one in ("varchar", "text"))
    role.script = lambda question, turn: right if turn > 1 else wrong
    assert not any("exactly" in one for one in by_model(started, client).warnings)
    assert "it does not bring back: column public.employees.postcode text" in seen[-1].text
    asked = len(seen)
    role.script = lambda question, turn: wrong
    made = by_model(started, client)
    assert len(seen) - asked == 3 and made.tried
    assert any("down does not lead back exactly" in one and "postcode" in one for one in made.warnings)


ADD = "ALTER TABLE projects ADD COLUMN label text"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE employees SET salary = 0", "neither makes nor alters the table employees"),
        ("INSERT INTO projects (title) VALUES ('x')", "projects is none"),
        ("INSERT INTO projects SELECT * FROM projects", "names its columns"),
        ("DELETE FROM projects", "DELETE is not allowed"),
        ("UPDATE projects SET label = (SELECT rolpassword FROM pg_authid LIMIT 1)", "no table pg_authid"),
        ("UPDATE projects SET label = (SELECT min(column_name) FROM information_schema.columns)", "no table"),
        ("UPDATE projects SET label = public.sly()", "public.sly"),
        ("UPDATE projects SET label = sly()", "sly"),
        ("UPDATE projects SET label = lower(title)", "lower does is volatile"),
        ("UPDATE projects SET label = random()::text", "random does is volatile"),
        ("UPDATE projects SET label = clock_timestamp()::text", "clock_timestamp"),
        ("UPDATE projects SET label = set_config('role', 'postgres', false)", "set_config"),
        ("UPDATE projects SET label = pg_sleep(10)::text", "pg_sleep"),
        ("UPDATE projects SET label = query_to_xml('select 1', true, true, '')::text", "query_to_xml"),
        ("UPDATE projects SET label = nextval('projects_id_seq')::text", "nextval"),
        ("UPDATE projects SET label = title RETURNING title", "RETURNING"),
        ("WITH x AS (DELETE FROM employees RETURNING 1) UPDATE projects SET label = 'x'", "not needed"),
        ("UPDATE projects SET label = 'x' FROM (SELECT 1 FROM employees FOR UPDATE) AS s", "LockingClause"),
        ("INSERT INTO projects (title) SELECT title FROM projects ON CONFLICT DO NOTHING", "ON CONFLICT"),
        ("UPDATE projects SET label = title OPERATOR(public.||) 'x'", "operator"),
        ("UPDATE postai.settings SET value = 'x'", "postai"),
        ("ALTER TABLE employees DISABLE ROW LEVEL SECURITY", "DisableRowSecurity"),
        ("ALTER TABLE employees DISABLE TRIGGER ALL", "DisableTrig"),
    ],
)  # fmt: skip
def test_rows_are_written_in_no_other_way(
    started: TestDatabase, model: tuple[Role, Model, list[Seen]], statement: str, said: str
) -> None:
    role, client, _ = model
    role.script = lambda question, turn: reply([ADD, statement], ["ALTER TABLE projects DROP COLUMN label"])
    with pytest.raises(Refused) as caught:
        by_model(started, client)
    assert caught.value.sqlstate == "PA003" and caught.value.hint and said in (caught.value.detail or "")


def test_hostile_statements_run_nowhere_else(started: TestDatabase) -> None:
    """Where the copy lies in the real database, a name that leads out of it leads nowhere."""
    dsn = as_role(started, TRIER)
    with connect(dsn) as db:
        attempt = on_copy(db, opener(dsn), read_draft(db), Deadline.after(60))
        for statement in ("DROP TABLE pg_temp.x", "ALTER TABLE employees ADD COLUMN x text DEFAULT private.f()"):
            trial = attempt((statement,), ())
            assert trial.failed, statement
