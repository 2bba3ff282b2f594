"""Joins that are declared or found in values: their direction, and what they do to a statement."""

from __future__ import annotations

from dataclasses import replace

from grammar_schemas import Schema
from postai.ask.grammar import Grammar
from postai.database.catalog import Catalog, ColumnName, ColumnStatistics, KnownJoin, with_joins
from postai.language.lexicon import Lexicon

HARBOUR = """
berths
  berth_no int
  quay text = North, South
  port text
ports
  port text
  country text = Norway, Denmark
  harbour_master text
calls
  call_ref int
  ship text
  berth int
  fee numeric
pilots
  pilot text
  port text
  mentor text?
"""


def harbour(**distinct: float) -> Catalog:
    """The catalog with these numbers of distinct values (`table__column`)."""
    catalog = Schema("harbour", HARBOUR).catalog()
    for place, number in distinct.items():
        table_name, column_name = place.split("__")
        tables = []
        for table in catalog.tables:
            columns = tuple(
                replace(column, statistics=ColumnStatistics(number, 0.0))
                if (table.name, column.name) == (table_name, column_name)
                else column
                for column in table.columns
            )
            tables.append(replace(table, columns=columns))
        catalog = replace(catalog, tables=tuple(tables))
    return catalog


def join(left: str, right: str, **more: object) -> KnownJoin:
    return KnownJoin(ColumnName("public", *left.split(".")), ColumnName("public", *right.split(".")), **more)


def edges(catalog: Catalog) -> set[tuple[str, str, bool]]:
    index = Lexicon.build(catalog)

    def name(table: int) -> str:
        return index.tables[table].table.name

    return {
        (f"{name(e.child)}.{e.pairs[0][0]}", f"{name(e.parent)}.{e.pairs[0][1]}", e.many)
        for e in index.graph.edges
    }  # fmt: skip


def test_statistics_tell_the_parent():
    known = harbour(calls__berth=12.0, berths__berth_no=-1.0)
    for pair in (("calls.berth", "berths.berth_no"), ("berths.berth_no", "calls.berth")):
        assert ("calls.berth", "berths.berth_no", False) in edges(with_joins(known, [join(*pair)]))


def test_names_tell_the_parent_where_both_sides_look_unique():
    known = harbour(ports__port=-1.0, berths__port=-1.0)
    assert ("berths.port", "ports.port", False) in edges(with_joins(known, [join("ports.port", "berths.port")]))


def test_values_that_repeat_on_both_sides_join_many_to_many():
    known = with_joins(harbour(pilots__port=4.0, berths__port=4.0), [join("pilots.port", "berths.port")])
    assert {edge for edge in edges(known) if "pilots" in edge[0] + edge[1]} == {
        ("pilots.port", "berths.port", True), ("berths.port", "pilots.port", True),
    }  # fmt: skip
    answer = ask(known, "How many pilots work at ports of the quay North?")
    assert "EXISTS" in (answer.sql or "EXISTS")
    answer = ask(known, "pilots of berths at quay North")
    assert answer.sql is not None and "EXISTS" in answer.sql
    assert answer.confidence <= 0.85


def test_a_join_of_a_table_to_itself_gives_a_role():
    known = with_joins(harbour(pilots__pilot=-1.0, pilots__mentor=3.0), [join("pilots.mentor", "pilots.pilot")])
    assert any(info.words == ("mentor",) and info.real is not None for info in Lexicon.build(known).tables)


def test_a_found_join_is_less_certain_than_a_declared_one():
    known = harbour(calls__berth=12.0, berths__berth_no=-1.0)
    question = "How many calls are there per quay?"
    declared = ask(with_joins(known, [join("calls.berth", "berths.berth_no")]), question)
    found = ask(
        with_joins(known, [join("calls.berth", "berths.berth_no", source="contained", confidence=0.6)]), question
    )
    assert declared.sql == found.sql is not None
    assert declared.confidence > found.confidence
    assert "values agree" in found.explanation


def ask(catalog: Catalog, question: str):
    return Grammar(catalog).read(Schema("harbour", HARBOUR).request(question))


def test_the_values_of_the_child_are_all_in_the_parent():
    """Without statistics and names the join says itself which side is which."""
    known = with_joins(harbour(), [join("calls.ship", "pilots.pilot", source="contained", confidence=0.5)])
    assert ("calls.ship", "pilots.pilot", False) in edges(known)
