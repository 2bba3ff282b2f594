"""Which tables a question is about: by names, values, comments, abbreviations, families and joins."""

from __future__ import annotations

import functools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.ask.finder import COMMON, Finder, abbreviates, families
from postai.database.catalog import Catalog, Column, ColumnName, ForeignKey, KnownJoin, KnownValues, Table
from postai.language.abbreviations import IDENTIFIER_WORDS
from postai.language.lexicon import Lexicon

WORDS = sorted(IDENTIFIER_WORDS - {"bicycle", "wheel", "rider", "mechanic", "repair", "tyre"})


def table(oid: int, name: str, *columns: str, schema: str = "public", **more: object) -> Table:
    types = {True: ("bigint", 20, "int8", "N"), False: ("text", 25, "text", "S")}
    made = tuple(Column(n, column, *types[column.endswith("id")]) for n, column in enumerate(columns, start=1))
    return Table(oid, schema, name, "table", columns=made, **more)  # type: ignore[arg-type]


def catalog(*tables: Table, others: int = 300, joins: tuple[KnownJoin, ...] = ()) -> Catalog:
    rng = random.Random(3)
    noise = [
        table(10_000 + n, f"{rng.choice(WORDS)}_{rng.choice(WORDS)}_{n}", "id", *rng.sample(WORDS, 8))
        for n in range(others)
    ]
    every = sorted((*tables, *noise), key=lambda one: (one.schema, one.name))
    return Catalog("fleet", 150000, "f", tuple(every), joins=joins)


@functools.lru_cache(maxsize=2)
def finder_of(from_catalog: Catalog) -> Finder:
    return Finder(from_catalog, Lexicon.build(from_catalog))


def find(from_catalog: Catalog, question: str, first: int = 10, **more: object) -> list[str]:
    found = finder_of(from_catalog).find([(question, 1.0)], **more)  # type: ignore[arg-type]
    names = {one.oid: one.name for one in from_catalog.tables}
    return [names[oid] for oid in found.tables[: min(first, found.likely)]]


def test_by_name_and_by_column() -> None:
    one = catalog(table(1, "bicycles", "id", "frame_number"), table(2, "mechanics", "id", "nickname"))
    assert find(one, "How many bicycles are there?", 1) == ["bicycles"]
    assert find(one, "List the nicknames.", 1) == ["mechanics"]
    assert find(one, "Which frame numbers begin with 7?", 1) == ["bicycles"]


def test_by_value_and_label() -> None:
    column = Column(1, "kind", "text", 25, "text", "S", values=KnownValues(("velocipede", "tandem"), True))
    label = Column(1, "wear", "wear", 99, "wear", "E", enum_labels=("threadbare", "good"))
    one = catalog(
        Table(1, "public", "machine_a", "table", columns=(column,)), Table(2, "public", "machine_b", "table",
                                                                       columns=(label,))
    )  # fmt: skip
    assert find(one, "How many velocipedes do we own?", 1) == ["machine_a"]
    assert find(one, "What is threadbare?", 1) == ["machine_b"]


def test_by_comment() -> None:
    one = catalog(
        table(1, "t_417", "id", comment="Punctures that riders reported"),
        Table(2, "public", "t_418", "table", columns=(
            Column(1, "x", "text", 25, "text", "S", comment="velodrome where it happened"),
        )),
    )  # fmt: skip
    assert find(one, "How many punctures were there?", 1) == ["t_417"]
    assert find(one, "Name the velodromes", 1) == ["t_418"]


def test_folded_and_abbreviated_names() -> None:
    names = ("vlobike", "vlorpr", "vlomchnc", "vlotyre")
    one = catalog(*(table(n, name, f"{name[3:]}id", f"{name[3:]}nm") for n, name in enumerate(names, start=1)))
    assert find(one, "How many repairs did each mechanic do?", 2) == ["vlorpr", "vlomchnc"]
    assert set(find(one, "How many repairs did each mechanic do?", 12)) >= set(names), "the family comes along"


def test_the_tables_on_the_way_come_along() -> None:
    def key(column: str, oid: int, name: str) -> ForeignKey:
        return ForeignKey("fk", (column,), oid, "public", name, ("id",))

    one = catalog(
        table(1, "riders", "id", "nickname", primary_key=("id",)),
        table(2, "xq", "id", "a_id", foreign_keys=(key("a_id", 1, "riders"),), primary_key=("id",)),
        table(3, "zq", "id", "b_id", "c_id", foreign_keys=(key("b_id", 2, "xq"), key("c_id", 4, "tyres"))),
        table(4, "tyres", "id", "rubber", primary_key=("id",)),
    )
    assert set(find(one, "Which riders wear out tyres?", 4)) == {"riders", "tyres", "xq", "zq"}


def test_joins_that_are_no_foreign_keys() -> None:
    left, right = ColumnName("public", "riders", "badge"), ColumnName("public", "zz9", "q")
    tables = (table(1, "riders", "id", "badge"), table(2, "zz9", "q", "w"))
    plain, joined = catalog(*tables), catalog(*tables, joins=(KnownJoin(left, right),))
    assert "zz9" not in find(plain, "How many riders?", 5)
    assert "zz9" in find(joined, "How many riders?", 5)
    by_key = catalog(table(1, "riders", "id"), table(3, "qqzx", "qqzxid"), table(2, "ww", "refqqzxid", "riderword"))
    assert find(by_key, "each riderword", 2) == ["ww", "qqzx"], "a column that ends with a key's name"


def test_equals_are_ordered_by_schema_and_length() -> None:
    names = ("riders_archive", "riders")
    one = catalog(
        *(table(n, name, "id", "nickname") for n, name in enumerate(names, start=1)),
        table(5, "riders", "id", "nickname", schema="zoo"),
    )
    assert find(one, "nicknames of riders", 1, search_path=("public",)) == ["riders"]
    assert finder_of(one).find([("riders", 1.0)], search_path=("zoo", "public")).tables[0] == 5


def test_named_tables_and_several_texts() -> None:
    one = catalog(table(1, "aa", "id"), table(2, "riders", "id", "pace"))
    assert "aa" in find(one, "how many riders", 2, named=[("public", "aa")])
    assert finder_of(one).find([("what is the APX?", 1.0), ("APX = average pace", 0.5)]).tables[0] == 2


def test_values_and_columns_are_told() -> None:
    column = Column(1, "wheel_kind", "text", 25, "text", "S", values=KnownValues(("Carbon disc", "Spoked"), True))
    one = Catalog("x", 150000, "f", (Table(1, "public", "wheels", "table", columns=(column,)),))
    found = Finder(one, Lexicon.build(one)).find([("wheels with a carbon disc", 1.0)])
    assert found.values == ((1, "wheel_kind", "Carbon disc"),)
    assert found.columns[1] == {"wheel_kind"}


def test_partitions_are_not_found_and_nothing_is_something() -> None:
    part = Table(2, "public", "riders_2024", "partition", columns=(Column(1, "id", "int", 23, "int4", "N"),))
    assert find(catalog(table(1, "riders", "id"), part, others=0), "riders in 2024") == ["riders"]
    empty = Catalog("x", 150000, "f")
    assert Finder(empty, Lexicon.build(empty)).find([("anything", 1.0)]).tables == ()


@pytest.mark.parametrize(
    ("short", "word", "does"),
    [
        ("bkg", "booking", True), ("rm", "room", True), ("pmt", "payment", True), ("rvw", "review", True),
        ("htl", "hotel", True), ("cust", "customer", True), ("bkg", "review", False), ("mt", "payment", False),
        ("", "x", False), ("bz", "booking", False),
    ],
)  # fmt: skip
def test_abbreviates(short: str, word: str, does: bool) -> None:
    assert abbreviates(short, word) is does


def test_families() -> None:
    found = families(["hr_leave", "hr_staff", "orders", "xpqroom", "xpqrvw", "customers"])
    assert found[0][0] == found[1][0] == "hr"
    assert found[3] == found[4]
    assert 2 not in found
    assert 5 not in found


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_ranks_every_table_once(text: str) -> None:
    one = catalog(table(1, "riders", "id", "pace"), others=5)
    found = finder_of(one).find([(text, 1.0)])
    assert sorted(found.tables) == sorted(one.oid for one in one.tables)
    assert found == finder_of(one).find([(text, 1.0)])


@pytest.mark.parametrize("name", ["orders", "shows", "uses", "lists"])
@pytest.mark.uncovered
def test_tables_named_like_common_words(name: str) -> None:
    assert find(catalog(table(1, name, "id", "nickname")), f"How many {name} are there?", 1) == [name]
    assert {"how", "many", "the"} <= COMMON
