"""Whatever the query: a change of one row in a table that the verdict does not name changes no answer, nor does one of
another row than the one it pins; the values of a pinned row, normalised, are what the table holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reads_support import Scene

from conftest import drop_database, make_database

TABLES = """
create schema small;
set search_path = small;
create table a (id int primary key, x int, s text, d date);
create table b (id int primary key, a_id int, x int, s text);
create table c (id bigint primary key, x int, s text);
create table base (id int primary key, x int, s text);
create table derived (more int, primary key (id)) inherits (base);
create table part (id int primary key, x int, s text) partition by range (id);
create table part_1 partition of part for values from (minvalue) to (3);
create table part_2 partition of part for values from (3) to (maxvalue);
create view va as select id, x, s from a where x > 0;
create view vj as select a.id, b.x, a.s from a left join b on b.a_id = a.id;
create view vp as select id, x + 1 as x, s from part where exists (select from base where base.id = part.id);
insert into a select i, i % 3, 's' || i % 2, date '2024-01-01' + i from generate_series(1, 5) as i;
insert into b select i, i % 4 + 1, i % 2, 's' || i from generate_series(1, 5) as i;
insert into c select i, i % 3, 's' || i % 3 from generate_series(1, 5) as i;
insert into base select i, i % 3, 's' || i from generate_series(1, 3) as i;
insert into derived select i, i % 3, 's' || i, 1 from generate_series(4, 5) as i;
insert into part select i, i % 3, 's' || i from generate_series(1, 5) as i;
"""
KEYS = {
    **dict.fromkeys(("a", "b", "base", "derived", "part", "part_1", "part_2"), (("id", 23),)),
    "c": (("id", 20),),
}
SOURCES = ["a", "b", "c", "base", "only base", "derived", "part", "part_2", "va", "vj", "vp"]
CHANGES = {
    "a": "insert into a values (50, 1, 's1', '2024-01-02')",
    "b": "insert into b values (50, 1, 1, 's1')",
    "c": "insert into c values (50, 1, 's1')",
    "base": "insert into base values (50, 1, 's1')",
    "derived": "insert into derived values (50, 1, 's1', 1)",
    "part_1": "insert into part values (-50, 1, 's1')",
    "part_2": "insert into part values (50, 1, 's1')",
}


def condition(draw: Random, names: list[str], depth: int, sources: list[str]) -> str:
    name, other = draw.choice(names), draw.choice(names)
    if depth and draw.random() < 0.2:
        return f"exists ({query(draw, depth - 1, [name], sources)})"
    first, second = draw.randint(1, 5), draw.randint(1, 5)
    forms = [f"{name}.id = {first}"] * 4 + [
        f"{name}.id = '{first}'",
        f"{first} = {name}.id",
        f"({name}.id = {first} or {name}.id = {second})",
        f"({name}.id = {first} or {other}.x = 1)",
        f"not {name}.id = {first}",
        f"{name}.x = {first}",
        f"{name}.id > {first}",
        f"{name}.s like 's%'",
        f"{name}.id in ({first}, {second})",
        f"{name}.id = {other}.x",
        f"{name}.x is null",
    ]
    return draw.choice(forms)


def query(draw: Random, depth: int = 2, outer: list[str] | None = None, within: list[str] | None = None) -> str:
    """A query with the columns id, x and s."""
    sources = within or draw.sample(SOURCES, draw.randint(1, 3))
    names = [f"t{depth}{number}" for number in range(draw.choice([1, 1, 2, 2, 3]))]
    text = ""
    for number, name in enumerate(names):
        nested = depth and draw.random() < 0.15
        source = f"({query(draw, depth - 1, within=sources)})" if nested else draw.choice(sources)
        if number:
            join = draw.choice(["join", "left join", "right join", "full join", "cross join"])
            on = f" on {name}.id = {names[0]}.{draw.choice(['x', 'id'])}" if join != "cross join" else ""
            text += f" {join} {source} as {name}{on}"
        else:
            text = f"{source} as {name}"
    where = [condition(draw, names + (outer or []), depth, sources) for _ in range(draw.randint(0, 3))]
    selected, tail = f"{names[0]}.id, {names[-1]}.x, {names[0]}.s", ""
    if depth == 2 and draw.random() < 0.3:
        selected, tail = f"{names[0]}.id, count({names[-1]}.x) as x, max({names[-1]}.s) as s", f"group by {names[0]}.id"
    text = f"select {selected} from {text}" + (f" where {' and '.join(where)}" if where else "") + f" {tail}"
    if depth == 2 and draw.random() < 0.1:
        return f"{text} {draw.choice(['union', 'union all', 'except'])} {query(draw, 1, within=sources)}"
    if depth == 2 and draw.random() < 0.2:
        recursive = draw.choice(["", "recursive "])
        return f"with {recursive}a as ({query(draw, 1, within=['b', 'c'])}) {text}"
    return text


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def small(request: pytest.FixtureRequest) -> Iterator[Scene]:
    database = make_database(request.getfixturevalue(request.param))
    made = Scene(database, TABLES, "small")
    yield made
    made.connection.close()
    drop_database(database)


def answer(scene: Scene, sql: str) -> list[tuple[object, ...]]:
    return sorted(scene.connection.execute(sql).fetchall(), key=repr)  # type: ignore[call-overload]


def after(scene: Scene, change: str, sql: str) -> list[tuple[object, ...]]:
    with scene.connection.transaction(force_rollback=True):
        scene.connection.execute(change)  # type: ignore[call-overload]
        return answer(scene, sql)


def check(scene: Scene, sql: str) -> None:
    verdict = scene.verdict(sql, keys=KEYS)
    assert verdict.cacheable, (sql, verdict.reason)
    read = scene.tables(verdict)
    before = answer(scene, sql)
    for table, insert in CHANGES.items():
        if table not in read:  # inheriting tables have rows of their own
            own = f"only {table}"
            for change in (insert, f"update {own} set x = x + 1", f"delete from {own}", f"truncate {own}"):
                assert after(scene, change, sql) == before, (sql, change)
    for table, columns in verdict.pins:
        name = scene.names[table]
        key = " and ".join(f"{column} = {source.value.decode()}" for column, source, _ in columns)  # type: ignore[union-attr]
        changes = [f"update only {name} set x = x + 1, s = s || 'q' where not ({key})",
                   f"delete from only {name} where not ({key})"]  # fmt: skip
        if name in CHANGES:
            changes.append(CHANGES[name])
        for change in changes:
            assert after(scene, change, sql) == before, (sql, change)


@given(st.integers(0, 2**32))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_nothing_else_changes_an_answer(small: Scene, seed: int) -> None:
    check(small, query(Random(seed)))


@pytest.mark.soak
@given(st.integers(0, 2**32))
@settings(max_examples=3000, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_nothing_else_changes_an_answer_of_thousands(small: Scene, seed: int) -> None:
    check(small, query(Random(seed)))


def test_what_is_read_is_named(small: Scene) -> None:
    """The other way round: an inserted row that changes the answer is in a table that is read."""
    for source in SOURCES:
        sql = f"select count(*) from {source} as x"
        read = small.tables(small.verdict(sql))
        before = answer(small, sql)
        assert {table for table, insert in CHANGES.items() if after(small, insert, sql) != before} <= read
