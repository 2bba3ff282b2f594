"""Which answers are worth asking for again, and with what."""

from __future__ import annotations

import struct

from postai.edge.chunks import is_result, named_key
from postai.edge.memory import Entry, Key, Memory
from postai.edge.warming import LONGEST, Wish, Wishes, pack, request, unpack


def used(*keys: tuple[Key, int, float]) -> list[Entry]:
    """Entries with hits and cost."""
    space, found = Memory(1 << 20).shelf().space(), []
    for key, hits, cost in keys:
        entry = Entry(space, key, (), None, 0.0)
        entry.uses, entry.cost = 1 + hits, cost
        found.append(entry)
    return found


def keys(wishes: list[Wish]) -> list[Key]:
    return [wish.key for wish in wishes]


def test_the_answers_that_saved_most_are_remembered() -> None:
    wishes = Wishes(2)
    wishes.note(b"s", used((b"a", 10, 0.01), (b"b", 1, 5.0), (b"c", 0, 9.0), (b"d", 100, 0.002), (b"x" * 5000, 9, 9)))
    assert keys(wishes.of([b"s"])) == [b"b", b"d"]
    assert wishes.of([b"other"]) == [] and LONGEST < 5000
    wishes.note(b"other", used((b"a", 1, 1.0)))
    assert keys(wishes.of([b"s", b"other"])) == [b"b", b"a"]


def test_what_is_used_no_more_fades() -> None:
    wishes = Wishes(10)
    wishes.note(b"s", used((b"old", 1, 1.0)))
    wishes.note(b"s", [])  # nothing was kept, so nothing is known of what is used
    assert [wish.score for wish in wishes.of([b"s"])] == [1.0]
    wishes.note(b"s", used((b"new", 1, 0.9), (b"old", 1, 0.01)))
    assert keys(wishes.of([b"s"])) == [b"new", b"old"]
    for _ in range(50):
        wishes.note(b"s", used((b"new", 1, 0.9)))
    assert keys(wishes.of([b"s"])) == [b"new"]


def test_what_is_saved_counts_what_is_kept_now() -> None:
    wishes = Wishes(10)
    wishes.note(b"s", used((b"a", 1, 1.0)))
    saved = wishes.with_those([(b"s", used((b"a", 1, 1.0), (b"b", 1, 1.5)))])
    assert [(wish.key, wish.score) for wish in saved] == [(b"a", 2.0), (b"b", 1.5)]
    later = Wishes(10)
    later.add(saved)
    later.add(saved)
    assert later.of([b"s"]) == saved


def test_a_prepared_statement_is_asked_for_without_its_name() -> None:
    meaning = b"select $1\0" + struct.pack("!HI", 1, 23)
    rest = b"\0" + struct.pack("!HHi", 0, 1, 1) + b"7" + struct.pack("!H", 0)
    bind = b"B" + struct.pack("!I", 4 + 1 + 4 + len(rest)) + b"\0name" + rest
    end = b"D\0\0\0\6P\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\4"
    key = named_key(bind + end, {b"name": meaning}.get)
    assert key is not None and unpack(pack(key)) == key and unpack(pack(b"Q1")) == b"Q1"
    wanted = request(key)
    assert wanted is not None and wanted.meaning == meaning
    assert wanted.data.startswith(b"P\0\0\0") and b"name" not in wanted.data
    assert (wanted.chunk.key, wanted.chunk.values, wanted.chunk.named) == (key, (b"7",), True)
    row = b"T\0\0\0\6\0\0C\0\0\0\x0dSELECT 0\0Z\0\0\0\5I"
    answer = b"1\0\0\0\4" + b"2\0\0\0\4" + row
    assert is_result(answer.removeprefix(wanted.hidden), wanted.chunk) and not is_result(answer, wanted.chunk)


def test_a_query_is_asked_as_it_was() -> None:
    query = b"Q\0\0\0\x0dselect 1\0"
    wanted = request(query)
    assert wanted is not None and wanted.data == query and wanted.meaning is None and wanted.hidden == b""
    assert request(b"Q\0\0\0\x09select 1\0") is None
