"""Words in names: folded ones, short forms, prefixes of schemas and tables."""

from __future__ import annotations

import pytest

from grammar_schemas import Schema
from postai.language.identifiers import Segmenter, shared_prefix, stands_for
from postai.language.lexicon import Lexicon

FERRIES = """
fyVessel ; ships of the line
  vslId text pk
  vslName text
  vslCap int
fySailing
  slgId text pk
  slgVslId text
  slgDptTs timestamp
  slgSts text = boarding, departed, cancelled ; sailing status
fyTicket
  tktId text pk
  tktSlgId text
  tktPax int
  tktTotAmt numeric
  tktDiscAmt numeric?
"""


def ferries() -> Lexicon:
    return Lexicon.build(Schema("ferries", FERRIES).catalog())


def words(index: Lexicon, table: str) -> dict[str, tuple[str, ...]]:
    info = next(one for one in index.tables if one.table.name == table)
    return {column.name: column.words for column in info.columns}


def test_prefixes_of_tables_and_columns_are_left_out():
    index = ferries()
    assert {info.words for info in index.tables} == {("vessel",), ("sailing",), ("ticket",)}
    assert words(index, "fyTicket") == {
        "tktId": ("id",), "tktSlgId": ("sailing", "id"), "tktPax": ("passenger",),
        "tktTotAmt": ("total", "amount"), "tktDiscAmt": ("discount", "amount"),
    }  # fmt: skip


def test_a_prefix_stands_for_its_table_in_other_tables():
    index = ferries()
    joins = {(index.tables[e.child].words, e.pairs, index.tables[e.parent].words) for e in index.graph.edges}
    assert joins == {
        (("sailing",), (("slgVslId", "vslId"),), ("vessel",)),
        (("ticket",), (("tktSlgId", "slgId"),), ("sailing",)),
    }


def test_a_comment_tells_what_is_short():
    assert words(ferries(), "fySailing")["slgSts"] == ("status",)


@pytest.mark.parametrize(
    ("short", "meant"),
    [("rvw", "review"), ("bkg", "booking"), ("prop", "property"), ("gst", "guest"), ("zz", None), ("st", None)],
)
def test_short_forms_stand_for_one_word_or_none(short, meant):
    assert stands_for(short, ["review", "booking", "property", "guest", "status", "state", "street"]) == meant


def test_acronyms_stand_for_themselves():
    segmenter = Segmenter(["product_sku", "vat_rate"])
    assert segmenter.words("product_sku") == ("product", "sku")
    assert segmenter.words("vat_rate") == ("vat", "rate")


def test_a_prefix_ends_where_words_begin():
    splits = Segmenter([]).splits
    assert shared_prefix(["gstname", "gstno", "gstnumber"], splits) == "gst"
    assert shared_prefix(["ab_name", "ab_city", "ab_zip", "ab_state", "note"], splits) == "ab_"
    assert shared_prefix(["order_name", "order_city", "order_zip", "order_state", "note"], splits) == ""
    assert shared_prefix(["product", "producer", "price"], splits) in ("", "pr")
