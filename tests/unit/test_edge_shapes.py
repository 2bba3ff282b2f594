"""Which constants of a text are taken for parameters."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.edge.chunks import Chunk
from postai.edge.shapes import general, general_meaning, parameters
from postai.errors import PostaiError
from postai.sql.parse import fingerprint


def types(*oids: int) -> bytes:
    return b"\0" + struct.pack(f"!H{len(oids)}I", len(oids), *oids)


@pytest.mark.parametrize(
    ("text", "made", "values"),
    [
        (b"select a from t where id = 7", b"select a from t where id = $1" + types(23), (b"7",)),
        (b"select a from t where id=7 and b >= 'it''s'", b"select a from t where id=$1 and b >= $2" + types(23, 0),
         (b"7", b"it's")),
        (b"select a from t where id in (1, 22,'x')", b"select a from t where id in ($1, $2,$3)" + types(23, 23, 0),
         (b"1", b"22", b"x")),
        (b"select 1, f(2), t1.a from t1 where a <> 3 order by 1 limit 5",
         b"select 1, f(2), t1.a from t1 where a <> $1 order by 1 limit $2" + types(23, 23), (b"3", b"5")),
        (b'select "a = 1" from t where b = 2', b'select "a = 1" from t where b = $1' + types(23), (b"2",)),
        (b"select a from t where b between 1 and 2", b"select a from t where b between $1 and 2" + types(23), (b"1",)),
    ],
)  # fmt: skip
def test_constants_that_are_compared(text: bytes, made: bytes, values: tuple[bytes, ...]) -> None:
    assert parameters(text) == (made, values)
    chunk = general(Chunk(b"key", text, simple=True))
    assert (chunk.key, chunk.meaning, chunk.values, chunk.simple) == (b"key", made, values, True)
    assert chunk.unnamed is None
    assert general_meaning(text) == general_meaning(text + b"\0\0\0") == made


@pytest.mark.parametrize(
    "text",
    [
        b"select 1", b"select a from t", b"select a from t where b = 1 -- c", b"select a from t where b = /* */ 1",
        b"select a from t where b = $1", b"select a from t where b = E'x'", b"select a from t where b =E'x'",
        b"select a from t where b = 1.5", b"select a from t where b = 1e5", b"select a from t where b = 1234567890",
        b"select a from t where b = -1", b"select a from t where b = date '2020-01-01'", b"select varchar(10) 'x'",
        b"select a from t where b = '\\'", b"select a from t where b =u&'x'", b"", b"'",
        b"select a from t where b = 0x1f",
        b"select a from t where b = $$x$$ and c = 1", b"where a in (" + b"1," * 60 + b"1)",
    ],
)  # fmt: skip
def test_what_is_left_as_it_is(text: bytes) -> None:
    assert parameters(text) is None
    chunk = Chunk(b"key", text, simple=True)
    assert general(chunk) is chunk and general_meaning(text) == text


def test_what_has_parameters_already_is_left_as_it_is() -> None:
    for chunk in (
        Chunk(b"k", b"select a where b = 1" + types(), (b"x",), (0,)),
        Chunk(b"k", b"select a where b = 1" + types(23)),
    ):
        assert general(chunk) is chunk
    assert general_meaning(b"select a where b = 1" + types(23)) == b"select a where b = 1" + types(23)


PIECES = st.sampled_from(
    ["select", "a", "from", "t", "where", "=", "<", "7", "'x'", "'it''s'", '"q 1"', "in", "(", ")", ",", "1.5", "and",
     "or", " ", "limit", "like", "is", "null", "not", "x1", "::", "int", "e'x'"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12))
def test_a_text_means_the_same_but_for_its_constants(pieces: list[str]) -> None:
    text = " ".join(["select a from t where b =", *pieces])
    found = parameters(text.encode())
    try:
        before = fingerprint(text)
    except PostaiError:
        return
    if found is not None:
        assert fingerprint(found[0].partition(b"\0")[0].decode()) == before
