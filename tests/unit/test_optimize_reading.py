"""What the index advisor reads out of statements and plans, without a server."""

from __future__ import annotations

import pytest

from postai.database.catalog_types import Catalog, Column, Index, Table
from postai.optimize.existing import shape
from postai.optimize.expressions import Reader, columns_in, pattern_beginning
from postai.optimize.first_table import texts_by_first_table
from postai.optimize.naming import index_name, partition_steps
from postai.optimize.statements import reading_form
from postai.optimize.types import IndexDefinition, IndexKey
from postai.sql.parse import parse_one, write


def _column(name: str, base_type: str) -> Column:
    return Column(1, name, base_type, 1, base_type, "X")


LOAN = Table(1, "lib", "loan", "table", columns=(
    _column("id", "int8"), _column("state", "varchar"), _column("due", "timestamptz"), _column("lost", "bool"),
    _column("reader", "int8"), _column("Odd", "text"),
))  # fmt: skip
READER = Table(2, "lib", "reader", "table", columns=(_column("id", "int8"), _column("email", "text")))


def _kinds(text: str) -> list[tuple[str, str, str]]:
    clauses = Reader({"l": LOAN, "r": READER}).conditions(text)
    return [(one.kind, one.term.alias + "." + one.term.text, one.operator) for one in clauses]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("((l.state)::text = 'x'::text)", [("equal", "l.state", "=")]),
        ("((l.state)::text = ANY ('{a,b}'::text[]))", [("in", "l.state", "=")]),
        ("((5 > l.id) AND (l.due >= $1))", [("range", "l.id", "<"), ("range", "l.due", ">=")]),
        ("(l.lost AND (NOT l.lost))", [("true", "l.lost", ""), ("false", "l.lost", "")]),
        ("((l.due IS NULL) AND (l.id IS NOT NULL))", [("null", "l.due", ""), ("not_null", "l.id", "")]),
        ("(l.reader = r.id)", [("equal", "l.reader", "="), ("equal", "r.id", "=")]),
        ("(lower(r.email) ~~ 'a%'::text)", [("pattern", "r.lower(email)", "~~")]),
        ("((l.due)::date = $1)", [("equal", "l.due::date", "=")]),
        ("(ROW(l.due, l.id) < ROW($1, $2))", [("row", "l.due", "<")]),
        ("(l.id = (InitPlan 1).col1)", [("equal", "l.id", "=")]),
        ("(l.id = (SubPlan 1))", []),
        ("(NOT (hashed SubPlan 1))", []),
        ("(ANY (l.id = (hashed SubPlan 1).col1))", []),
        ("(l.\"Odd\" @> '{}'::jsonb)", [("other", 'l."Odd"', "@>")]),
        ("((l.id + r.id) = 5)", []),
        ("not sql at all (", []),
    ],
)
def test_conditions(text: str, expected: list[tuple[str, str, str]]):
    assert _kinds(text) == expected


def test_a_disjunction_has_arms():
    (clause,) = Reader({"l": LOAN}).conditions("((l.id = 1) OR ((l.state)::text = 'x'::text))")
    assert clause.kind == "or" and [arm[0].term.text for arm in clause.arms] == ["id", "state"]


def test_orders_end_where_another_table_begins():
    reader = Reader({"l": LOAN, "r": READER})
    terms = reader.order(["l.due DESC", "l.id NULLS FIRST", "r.id"])
    assert [(one.term.text, one.descending, one.nulls_first) for one in terms] == [
        ("due", True, True),
        ("id", False, True),
    ]


@pytest.mark.parametrize(
    ("pattern", "operator", "beginning"),
    [
        ("abc%", "~~", "abc"), ("%abc", "~~", ""), (r"a\%b_c", "~~", "a%b"), ("abc%", "~~*", ""),
        ("^abc.*", "~", "abc"), ("^abc*", "~", "ab"), ("^a|b", "~", ""), ("abc", "^@", "abc"),
    ],
)  # fmt: skip
def test_beginnings_of_patterns(pattern: str, operator: str, beginning: str):
    assert pattern_beginning(pattern, operator) == beginning


def test_columns_of_a_predicate():
    assert columns_in("lower(a) = 'x' AND b IS NOT NULL") == {"a", "b"}


@pytest.mark.parametrize(
    ("statement", "reading"),
    [
        ("update loan l set due = now() where id = $1", "SELECT l.ctid FROM loan l WHERE id = $1"),
        ("update loan set due = (select max(id) from reader) from reader r where r.id = loan.reader",
         "SELECT loan.ctid, (SELECT max(id) FROM reader) FROM loan, reader r WHERE r.id = loan.reader"),
        ("delete from loan using reader where reader.id = 1", "SELECT loan.ctid FROM loan, reader WHERE reader.id = 1"),
        ("insert into loan select * from reader where id = 1", "SELECT * FROM reader WHERE id = 1"),
        ("select 1 from loan where id = 1 for update", "SELECT 1 FROM loan WHERE id = 1"),
        ("declare c cursor for select 1 from loan", "SELECT 1 FROM loan"),
        ("insert into loan values (1)", None),
        ("vacuum loan", None),
    ],
)  # fmt: skip
def test_reading_forms(statement: str, reading: str | None):
    found = reading_form(parse_one(statement))
    assert (None if found is None else write(found)) == reading


def test_every_table_of_from_can_come_first_unless_bound():
    catalog = Catalog("d", 150000, "", (LOAN, READER))
    texts = texts_by_first_table(
        "select 1 from loan l left join reader r on r.id = l.reader where l.id = 1", catalog, ("lib",)
    )
    assert texts[1].startswith("select 1 from loan l left join")
    assert "FROM reader r RIGHT JOIN loan l ON" in texts[2]
    bound = "select 1 from loan l, lateral (select 1 from reader where id = l.reader) x, reader"
    assert list(texts_by_first_table(bound, catalog, ("lib",))) == [1]
    hidden = "with loan as (select 1) select 1 from loan, reader"
    assert list(texts_by_first_table(hidden, catalog, ("lib",))) == [2]


def _index(*columns: str, where: str | None = None, method: str = "btree", table: Table = LOAN) -> IndexDefinition:
    keys = tuple(IndexKey(one, one) for one in columns)
    return IndexDefinition(table.schema, table.name, table.oid, keys, where=where, method=method)


def test_names_are_readable_unique_and_short():
    taken = {("lib", "loan_id_idx")}
    assert index_name(_index("id"), taken) == "loan_id_2_idx"
    assert index_name(_index("id"), taken) == "loan_id_3_idx"
    assert index_name(_index("id", where="lost"), taken) == "loan_id_partial_idx"
    assert index_name(_index("state", method="hash"), taken) == "loan_state_hash_idx"
    long = index_name(_index("id", "\N{LATIN SMALL LETTER E WITH ACUTE}" * 60), taken)
    assert len(long.encode()) <= 63 and long.endswith("_idx")


def test_an_index_on_a_partitioned_table_is_built_part_by_part():
    parent = Table(10, "lib", "visit", "partitioned")
    middle = Table(11, "lib", "visit_a", "partitioned", parent_oid=10)
    leaves = (Table(12, "lib", "visit_a1", "partition", parent_oid=11), Table(13, "x", "b", "partition", parent_oid=10))
    catalog = Catalog("d", 150000, "", (parent, middle, *leaves))
    steps = partition_steps(_index("id", table=parent), "visit_id_idx", catalog, {("lib", "visit_id_idx")})
    assert steps is not None
    assert [one["statement"] for one in steps] == [
        "CREATE INDEX CONCURRENTLY visit_a1_id_idx ON lib.visit_a1 (id)",
        "CREATE INDEX CONCURRENTLY b_id_idx ON x.b (id)",
        "CREATE INDEX visit_a_id_idx ON ONLY lib.visit_a (id)",
        "ALTER INDEX lib.visit_a_id_idx ATTACH PARTITION lib.visit_a1_id_idx",
        "CREATE INDEX visit_id_idx ON ONLY lib.visit (id)",
        "ALTER INDEX lib.visit_id_idx ATTACH PARTITION lib.visit_a_id_idx",
        "ALTER INDEX lib.visit_id_idx ATTACH PARTITION x.b_id_idx",
    ]
    assert partition_steps(_index("id"), "x", Catalog("d", 150000, "", (LOAN,)), set()) is None


@pytest.mark.parametrize(
    ("new", "old", "covers"),
    [
        ("t (a, b)", "t USING btree (a)", True), ("t (a, b)", "t (b)", False), ("t (a desc, b)", "t (a)", False),
        ("t (a, b) where c", "t (a)", False), ("t (a, b) where c", "t (a) where (c)", True),
        ("t (a text_pattern_ops)", "t (a)", False), ('t (a collate "C")', "t (a)", False),
        ("t (a) include (b)", "t (a) include (b)", True), ("t (a)", "t (a) include (b)", False),
        ("t using hash (a)", "t using hash (a)", False), ("t (lower(a), b)", "t (lower(a))", True),
    ],
)  # fmt: skip
def test_what_makes_an_index_superfluous(new: str, old: str, covers: bool):
    first, second = shape(f"create index n on {new}"), shape(f"create index o on {old}")
    assert first is not None and second is not None
    assert first.covers(second) is covers


def test_an_index_definition_that_cannot_be_read_covers_nothing():
    assert shape("") is None and shape("select 1") is None
    assert Index(1, "i", ("a",)).definition == ""
