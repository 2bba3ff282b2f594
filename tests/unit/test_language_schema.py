"""What words mean in a catalog, and how its tables join."""

from __future__ import annotations

from grammar_schemas import Schema, load
from postai.language.comments import comment_phrases, table_phrases
from postai.language.lexicon import Lexicon


def lexicon(name: str) -> Lexicon:
    return Lexicon.build(load(name).catalog())


def names(found) -> set[str]:
    return {f"{sense.kind}:{sense.column or ''}:{sense.value or ''}" for sense in found}


def index_of(index: Lexicon, table: str) -> int:
    return next(info.index for info in index.tables if info.table.name == table)


def test_synonyms_serve_only_words_that_name_nothing():
    index = lexicon("shop")
    assert index.senses("order")[0].table == index_of(index, "purchases")
    assert index.senses("client")[0].how == "synonym"


def test_values_places_and_flags():
    index = lexicon("shop")
    assert "value:country:Germany" in names(index.senses("german"))
    assert "value:is_discontinued:True" in names(index.senses("discontinued"))
    assert "value:active:" in names(lexicon("library").senses("inactive"))


def test_labels_keys_and_dates():
    index = lexicon("library")
    by_name = {info.table.name: info for info in index.tables}
    assert by_name["authors"].labels == ("first_name", "last_name")
    assert by_name["books"].labels == ("title",)
    assert by_name["loans"].event_date == "borrowed_on"
    assert by_name["loans"].is_event
    assert not by_name["members"].is_event
    assert by_name["members"].creation_date == "joined_on"


def test_keys_are_guessed_from_names():
    declared = {(e.child, e.parent, e.pairs) for e in Lexicon.build(load("clinic").catalog()).graph.edges}
    guessed = {(e.child, e.parent, e.pairs) for e in Lexicon.build(load("clinic").catalog(keys=False)).graph.edges}
    assert declared <= guessed


def test_folded_names_with_prefixes():
    text = (
        "xxcust\n  xxcustid bigint pk\n  xxcustname text\n  xxcustcity text\n  xxcustjoindate date\n"
        "xxorder\n  xxordid bigint pk\n  xxordcustid bigint\n  xxordamt numeric\n  xxorddatetime timestamp\n"
        "xxitem\n  xxitemid bigint pk\n  xxitemordid bigint\n  xxitemqty int\n"
    )
    index = Lexicon.build(Schema("folded", text).catalog())
    assert [info.words for info in index.tables] == [("customer",), ("item",), ("order",)]
    assert {(index.tables[e.child].words, index.tables[e.parent].words) for e in index.graph.edges} == {
        (("order",), ("customer",)),
        (("item",), ("order",)),
    }
    assert "column:xxcustcity:" in names(index.senses("customer city"))
    assert "column:xxordamt:" in names(index.senses("amount"))


def test_comments_name_columns():
    def first(comment: str) -> tuple[str, ...]:
        return next(iter(comment_phrases(comment)), ())

    assert first("The name of the city") == ("name", "city")
    assert first("board certification number") == ("board", "certification", "number")
    assert first("Unique identifier for each course") == ()
    assert first("a long sentence that says a lot about nothing in particular") == ()
    assert ("list", "price") in set(comment_phrases("list price per night in EUR"))
    assert list(comment_phrases("star rating 1-5, NULL if not classified")) == [("star", "rating")]


def test_comments_name_tables():
    assert ("hotel",) in table_phrases("hotels of the group")
    assert ("booking",) in table_phrases("One row per booking")
    assert ("guest",) in table_phrases("Table of guests")
    assert list(table_phrases("internal; do not use")) == []
