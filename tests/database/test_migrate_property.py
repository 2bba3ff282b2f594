"""Property: what the planned steps bring about is what the given statements would have, names and rows included."""

from __future__ import annotations

import os
from collections.abc import Callable

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_support import row_text, run_naive, run_plan, schema_text

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.migrate.plan import plan

EXAMPLES = int(os.environ.get("POSTAI_PLAN_EXAMPLES", "6"))

_TYPES = ("integer", "bigint", "text", "varchar(20)", "numeric(10,2)", "timestamptz", "boolean", "date")
_VALUES = {
    "integer": "g % 7",
    "bigint": "g % 11",
    "text": "'n' || g % 5",
    "varchar(20)": "'v' || g % 3",
    "numeric(10,2)": "g % 13 + 0.5",
    "timestamptz": "timestamptz '2024-01-01 00:00+00' + g * interval '1 hour'",
    "boolean": "g % 2 = 0",
    "date": "date '2024-01-01' + g % 30",
}
_WIDER = {
    "integer": ("bigint", "numeric", "text"),
    "bigint": ("numeric(20,0)", "text", "smallint", "numeric(3,2)"),
    "text": ("varchar(100)", "varchar(1)", "char(3)"),
    "varchar(20)": ("varchar(50)", "text", "varchar(10)", "varchar(1)", "char(1)"),
    "numeric(10,2)": ("numeric(12,2)", "numeric(12,4)", "text", "numeric(3,2)"),
    "timestamptz": ("text",),
    "boolean": ("text",),
    "date": ("timestamptz", "text"),
}
_DEFAULTS = {
    "integer": ("7", "(random() * 0)::int + 3"),
    "bigint": ("8", "2 + 2"),
    "text": ("'x'", "'a\\b'"),
    "varchar(20)": ("'y'",),
    "numeric(10,2)": ("1.25",),
    "timestamptz": ("'2024-05-05 00:00+00'", "clock_timestamp()"),
    "boolean": ("true", "false"),
    "date": ("'2024-02-02'",),
}
_VOLATILE = ("clock", "random")


@st.composite
def schemas(draw: Callable) -> tuple[list[str], dict[str, dict[str, str]]]:  # type: ignore[type-arg]
    """Statements that make two or three tables with rows, and their columns."""
    made: list[str] = ["create type mood as enum ('good', 'bad')"]
    made.append("create table parent (id bigint primary key, code integer not null unique, name text)")
    made.append("insert into parent select g, g, 'p' || g from generate_series(0, 20) g")
    tables = {}
    for name in ("one", "Two")[: draw(st.integers(1, 2))]:
        columns = {"id": "bigint"}
        for column in ("a", "b", "Camel", "d")[: draw(st.integers(2, 4))]:
            columns[column] = draw(st.sampled_from(_TYPES))
        quoted = f'"{name}"'
        keyed = draw(st.integers(0, 4)) > 0
        parts = ["id bigint primary key" if keyed else "id bigint"] + [
            f'"{column}" {kind}{draw(st.sampled_from(["", "", " not null"]))}'
            for column, kind in columns.items()
            if column != "id"
        ]
        partitioned = draw(st.integers(0, 3)) == 0
        made.append(f"create table {quoted} ({', '.join(parts)})" + (" partition by range (id)" if partitioned else ""))
        if partitioned:
            made.append(f'create table "{name}_low" partition of {quoted} for values from (0) to (20)')
            made.append(f'create table "{name}_high" partition of {quoted} for values from (20) to (100)')
        values = ", ".join(_VALUES[kind] for column, kind in columns.items() if column != "id")
        made.append(f"insert into {quoted} select g, {values} from generate_series(1, 40) g")
        for column, kind in columns.items():
            if column != "id" and draw(st.integers(0, 3)) == 0:
                made.append(f'create index "{name}_{column}" on {quoted} ("{column}" desc)')
            if column != "id" and kind in ("integer", "bigint") and draw(st.integers(0, 4)) == 0:
                made.append(f'alter table {quoted} add check ("{column}" >= 0)')
            if column != "id" and draw(st.integers(0, 5)) == 0:
                made.append(f'alter table {quoted} alter "{column}" set default {_DEFAULTS[kind][0]}')
            if column != "id" and kind == "text" and draw(st.integers(0, 4)) == 0:
                made.append(f'create index on {quoted} (lower("{column}"), id)')
        if draw(st.integers(0, 5)) == 0:
            made.append(f'create view "{name}_view" as select * from {quoted}')
        tables[name] = columns
    return made, tables


@st.composite
def changes(draw: Callable, tables: dict[str, dict[str, str]]) -> list[str]:  # type: ignore[type-arg]
    """One to four statements over those tables."""
    made = []
    state = {name: dict(columns) for name, columns in tables.items()}
    for number in range(draw(st.integers(1, 4))):
        table = draw(st.sampled_from(sorted(state)))
        columns = state[table]
        rest = sorted(column for column in columns if column != "id")
        if not rest:
            continue
        column = draw(st.sampled_from(rest))
        kind = columns[column]
        new, name, quoted = f"new{number}", f'"{column}"', f'"{table}"'
        choice = draw(st.integers(0, 26))
        if choice == 0:
            made.append(f"create index on {quoted} ({name}, id desc)")
        elif choice == 1:
            made.append(f"create unique index u{number} on {quoted} (id, {name}) where id > 3")
        elif choice == 2:
            made.append(f"alter table {quoted} alter {name} set not null")
        elif choice == 3:
            made.append(f"alter table {quoted} add check ({name} is not null)")
        elif choice == 4:
            made.append(f"alter table {quoted} add unique (id, {name})")
        elif choice == 5:
            kind = draw(st.sampled_from(_TYPES))
            default = draw(st.sampled_from(_DEFAULTS[kind]))
            label = ("clock" if "clock" in default else "random" if "random" in default else "plain") + str(number)
            null = draw(st.sampled_from(["", " not null"]))
            made.append(f"alter table {quoted} add column {label} {kind}{null} default {default}")
            columns[label] = kind
        elif choice == 6:
            made.append(f"alter table {quoted} add column {new} bigint references parent (id)")
            columns[new] = "bigint"
        elif choice == 7 and kind in _WIDER:
            wider = draw(st.sampled_from(_WIDER[kind]))
            made.append(f"alter table {quoted} alter {name} type {wider}")
            columns[column] = {"numeric": "numeric(10,2)"}.get(wider, wider if wider in _TYPES else "text")
            del columns[column]  # what fits it now is not known here
        elif choice == 8:
            made.append(f"alter table {quoted} drop column {name}")
            del columns[column]
        elif choice == 9:
            made.append(f"alter table {quoted} rename column {name} to {new}")
            columns[new] = columns.pop(column)
        elif choice == 10 and kind in ("integer", "bigint"):
            target = "code" if kind == "integer" else "id"
            deferred = draw(st.sampled_from(["", " deferrable initially deferred", " on delete cascade"]))
            made.append(f"alter table {quoted} add foreign key ({name}) references parent ({target}){deferred}")
        elif choice == 11:
            made.append(
                f"alter table {quoted} alter {name} set default {_DEFAULTS[kind][0]}, alter {name} set not null"
            )
        elif choice == 12:
            made.append(f"update {quoted} set {name} = {_DEFAULTS[kind][0]} where {name} is null or id < 10")
        elif choice == 13:
            made.append(f"alter table {quoted} add column {new} integer default 4 check ({new} > 0) unique")
            made[-1] = made[-1].replace(" unique", "") if draw(st.booleans()) else made[-1].replace(" default 4", "")
            columns[new] = "integer"
        elif choice == 14:
            made.append(f"alter table {quoted} drop column {name}, add column {name} text not null default 'again'")
            columns[column] = "text"
        elif choice == 15:
            made.append(f"delete from {quoted} where {name} is null or id > 35")
        elif choice == 16:
            made.append(f"alter table {quoted} add column {new} mood not null default 'good'")
            made.append("alter type mood add value if not exists 'odd' before 'bad'")
        elif choice == 17:
            made.append(f'drop index if exists "{table}_{column}"')
        elif choice == 18:
            made.append(
                f"alter table {quoted} add column random{number} {draw(st.sampled_from(['serial', 'bigserial']))}"
            )
        elif choice == 19:
            made.append(f"alter table {quoted} add primary key (id)")
        elif choice == 20:
            made.append(f'alter table {quoted} detach partition "{table}_low"')
        elif choice == 21:
            made.append(f"create table extra{number} (id bigint primary key, of bigint references parent, at date)")
            made.append(f"create index on extra{number} (of)")
            made.append(f"insert into extra{number} select g, g, null from generate_series(1, 9) g")
            made.append(f"alter table extra{number} alter of set not null, add check (of > 0)")
        elif choice == 22:
            made.append(f"alter table {quoted} rename to {new}")
            state[new] = state.pop(table)
        elif choice == 23 and kind in ("integer", "bigint", "text"):
            using = f"length({name})" if kind == "text" else f"{name}::text || 'x'"
            made.append(
                f"alter table {quoted} alter {name} type {'integer' if kind == 'text' else 'text'} using {using}"
            )
            del columns[column]
        elif choice == 24:
            made.append(
                f"alter table {quoted} add column {new} text, add check ({new} <> ''), alter {new} set default 'q',"
                f" alter {name} drop not null"
            )
            columns[new] = "text"
        elif choice == 25:
            later = draw(st.sampled_from(["", " deferrable initially deferred"]))
            made.append(f"alter table {quoted} add constraint once{number} unique (id, {name}){later}")
            made.append(f"comment on constraint once{number} on {quoted} is 'once'")
        else:
            made.append(f"comment on column {quoted}.{name} is 'c{number}'")
    return made


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def pair(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Two databases of one server that every example empties."""
    server = request.getfixturevalue(request.param)
    two = (make_database(server), make_database(server))
    yield two
    for one in two:
        drop_database(one)


@pytest.mark.hypothesis
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_the_steps_reach_what_the_statements_would_have(
    pair: tuple[TestDatabase, TestDatabase], data: st.DataObject
) -> None:
    setup, tables = data.draw(schemas())
    statements = data.draw(changes(tables))
    compare(pair, setup, statements, only_null=[f"{word}{n}" for word in _VOLATILE for n in range(4)])


def test_a_check_and_a_default_of_the_same_text_go_with_the_new_type(pair: tuple[TestDatabase, TestDatabase]) -> None:
    """What random examples found first."""
    setup = [
        "create table parent (id integer primary key)",
        "create table one (id bigint primary key, a text, c integer)",
        "insert into one (id, a) select g, g from generate_series(1, 9) g",
    ]
    added = "alter table one add column b text, add check (b <> ''), alter b set default 'q', alter a set default 'x'"
    keyed = "alter table one add foreign key (c) references parent"
    typed = "alter table one alter b type char(3), alter a type varchar(9), alter c type bigint"
    compare(pair, setup, [added, keyed, typed], [])


_ROWS = [
    "create table parent (id bigint primary key)",
    "create table t (id bigint primary key, a varchar(20), b text, n integer)",
    "insert into parent select g from generate_series(1, 9) g",
    "create table kid (id bigint primary key, up bigint unique references parent)",
    "insert into kid select g, g from generate_series(1, 9) g",
    "insert into t select g, 'v' || g % 3, g::text, g from generate_series(1, 9) g",
]


@pytest.mark.parametrize(
    "statements",
    [
        ("create index i on t (id) where a = 'v1'", "alter table t alter a type text using a || 'x'"),
        ("create index i on t (lower(a), b)", "alter table t alter a type char(9)"),
        ("create index i on t ((n / 2))", "alter table t alter n type numeric"),
        ("create index i on t (b) where a <> 'v1'", "alter table t alter a type char(30)",
         "alter table t alter b type integer using b::integer"),
        ("create statistics s on a, b from t", "alter table t alter b type integer using b::integer"),
        ("create statistics s (mcv) on a, (n % 5) from t", "alter table t alter n type bigint"),
        ("alter table t alter b set statistics 77", "alter table t alter b type integer using b::integer"),
        ("alter table t alter b set (n_distinct = 5)", "alter table t alter b type char(9)"),
        ("create unique index u on t (n)", "alter table t cluster on u", "alter table t alter n type text"),
        ("grant select (b) on t to public", "alter table t alter b type integer using b::integer"),
        ("create index i on t (n, b)", "alter table t rename n to m", "alter table t alter m type bigint"),
        ("alter table t add foreign key (n) references parent", "alter table t rename n to m",
         "alter table t alter m type text"),
        ("alter table parent rename id to key", "alter table parent rename to above",
         "alter table above alter key type numeric(20)", "alter table kid alter up type numeric(20)"),
        ("alter table kid rename constraint kid_up_key to k", "alter table kid alter up type integer"),
        ("alter index parent_pkey rename to k", "alter table parent alter id type numeric"),
        ("create table more (id integer references t)", "alter table t alter id type integer"),
        ("alter table t add foreign key (n) references kid (up)", "alter table kid alter up type integer"),
        ("alter table kid rename up to over", "alter table kid rename to child",
         "alter table child alter over type int"),
        ("alter table t rename a to c", "create index i on t (id) where c = 'v1'",
         "alter table t alter c type char(9)"),
    ],
)  # fmt: skip
def test_what_the_same_text_made_with_a_column_is_there_with_the_new_type(
    pair: tuple[TestDatabase, TestDatabase], statements: tuple[str, ...]
) -> None:
    compare(pair, _ROWS, list(statements), [])


@pytest.mark.parametrize(
    "maker",
    [
        "alter table t add g text generated always as (b || 'x') stored",
        "create view v as select b from t",
        "create policy p on t using (b <> '')",
        "create rule r as on update to t where new.b = 'q' do instead nothing",
        "create trigger w before update of b on t for each row execute function suppress_redundant_updates_trigger()",
        "create function f() returns text begin atomic select max(b) from t; end",
    ],
)
def test_a_column_that_the_same_text_made_something_of_is_not_replaced(
    pair: tuple[TestDatabase, TestDatabase], maker: str
) -> None:
    typed = "alter table t alter b type integer using b::integer"
    _, planned = pair
    with planned.connect() as connection:
        _empty(connection)
        run_naive(connection, _ROWS)
        with connect(planned.dsn()) as db:
            made = plan(db, [maker, typed], Deadline.after(30))
        assert [one.given for one in made.steps].count(2) == 1, made.steps
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            run_plan(connection, made)


def compare(
    pair: tuple[TestDatabase, TestDatabase], setup: list[str], statements: list[str], only_null: list[str]
) -> None:
    naive, planned = pair
    with naive.connect() as one, planned.connect() as two:
        for connection in (one, two):
            _empty(connection)
            run_naive(connection, setup)
        try:
            run_naive(one, statements)
        except psycopg.errors.Error as error:
            refused_too(two, planned, statements, str(error))
            return
        with connect(planned.dsn()) as db:
            made = plan(db, statements, Deadline.after(30))
        run_plan(two, made)
        told = "\n".join([*statements, "->", *(step.statement for step in made.steps)])
        assert schema_text(two) == schema_text(one), told
        assert row_text(two, only_null) == row_text(one, only_null), told


def refused_too(connection: psycopg.Connection, database: TestDatabase, statements: list[str], why: str) -> None:
    """What the server refuses in its plain form is refused as a plan, or its steps fail."""
    with connect(database.dsn()) as db:
        try:
            made = plan(db, statements, Deadline.after(30))
        except PostaiError:
            return
    if made.refused:
        return
    try:
        run_plan(connection, made)
    except (psycopg.errors.Error, AssertionError):
        return
    pytest.fail("\n".join([*statements, "->", *(step.statement for step in made.steps), why]))


def _empty(connection: psycopg.Connection) -> None:
    connection.execute("set client_min_messages = warning")
    connection.execute("drop schema public cascade; create schema public")
    connection.execute("reset client_min_messages")
