"""Named statements, quoting, version numbers, placeholders and array texts."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.database import named_sql
from postai.database.catalog import text_array
from postai.database.connection import require_version
from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.database.pg8000_adapter import numbered, version_number
from postai.errors import FeatureMissing, PostaiError, UsageError

BLOCKS = """-- a heading of the file

-- name: one
-- What it does,
-- and why.
select 1;

-- name: two
-- Another one.
-- With a fact.
select '-- name: three'
  -- a comment of the statement
  from t
"""


def test_blocks_are_read() -> None:
    blocks = named_sql.parse(BLOCKS, where="x.sql")
    assert blocks["one"] == "select 1"
    assert blocks["two"].endswith("-- a comment of the statement\n  from t")
    assert list(blocks) == ["one", "two"]
    with pytest.raises(TypeError):
        blocks["one"] = "x"  # type: ignore[index]


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "-- name: a\nselect 1",
        "-- name: a\n-- d\n",
        "-- name: a\n-- d\nselect 1\n-- name: a\n-- d\nselect 2",
        "-- name: A b\n-- d\nselect 1",
        "-- name: 1a\n-- d\nselect 1",
    ],
)
def test_malformed_blocks_are_refused(text: str) -> None:
    with pytest.raises(PostaiError) as caught:
        named_sql.parse(text, where="x.sql")
    assert "x.sql" in (caught.value.detail or "")


def test_every_block_of_this_package_is_well_formed() -> None:
    for file in ("catalog.sql", "connection.sql", "roles.sql", "visibility.sql"):
        assert named_sql.load("postai.database", file)


def test_quoting() -> None:
    assert qualified("public", "orders") == "public.orders"
    assert quote_ident("Order") == '"Order"'
    assert quote_ident("select") == '"select"'
    assert quote_ident('a"b') == '"a""b"'
    assert quote_ident("ä") == '"ä"'
    assert quote_literal("it's") == "'it''s'"
    assert quote_literal("a\\b") == " E'a\\\\b'"
    for bad in ("", "a\0b"):
        with pytest.raises(UsageError):
            quote_ident(bad)
    with pytest.raises(UsageError):
        quote_literal("\0")


def test_placeholders() -> None:
    assert numbered("select %s, '%%', %s", 2) == "select $1, '%', $2"
    assert numbered("select %(2)s, '%%', %(1)s, %(2)s", 2) == "select $2, '%', $1, $2"
    for sql, count in (("select %s", 2), ("select %s", 0), ("select '%'", 1), ("select %d", 1)):
        with pytest.raises(UsageError):
            numbered(sql, count)


def test_version_numbers() -> None:
    assert version_number("15.18 (Debian 15.18-1)") == 150018
    assert version_number("19beta1") == 190000
    with pytest.raises(FeatureMissing):
        version_number("EdgeDB")


def test_an_old_server_is_refused() -> None:
    class Old:
        server_version = 130022
        name = "shop"

    with pytest.raises(FeatureMissing) as caught:
        require_version(Old())  # type: ignore[arg-type]
    assert caught.value.sqlstate == "PA007"
    assert "13" in caught.value.message
    assert "14" in (caught.value.hint or "")


def as_array(elements: list[str]) -> str:
    quoted = ('"' + e.replace("\\", "\\\\").replace('"', '\\"') + '"' for e in elements)
    return "{" + ",".join(quoted) + "}"


@given(st.lists(st.text(max_size=8)))
def test_array_texts(elements: list[str]) -> None:
    assert text_array(as_array(elements)) == tuple(elements)


def test_array_texts_with_bare_elements_and_nulls() -> None:
    assert text_array('{1,2.5,a b,NULL,"NULL",""}') == ("1", "2.5", "a b", "NULL", "")
    assert text_array("{}") == ()


def test_the_package_imports_where_psycopg_cannot() -> None:
    script = (
        "import sys; sys.modules['psycopg'] = None; sys.modules['psycopg_pool'] = None\n"
        "import postai.database, postai.database.catalog, postai.database.pg8000_adapter, postai.database.connections\n"
        "from postai.database import connect\n"
        "try: connect('host=127.0.0.1 port=1')\n"
        "except postai.database.ConnectionFailed as e: print(type(e).__name__)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "HostUnreachable"
