"""What CREATE and DROP INDEX CONCURRENTLY are recognised as, and when two index definitions say the same."""

from __future__ import annotations

import pytest

from postai.errors import Refused
from postai.proposals.index_work import leading_key, recognise, same_index, undo_of


def test_concurrent_statements_are_recognised_and_others_are_not() -> None:
    work = recognise('create unique index concurrently "Odd name" on shop."Item" (lower(name)) where price > 1')
    assert work is not None and (work.kind, work.schema, work.name) == ("create", "shop", "Odd name")
    assert work.drop_statement == 'DROP INDEX CONCURRENTLY IF EXISTS shop."Odd name"'
    work = recognise("DROP INDEX CONCURRENTLY IF EXISTS shop.item_name")
    assert work is not None and (work.kind, work.schema, work.name) == ("drop", "shop", "item_name")
    work = recognise("CREATE INDEX a ON ONLY shop.item (name)")
    assert work is not None and (work.kind, work.schema, work.name, work.table) == (
        "create",
        "shop",
        "a",
        ("shop", "item"),
    )
    work = recognise("REINDEX INDEX CONCURRENTLY shop.a")
    assert work is not None and (work.kind, work.schema, work.name) == ("reindex", "shop", "a")
    for other in (
        "CREATE INDEX ON shop.item (name)",
        "CREATE INDEX IF NOT EXISTS a ON shop.item (name)",
        "REINDEX INDEX shop.a",
        "REINDEX SCHEMA CONCURRENTLY shop",
        "DROP VIEW shop.a",
        "DROP TABLE shop.item",
        "VACUUM shop.item",
    ):
        assert recognise(other) is None


@pytest.mark.parametrize(
    "statement",
    ["CREATE INDEX CONCURRENTLY ON shop.item (name)", "CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON shop.item (name)",
     "DROP INDEX CONCURRENTLY item_name"],
)  # fmt: skip
def test_forms_whose_result_could_not_be_told_are_refused(statement: str) -> None:
    with pytest.raises(Refused) as caught:
        recognise(statement)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("statement", "definition", "same"),
    [("CREATE INDEX CONCURRENTLY i ON s.t (a)", "CREATE INDEX i ON s.t USING btree (a)", True),
     ("create index concurrently i on s.t using gin (a)", "CREATE INDEX i ON s.t USING gin (a)", True),
     ("CREATE INDEX CONCURRENTLY i ON s.t (a)", "CREATE INDEX i ON s.t USING btree (b)", False),
     ("CREATE INDEX CONCURRENTLY i ON s.t (a)", "CREATE UNIQUE INDEX i ON s.t USING btree (a)", False),
     ("CREATE INDEX CONCURRENTLY i ON s.t (a)", "CREATE INDEX i ON s.t USING btree (a) WHERE (a > 0)", False),
     ("CREATE INDEX CONCURRENTLY i ON s.t (a)", "CREATE INDEX other ON s.t USING btree (a)", True),
     ("CREATE INDEX i ON s.t (a) WHERE b IN ('x', 'y') AND c LIKE 'z%' AND d NOT IN (1, 2)",
      "CREATE INDEX i ON s.t USING btree (a) WHERE (((b)::text = ANY ((ARRAY['x'::character varying, "
      "'y'::character varying])::text[])) AND (c ~~ 'z%'::text) AND (d <> ALL (ARRAY[1, 2])))", True),
     ("CREATE INDEX i ON s.t ((a || 'x'), lower(b) DESC)",
      "CREATE INDEX i ON s.t USING btree (((a || 'x'::text)), lower((b)::text) DESC)", True),
     ("CREATE INDEX i ON s.t (a) WHERE a BETWEEN -1 AND 9 AND b NOT BETWEEN 0 AND -0.5 AND c IN (1) AND d NOT IN (2)",
      "CREATE INDEX i ON s.t USING btree (a) WHERE (((a >= '-1'::integer) AND (a <= 9)) AND ((b < (0)::numeric) OR "
      "(b > '-0.5'::numeric)) AND (c = 1) AND (d <> 2))", True),
     ("CREATE INDEX i ON s.t (a) WHERE a BETWEEN 1 AND 9",
      "CREATE INDEX i ON s.t USING btree (a) WHERE ((a >= 1) AND (a <= 8))", False),
     ("CREATE INDEX i ON s.t (a) WHERE b = 'x'", "CREATE INDEX i ON s.t (a) WHERE (b = 'y'::text)", False)],
)  # fmt: skip
def test_definitions_are_compared_by_meaning_and_not_by_layout(statement: str, definition: str, same: bool) -> None:
    assert same_index(statement, definition) is same


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("(((j ->> 'a')::int))", "((j ->> 'a'::text))"),
        ("((id::text))", "(id)"),
        ("((v::char(1))) where v::char(1) = 'a'", "(v) WHERE ((v)::text = 'a'::text)"),
        ("(a) where b::date = '2020-01-01'", "(a) WHERE (b = '2020-01-01 00:00:00'::timestamp)"),
    ],
)
def test_a_cast_that_somebody_wrote_counts(wanted: str, found: str) -> None:
    assert not same_index(f"create index i on s.t {wanted}", f"CREATE INDEX i ON s.t USING btree {found}")


def test_what_leads_back() -> None:
    assert undo_of('CREATE INDEX CONCURRENTLY "I" ON s.t (a)') == 'DROP INDEX CONCURRENTLY s."I"'
    assert undo_of("CREATE INDEX i ON ONLY s.t (a)") == "DROP INDEX s.i"
    assert undo_of("ALTER INDEX s.i ATTACH PARTITION s.i_1") == "DROP INDEX s.i"
    assert undo_of("ALTER INDEX s.i SET (fillfactor = 70)") is None and undo_of("VACUUM s.t") is None


def test_the_leading_key_of_an_index() -> None:
    assert leading_key("create unique index i on s.t (lower(b) desc, c) include (d) where e > 1") == "btree (lower(b))"
    assert leading_key('CREATE INDEX i ON ONLY "S"."T" USING gin ("A")') == 'gin ("A")'
    assert leading_key("DROP INDEX s.i") is None
