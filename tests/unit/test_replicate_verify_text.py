"""What is compared as which text: names and keys as hostile as can be, versions before 12, counts of rows."""

from __future__ import annotations

from postai.replicate.verified import Difference, Kind
from postai.replicate.verify import difference
from postai.replicate.verify_chunks import keyed, unequal_keys
from postai.replicate.verify_tables import Column, Hashing, Listed, array, compared, filled, images, lookup, value


def column(name: str, base: int = 25, form: str = "plain", **more: object) -> Column:
    given = {"number": 1, "type": "text", "generated": "", "identity": "", "comparable": True, **more}
    return Column(name=name, base=base, form=form, **given)  # type: ignore[arg-type]


def listed(*columns: Column, key: tuple[int, ...] = ()) -> Listed:
    return Listed('s."{hash}%"', 7, 81920, True, key, columns)


def test_names_that_look_like_marks_stay_names() -> None:
    one = listed(column("{part}'\"%s"), key=(1,))
    table = compared(one, one, Hashing(), 150_000, 8192)
    statement = filled("whole", table, part="true")
    assert 'from only s."{hash}%" as t where true' in statement and """t."{part}'""%s\"""" in statement
    sought = lookup(table, [("a'\\\"{,}",)])
    assert "E'{\"a''" in sought and '"{part}' in sought
    assert array(['a"b', "c\\d", "", "NULL", "é,{}"]) == '{"a\\"b","c\\\\d","","NULL","é,{}"}'


def test_a_type_of_the_user_is_compared_by_text_and_never_by_its_operator() -> None:
    one = listed(column("k", comparable=False, type="public.citext"), key=(1,))
    statement = lookup(compared(one, one, Hashing(), 150_000, 8192), [("x",)])
    assert "::text[]" in statement and 'concat(t.k) collate "C" = u.k0' in statement and "citext" not in statement


def test_floats_before_12_are_compared_by_their_bits() -> None:
    assert value(column("f", 701), 120_000) == "t.f"
    assert (
        value(column("f", 701), 110_000) == "case when t.f = 'NaN' then 'NaN' else encode(float8send(t.f), 'hex') end"
    )
    assert value(column("f", 700, "array"), 110_000) == "encode(array_send(t.f), 'hex')"
    assert value(column("p", 600), 110_000) == "encode(point_send(t.p), 'hex')"
    assert value(column("c", 9999, "composite"), 110_000) is None
    assert value(column("c", 18), 150_000) == "t.c::int4"
    one = listed(column("f", 701), column("c", 9999, "composite", number=2), key=(1,))
    table = compared(one, one, Hashing(portable=True), 110_000, 8192)
    assert table.key == () and not table.heap and "column c is not compared" in table.notes[0]
    assert "md5(convert_to(" in table.row_hash and table.keys == table.row_hash


def test_columns_of_one_side_are_named_and_generated_ones_not_written() -> None:
    here = listed(column("a"), column("b", number=2), column("g", number=3))
    there = listed(column("g", generated="s"), column("a"), column("new"))
    table = compared(here, there, Hashing(), 150_000, 8192)
    assert [one.name for one in table.columns] == ["a", "g"] and [one.name for one in table.written] == ["a"]
    assert table.notes == (
        "column b is only on the side that serves", 'column new is only on the other side'
    )  # fmt: skip
    assert "concat(t.g)" not in images(table, [("5",)]) and "any ('{5}'::int8[])" in images(table, [("5",)])


def test_rows_that_are_there_twice_count_twice() -> None:
    one = listed(column("a"))
    table = compared(one, one, Hashing(), 150_000, 8192)
    found = keyed([(5, 1, 5)], table)
    keyed([(5, 2, 10), (6, 1, 6)], table, found)
    assert found == {("5",): (3, 15), ("6",): (1, 6)}
    assert unequal_keys(found, {("5",): (3, 15), ("7",): (1, 7)}) == {
        ("6",): ((1, 6), (0, 0)), ("7",): ((0, 0), (1, 7))
    }  # fmt: skip
    assert difference(("5",), (3, 15), (2, 10)) == Difference(Kind.MISSING, ("5",), (3, 2))
    assert difference(("5",), (1, 5), (2, 10)).kind is Kind.EXTRA
    assert difference(("5",), (1, 5), (1, 4)).kind is Kind.DIFFERENT
    assert difference(("5",), (0, 0), (1, 4)).kind is Kind.EXTRA
