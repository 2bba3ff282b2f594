"""Scripts are taken apart as PostgreSQL would read them, whatever the size of a read."""

from __future__ import annotations

import io
import random

import pytest

from postai.errors import Refused
from postai.migrate import script_text
from postai.migrate.script_text import Script

SCRIPT = r"""
-- a comment; with a semicolon
/* another; /* nested; */ one */
CREATE TABLE "a;b" (x int, y text DEFAULT 'it''s; fine');
INSERT INTO t VALUES ('a;b', E'it\'s; x', $$ ; $$, $tag$ ; $$ ; $tag$, a$b$c);
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 ELSE 2 END; SELECT 2; END;
CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);
\restrict abc
COPY t (a, b) FROM stdin;
1	x;y
2	\.z
\.

COPY public.empty FROM STDIN WITH (FORMAT csv);
\.
BEGIN; COMMIT;
SELECT 1 -- the end
"""

WANTED = [
    "CREATE TABLE", "INSERT", "CREATE FUNCTION", "CREATE RULE", "COPY t", "COPY public.empty", "BEGIN", "COMMIT",
    "SELECT 1",
]  # fmt: skip


def taken(text: bytes) -> list[tuple[str, bytes, int, int]]:
    script = Script(io.BytesIO(text))
    return [(one.text, b"".join(script.rows()) if one.copies else b"", one.offset, one.line) for one in script]


def test_a_script_is_taken_apart() -> None:
    found = taken(SCRIPT.encode())
    assert [one[0].removeprefix("-- a comment; with a semicolon").lstrip() for one in found][3].startswith(
        "CREATE RULE"
    )
    for (text, *_), start in zip(found, WANTED, strict=True):
        assert start in text.splitlines()[-1] or start in text, text
    assert found[4][1] == b"1\tx;y\n2\t\\.z\n" and found[5][1] == b""
    lines = SCRIPT.split("\n")
    for text, _, offset, line in found:
        assert SCRIPT.encode()[offset:].decode().startswith(text[:8])
        assert text[:5].split("\n")[0] in lines[line - 1]


def test_the_size_of_a_read_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = taken(SCRIPT.encode())
    for size in (1, 2, 3, 7, 64, 100):
        monkeypatch.setattr(script_text, "CHUNK", size)
        assert taken(SCRIPT.encode()) == wanted


def test_every_place_between_statements_is_a_place_to_go_on() -> None:
    data = SCRIPT.encode()
    wanted = taken(data)
    script = Script(io.BytesIO(data))
    for number, piece in enumerate(script, start=1):
        if piece.copies:
            for _ in script.rows():
                pass
        rest = Script(io.BytesIO(data), offset=script.offset, line=script.line)
        following = next(iter(rest), None)
        if number < len(wanted):
            assert following is not None and (following.text, following.offset, following.line) == (
                wanted[number][0], wanted[number][2], wanted[number][3]
            )  # fmt: skip
        else:
            assert following is None


def test_random_literals_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script_text, "CHUNK", 50)
    chance = random.Random(5)
    parts = ["'a;''b'", '"c;d"', "$$;'$$", "$x$;$$$x$", "(1;2)", "/* ; */", "-- ;'\n", "E'\\';'", "b", " ", "1.5", "é"]
    for _ in range(200):
        statements = ["SELECT " + " ".join(chance.choices(parts, k=chance.randint(1, 12))) for _ in range(4)]
        found = [one[0] for one in taken(";\n".join(statements).encode())]
        assert found == [one.strip() for one in statements]


@pytest.mark.parametrize("text", ["SELECT 'x", 'SELECT "x', "SELECT $$ x", "/* x", "SELECT 1; \\i other.sql\n"])
def test_what_has_no_end_or_is_no_sql_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        taken(text.encode())
    assert "Line 1" in (caught.value.detail or "") and caught.value.hint


def test_a_statement_that_is_too_long_is_refused_with_its_place() -> None:
    script = Script(io.BytesIO(b"SELECT 1;\nSELECT '" + b"x" * 3_000_000 + b"';"), longest=1_000_000)
    with pytest.raises(Refused, match="longer than") as caught:
        list(script)
    assert caught.value.detail == "Line 2, byte 10."
