"""Parsing with libpg_query: limits, errors, classes, fingerprints."""

from __future__ import annotations

import threading

import pytest

from postai.errors import Refused
from postai.sql import parse

DEEP = {
    "brackets": lambda n: "select " + "(" * n + "1" + ")" * n,
    "plus": lambda n: "select " + "+".join(["1"] * n),
    "not": lambda n: "select " + "not " * n + "true",
    "minus": lambda n: "select " + "- " * n + "1",
    "calls": lambda n: "select " + "abs(" * n + "1" + ")" * n,
    "subqueries": lambda n: "select " + "(select " * n + "1" + ")" * n,
    "unions": lambda n: " union ".join(["select 1"] * n),
    "or in brackets": lambda n: "select " + "(" * n + "a" + " or b)" * n,
    "case": lambda n: "select " + "case when a and b then 1 else " * n + "1" + " end" * n,
    "arrays": lambda n: "select " + "array[" * n + "1" + "]" * n,
    "joins": lambda n: "select 1 from a" + " join b on a.x = b.x and true" * n,
    "casts": lambda n: "select 1" + "::int" * n,
    "nested from": lambda n: "select 1 from " + "(select 1 from " * n + "t" + ") x" * n,
}


@pytest.mark.parametrize("count", [500, 10_000, 100_000])
@pytest.mark.parametrize("shape", DEEP)
def test_deep_nesting_is_refused_and_never_crashes(shape: str, count: int) -> None:
    with pytest.raises(parse.Unparsable, match=r"too deep|too long"):
        parse.parse_one(DEEP[shape](count))


def test_deep_nesting_in_a_thread_with_a_small_stack() -> None:
    """Threads of the agent may have a smaller C stack than the main thread."""
    seen: list[str] = []

    def work() -> None:
        for make in DEEP.values():
            for count in (30, 150, 199, 250, 2_000):
                try:
                    parse.parse_one(make(count))
                except parse.Unparsable as error:
                    seen.append(error.message)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert len(seen) >= 3 * len(DEEP)


@pytest.mark.parametrize(
    "sql",
    [
        "select " + " or ".join(["a = 1"] * 10_000),
        "select a in (" + ",".join(["1"] * 10_000) + ")",
        "insert into t values " + ",".join(["(1, 'x')"] * 10_000),
        "select case " + " ".join(["when a = 1 then 2"] * 3_000) + " end",
        "select " + ", ".join(f"a + {number} as c{number}" for number in range(3_000)),
        "select 1 from a" + " join b on a.x = b.x and a.y > 1" * 25,
        "select " + " || ".join(["coalesce(a, '')"] * 30),
        "".join(f"insert into t values ({number});" for number in range(2_000)),
    ],
    ids=["or", "in", "values", "case", "columns", "joins", "concatenation", "statements"],
)
def test_long_but_flat_text_passes(sql: str) -> None:
    assert parse.parse(sql)


@pytest.mark.parametrize(
    ("text", "message", "detail"),
    [
        ("", "holds no SQL statement", None),
        (" ; -- nothing\n;", "holds no SQL statement", None),
        ("select 'é' from t wher x", "syntax error", "At character 24 (line 1, column 24)."),
        ("select 1,\n from t\n where ,", "syntax error", "At character"),
        ("select 'open", "unterminated quoted string", "At character 8"),
        ("select 1 /* open", "unterminated /* comment", "At character 10"),
        ('select U&"\\zzzz"', "invalid Unicode escape", "At character"),
        ("select 'a\0b'", "NUL", "At byte 10."),
        ("select '\ud800'", "not valid Unicode", "Character 9"),
        ("select '" + "x" * (1 << 20) + "'", "too long", "bytes are parsed"),
        ("what is the revenue?", "syntax error", "At character 1 "),
    ],
)
def test_unusable_text(text: str, message: str, detail: str | None) -> None:
    with pytest.raises(parse.Unparsable) as caught:
        parse.parse_one(text)
    assert message in caught.value.message
    assert caught.value.sqlstate == "PA003"
    assert caught.value.hint
    if detail:
        assert detail in (caught.value.detail or "")


def test_two_statements() -> None:
    with pytest.raises(Refused, match="2 statements") as caught:
        parse.parse_one("select 1; drop table t")
    assert caught.value.detail == "Statement classes: SELECT, DROP TABLE."


def test_split_keeps_each_statement_whole() -> None:
    function = "create function f() returns int as $$begin; return 1; end$$ language plpgsql"
    text = f"select ';' as \"a;b\"; /* ; */ {function};\n;select 'é'"
    first, second, third = parse.split(text)
    assert first == "select ';' as \"a;b\""
    assert second.endswith("language plpgsql")
    assert third == "select 'é'"


@pytest.mark.parametrize(
    ("sql", "tag"),
    [
        ("select 1", "SELECT"),
        ("values (1)", "SELECT"),
        ("table t", "SELECT"),
        ("with a as (select 1) select * from a", "SELECT"),
        ("select * into a from b", "SELECT INTO"),
        ("create table a as select 1", "CREATE TABLE AS"),
        ("create table a (b int)", "CREATE TABLE"),
        ("alter table a add b int", "ALTER TABLE"),
        ("alter table a rename b to c", "ALTER TABLE"),
        ("alter view a rename to b", "ALTER VIEW"),
        ("alter materialized view a rename column b to c", "ALTER MATERIALIZED VIEW"),
        ("alter index a rename to b", "ALTER INDEX"),
        ("alter table a owner to b", "ALTER TABLE"),
        ("alter function f() owner to b", "ALTER FUNCTION"),
        ("drop index concurrently a", "DROP INDEX"),
        ("create index on a (b)", "CREATE INDEX"),
        ("create or replace procedure p() language sql as ''", "CREATE PROCEDURE"),
        ("create materialized view a as select 1", "CREATE MATERIALIZED VIEW"),
        ("truncate a", "TRUNCATE TABLE"),
        ("vacuum a", "VACUUM"),
        ("analyze a", "ANALYZE"),
        ("grant select on a to b", "GRANT"),
        ("grant a to b", "GRANT ROLE"),
        ("revoke a from b", "REVOKE ROLE"),
        ("set role a", "SET"),
        ("reset role", "RESET"),
        ("begin", "BEGIN"),
        ("rollback to a", "ROLLBACK"),
        ("discard all", "DISCARD ALL"),
        ("deallocate all", "DEALLOCATE ALL"),
        ("create type a as enum ('b')", "CREATE TYPE"),
        ("copy a to program 'x'", "COPY"),
        ("do $$begin end$$", "DO"),
        ("merge into a using b on true when matched then delete", "MERGE"),
        ("explain analyze select 1", "EXPLAIN"),
    ],
)
def test_classes_are_command_tags(sql: str, tag: str) -> None:
    assert parse.classify(sql) == tag


def test_fingerprint_ignores_constants_and_layout_only() -> None:
    one = parse.fingerprint("select a from t where b = 1 -- x")
    assert one == parse.fingerprint("SELECT a\nFROM t WHERE b = 2")
    assert one != parse.fingerprint("select a from t where c = 1")
    assert len(one) == 16
    with pytest.raises(parse.Unparsable):
        parse.fingerprint("nonsense")


@pytest.mark.parametrize(
    ("sql", "sent"),
    [
        ("select 1 ;  ", "select 1"),
        ("select 'a' || E'\\n'", "select 'a' || E'\\n'"),
        ("select a ~ '\\d+' from t", "SELECT a ~ E'\\\\d+' FROM t"),
        ("select 1 -- trailing", "SELECT 1"),
        ("select /* hidden */ 1", "SELECT 1"),
        ("select 0x1F, 1_000", "SELECT 31, 1000"),
        ("select $$a\\b$$", "select $$a\\b$$"),
    ],
)
def test_plain_text_means_the_same_in_every_session(sql: str, sent: str) -> None:
    assert parse.plain_text(parse.parse_one(sql)) == sent


def test_canonical_is_stable() -> None:
    once = parse.canonical("select   a , count(*)  from t group by 1 -- x")
    assert once == parse.canonical(once)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("create role a login password 'x'", "create role a login password $1"),
        ("alter role a password $q$x$q$", "alter role a password $1"),
        ("create role a password 'x", "create role a password ..."),
        ("nonsense $$x", "nonsense ..."),
        ("checkpoint", "checkpoint"),
    ],
)
def test_constants_are_taken_out(text: str, shown: str) -> None:
    assert parse.without_constants(text) == shown
