"""What the text alone says, the words that mean the present moment, and values of keys."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.sql.reads import CatalogAnswers, Query, Reads, Verdict, candidate, drive, normalise, special_input
from postai.sql.reads_catalog import Lists, parse_list
from postai.sql.reads_views import domain_targets, text_targets, view_reasons


@pytest.mark.parametrize(
    "value",
    [b"now", b"NOW", b" Now ", b"today 10:00", b"tomorrow", b"yesterday allballs", b"{now,epoch}", b'{"now"}',
     b"(now,1)", b"[now,infinity)", b'{"n\\ow"}', b'(n"o"w)', b'("{""no\\\\w""}")', b"2024-01-01,now",
     b"\x00\x01now\x00", "énow".encode()],
)  # fmt: skip
def test_words_that_mean_the_present_moment(value: bytes) -> None:
    assert special_input(value)


@pytest.mark.parametrize(
    "value",
    [b"", b"snow", b"know how", b"nowhere", b"2024-01-01", b"infinity", b"epoch", b"yesterdays", b"a\\b"],
)
def test_words_that_do_not(value: bytes) -> None:
    assert not special_input(value)


@given(st.text(alphabet='now\\" a,{', max_size=12))
def test_whatever_unquotes_to_the_word_is_seen(text: str) -> None:
    taken_out = text.replace("\\", "").replace('"', "")
    if taken_out.strip(" ,{") == "now":
        assert special_input(text.encode())


def test_one_select_is_wanted() -> None:
    assert candidate("select 1; select 2").reason == "2 statements"
    assert candidate("").reason == "0 statements"
    assert candidate("update t set a = 1").reason == "UPDATE"
    assert candidate("begin").reason == "BEGIN"
    assert "syntax" in (candidate("select from from").reason or "")
    assert candidate("select * from a.b.c").reason == "a name with its database"
    assert not candidate("select * from json_table('1', '$' columns (a int path '$')) as x").selects


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select * from a, b.c", ["a", "b.c"]),
        ("with a as (select * from a) select * from a", ["a"]),
        ("with recursive a as (select * from a) select * from a", []),
        ("with recursive a as (select * from b), b as (select 1) select * from a", []),
        ("with a as (select * from b), b as (select 1) select * from a", ["b"]),
        ("with a as (select 1) select * from s.a", ["s.a"]),
        ("select * from (with a as (select 1) select * from a) as x, a", ["a"]),
        ("with a as (with b as (select 1) select * from b) select * from a, b", ["b"]),
        ("with a as (select 1) select * from a union select * from (with a as (table c) table a) as x", ["c"]),
        ("with a as (select 1) (select * from a) union all (with a as (select * from d) select * from a)", ["d"]),
        (
            "select (select 1 from a where exists (select from b)) from c group by (select 1 from d)",
            ["a", "b", "c", "d"],
        ),
        ("select * from t order by (select x from u) limit (select y from v)", ["t", "u", "v"]),
        ("values ((select 1 from a))", ["a"]),
        ("select * from only a", ["only a"]),
        ("select * from a tablesample system (10)", ["a"]),
        ("select * from f(array(select 1 from a)), lateral (select * from b) as x", ["a", "b"]),
        (
            "select count(*) filter (where exists (select from a)) over (order by (select 1 from b)) from c",
            ["a", "b", "c"],
        ),
    ],
)
def test_names_of_relations(sql: str, names: list[str]) -> None:
    found = [
        f"{'only ' * one.only}{one.schema + '.' if one.schema else ''}{one.name}" for one in candidate(sql).relations
    ]
    assert sorted(found) == names


def test_values_of_keys() -> None:
    assert normalise(23, b" 007 ") == b"7"
    assert normalise(20, b"-0") == b"0"
    assert normalise(21, b"+5") == b"5"
    assert normalise(23, b"0x10") is None
    assert normalise(23, b"1_000") is None
    assert normalise(23, "٣".encode()) is None
    assert normalise(23, b"\x00\x00\x00\x05", binary=True) == b"5"
    assert normalise(23, b"\xff\xff", binary=True) == b"-1"
    assert normalise(23, b"\x05", binary=True) is None
    assert normalise(25, b" a ") == b" a "
    assert normalise(1043, b"a", binary=True) == b"a"
    assert normalise(1042, b"a ") is None
    assert normalise(2950, b"x") is None
    assert normalise(2950, b"\x00", binary=True) is None


@given(st.uuids(), st.sampled_from(["{}", "{{{}}}"]))
def test_uuids(value: uuid.UUID, form: str) -> None:
    wanted = str(value).encode()
    for text in (str(value), str(value).upper(), value.hex, form.format(value)):
        assert normalise(2950, text.encode()) == wanted
    assert normalise(2950, value.bytes, binary=True) == wanted
    four = "-".join(value.hex[start : start + 4] for start in range(0, 32, 4))
    assert normalise(2950, four.encode()) == wanted


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers(value: int) -> None:
    assert normalise(20, str(value).encode()) == normalise(20, value.to_bytes(8, "big", signed=True), True)


def test_what_only_reads_as_far_as_the_text_shows() -> None:
    reads = Reads()
    for sql in ("select 1", "select * from v", "select lower(a) || 'x' from t", "values (1)", "table t", "show all",
                "select now(), random()", "with a as (select 1) select * from a"):  # fmt: skip
        assert reads.read_only(sql), sql
        assert reads.read_only(sql), sql
    for sql in ("select f()", "select s.lower('a')", "select * from t for update", "select nextval('s')", "begin", "x",
                "with d as (delete from t returning 1) select * from d", "select 1 into t", "select 1; select 2",
                "select pg_advisory_lock(1)", "select 'x'::mine", "select 1 operator(s.+) 1",
                "explain analyze delete from t", "select a <-+> b from t", "select set_config('a', 'b', true)",
                ):  # fmt: skip
        assert not reads.read_only(sql), sql


def test_nothing_is_asked_about_what_is_no_select() -> None:
    def ask(_: object) -> list[list[str]]:
        raise AssertionError

    assert drive(Reads().judge(candidate("insert into t values (1)")), ask) == Verdict("INSERT")


def test_trees_of_views() -> None:
    nested = (
        r"({COERCEVIAIO :arg {COERCETODOMAIN :arg {CONST :consttype 25 :note \{COERCEVIAIO :resulttype\ 7} "
        ":resulttype 99 :resulttypmod -1} :resulttype 1184 :resultcollid 0} {VAR :varno 1 :varattno -6})"
    )
    assert text_targets(nested) == {1184}
    assert domain_targets(nested) == {99}
    known = frozenset({"COERCEVIAIO", "COERCETODOMAIN", "CONST"})
    assert list(view_reasons(nested, known)) == ["a view with VAR", "a view with a system column"]


def test_lists() -> None:
    lists = Lists.load()
    assert lists.keeps("i", "any()") and lists.keeps("s", "to_char(numeric, text)") and not lists.keeps("s", "now()")
    assert parse_list("# why\nstable a(b, c)\n\ntype x\n") == {"stable": ["a(b, c)"], "type": ["x"]}


def test_answers_of_another_catalog_count_no_more() -> None:
    answers = CatalogAnswers()
    query = Query("select $1", ("a",))
    assert answers.find(query, 1) is None
    answers.keep(query, [["x"]], 1)
    assert answers.find(Query("select $1", ("a",)), 1) == [["x"]]
    assert answers.find(query, 2) is None
    answers.keep(query, [["late"]], 1)
    assert answers.find(query, 2) is None
    answers.keep(query, [["x" * 60_000]], 2)
    assert answers.find(query, 2) is None
    for number in range(501):
        answers.keep(Query("", (str(number),)), [["x"]], 2)
    assert answers.find(Query("", ("0",)), 2) is None
    assert answers.find(Query("", ("1",)), 2) == [["x"]]


def test_literals_are_not_asked_about() -> None:
    reads = Reads()
    texts = ("select a from t where id = 5 and b = 'x'", "select a from t where id = 6 and b = 'y'")
    first, second = (next(reads.judge(candidate(text))) for text in texts)
    assert first == second
