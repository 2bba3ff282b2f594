"""Row level security in a plan: whose DDL it is decides, but who will see which rows is said; and other words."""

from __future__ import annotations

import pytest

from conftest import TestDatabase
from postai.database import connect
from postai.deadline import Deadline
from postai.migrate.draft import draft
from postai.migrate.plan import plan
from postai.migrate.types import Plan

TABLES = """
    create table note (id int primary key, owner name, body text, at timestamptz, code varchar(5));
    create index on note (at); create index on note (code);
    create policy mine on note using (owner = current_user)
"""


def planned(database: TestDatabase, text: str) -> Plan:
    with connect(database.dsn()) as db:
        return plan(db, [text], Deadline.after(20))


@pytest.mark.parametrize(
    ("text", "said", "undo"),
    [
        ("create policy own on note for select to pg_monitor using (owner = session_user)",
         "policy own lets pg_monitor see rows of public.note where owner = session_user",
         "DROP POLICY IF EXISTS own ON public.note"),
        ("create policy own on note as restrictive using (id > 3) with check (id > 4)",
         "policy own lets everybody see and write no rows of public.note but those where id > 3,"
         " written only where id > 4", "DROP POLICY IF EXISTS own ON public.note"),
        ("create policy own on note using (true)", "counts only once row level security of it is enabled",
         "DROP POLICY IF EXISTS own ON public.note"),
        ("alter policy mine on note using (true)", "policy mine of public.note decides anew where true", None),
        ("drop policy mine on note", "what policy mine of public.note let pass is not seen any more", None),
        ("alter table note enable row level security",
         "from then on nobody but postgres, superusers and roles with BYPASSRLS sees or writes a row of public.note"
         " that no policy lets pass; its policies now: mine", "ALTER TABLE public.note DISABLE ROW LEVEL SECURITY"),
        ("alter table note force row level security", "hold for its owner postgres too",
         "ALTER TABLE public.note NO FORCE ROW LEVEL SECURITY"),
        ("alter table note disable row level security", "is so already; nothing changes", None),
    ],
)  # fmt: skip
def test_who_will_see_what_is_said(database18: TestDatabase, text: str, said: str, undo: str | None) -> None:
    database18.execute(TABLES)
    made = planned(database18, text)
    assert any(said in one for one in made.warnings), made.warnings
    assert [one.undo for one in made.steps] == [undo]


def test_people_may_propose_it(database18: TestDatabase) -> None:
    database18.execute(TABLES + "; alter table note enable row level security")
    again = planned(database18, "alter table note enable row level security")
    assert again.steps[0].undo is None  # or the undo would open what was closed before
    made = planned(database18, "create policy two on note using (true); alter table note force row level security")
    steps = draft(made, "t", "w").steps
    assert [one.undo is not None for one in steps] == [True, True]


def test_a_change_of_type_says_what_prepared_statements_meet(database18: TestDatabase) -> None:
    database18.execute(TABLES)
    for text in ("alter table note alter code type varchar(9)", "alter table note alter id type bigint"):
        assert any("cached plan must not change result type" in one for one in planned(database18, text).warnings)
    fresh = planned(database18, "create table fresh (a int); alter table fresh alter a type bigint")
    assert not any("cached plan" in one for one in fresh.warnings)


def test_an_index_is_not_built_anew_under_the_strongest_lock(database18: TestDatabase) -> None:
    database18.execute(TABLES)
    with connect(database18.dsn()) as db:
        db.execute("set timezone = 'UTC'")
        indexed = plan(db, ["alter table note alter at type timestamp"], Deadline.after(20))
        db.execute("drop index note_at_idx")
        plain = plan(db, ["alter table note alter at type timestamp"], Deadline.after(20))
        varchar = plan(db, ["alter table note alter code type text"], Deadline.after(20))
    assert any("CONCURRENTLY" in one.statement for one in indexed.steps)
    assert len(plain.steps) == 1 and len(varchar.steps) == 1


def test_a_column_whose_name_is_part_of_a_word_hides_no_check(database18: TestDatabase) -> None:
    database18.execute("create table long (id int primary key, v text, w text)")
    text = "alter table long alter v type int using v::int, alter w type int using w::int, alter w set not null"
    found = [words for _, words in planned(database18, text).checks]
    assert found == [f"values of {one} of public.long are no integer" for one in "vw"]  # of the new w nothing is known
