"""What a statement reads, and whether its answer may be kept: proved from its text and the catalog, else not.

`Reads.judge` does no input or output: it is a generator that yields `Query`s, is sent their rows (values as text), and
returns a `Verdict`. The queries are to run in a session of the role and with the search_path of whoever sent the
statement; when one of them fails nothing is known. `judge_with` asks a `Database`.

An answer may be kept when it depends on nothing but the rows of the tables named in the verdict, the statement with
its parameters, and what is constant as long as neither the catalog nor the session's settings change. Of parameters
the verdict knows the types only: an answer to values of which `special_input` is true is never kept.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

from postai.database import Database
from postai.database.named_sql import load
from postai.sql.reads_candidate import Candidate
from postai.sql.reads_catalog import Lists, Meaning, question
from postai.sql.reads_pins import Key, Literal, Param, Pins, normalise
from postai.sql.reads_text import candidate
from postai.sql.reads_values import special_input

__all__ = [
    "KEYED_SETTINGS", "Candidate", "CatalogAnswers", "Judging", "Key", "Literal", "Param", "Pins", "Query",
    "Reads", "Verdict", "candidate", "drive", "drive_async", "judge_with", "normalise", "special_input",
]  # fmt: skip

Rows = Sequence[Sequence[str | None]]

KEYED_SETTINGS = (
    "role", "search_path", "client_encoding", "TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits",
    "bytea_output", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config",
    "standard_conforming_strings", "transform_null_equals", "timezone_abbreviations", "row_security", "array_nulls",
)  # fmt: skip
"""Settings that change answers which may be kept: whoever keeps answers keeps one for each of their values."""

KEPT = 5000
"""Texts of which it is kept whether they only read."""
KEPT_LENGTH = 10_000
"""Characters of the longest such text."""
ANSWERS = 500
"""CatalogAnswers of the catalog that are kept for one session's statements."""
ANSWER_LENGTH = 50_000
"""Characters of the longest such answer."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement to be run, with the values of $1, $2, ... as text."""

    sql: str
    params: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about a statement.

    Attributes:
        reason: why its answer may not be kept; None = it may.
        tables: oids of all tables that it can read, with their partitions and children, and the partitioned tables
            above them (whose oid the stream gives with publish_via_partition_root); None = not known.
        pins: for a table of which only rows with one value of its key can matter: that value.
        only_reads: it changes nothing: no locks, and no functions but those of which it is known, also in views.
    """

    reason: str | None
    tables: frozenset[int] | None = None
    pins: Pins = ()
    only_reads: bool = False

    @property
    def cacheable(self) -> bool:
        """Whether the answer may be kept."""
        return self.reason is None


Judging = Generator[Query, Rows, Verdict]


class Reads:
    """The judge. It holds what is read once, SQL and lists, and of some texts whether they only read."""

    def __init__(self) -> None:
        blocks = load(__package__, "reads.sql")
        self._meaning, self._uses = (blocks[name].format_map(blocks) for name in ("meaning", "uses"))
        self._lists = Lists.load()
        self._kept: OrderedDict[str, bool] = OrderedDict()

    def judge(self, one: Candidate, watched: Mapping[int, Key] | None = None) -> Judging:
        """Yield what is to be asked of the catalog (at most twice), return the verdict.

        Args:
            one: what the text says.
            watched: tables whose changes are told row by row, and their key columns.
        """
        if not one.selects:
            return Verdict(one.reason or "a part that is not understood")
        ((text, *_),) = yield Query(self._meaning, (question(one),))
        meaning = Meaning(one, json.loads(text or "{}"), self._lists)
        if meaning.lost is not None:
            return Verdict(one.reason or meaning.lost)
        inner = meaning.inside_views()
        if inner is not None:
            ((text, *_),) = yield Query(self._uses, (json.dumps(inner),))
            meaning.judge_views(json.loads(text or "{}"))
        return Verdict(meaning.reason, meaning.tables(), meaning.pins(watched or {}), meaning.only_reads)

    def read_only(self, text: str) -> bool:
        """Whether a text, as far as it shows itself, can change nothing.

        One SELECT, VALUES, TABLE or SHOW without locks that calls nothing but functions of PostgreSQL which are known
        to change nothing. What views, row security policies and user-made functions of the same names do does not
        show: only `Verdict.only_reads` is a proof.
        """
        if text in self._kept:
            self._kept.move_to_end(text)
            return self._kept[text]
        one = candidate(text)
        found = one.shows or (one.selects and not one.writes and self._lists.only_read(one))
        if len(text) <= KEPT_LENGTH:
            self._kept[text] = found
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


class CatalogAnswers:
    """What one session's catalog answered: statements that name the same ask the same, whatever their literals are.

    Each is kept with the generation of the catalog that it is of; those of another one count no more.
    """

    def __init__(self) -> None:
        self._generation: object = None
        self._kept: OrderedDict[Query, Rows] = OrderedDict()

    def find(self, query: Query, generation: object) -> Rows | None:
        """The answer to a query; None = it is to be asked."""
        if generation != self._generation:
            self._kept.clear()
            self._generation = generation
        found = self._kept.get(query)
        if found is not None:
            self._kept.move_to_end(query)
        return found

    def keep(self, query: Query, rows: Rows, generation: object) -> None:
        """Keep an answer that was asked for when the generation was this one; `find` was called with it before."""
        size = sum(len(value or "") for row in rows for value in row)
        if generation == self._generation and size <= ANSWER_LENGTH:
            self._kept[query] = rows
            if len(self._kept) > ANSWERS:
                self._kept.popitem(last=False)


def drive(judging: Judging, ask: Callable[[Query], Rows]) -> Verdict:
    """Run a judging to its end, asking each query with `ask`."""
    try:
        query = next(judging)
        while True:
            query = judging.send(ask(query))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict


async def drive_async(judging: Judging, ask: Callable[[Query], Awaitable[Rows]]) -> Verdict:
    """The same where the answers are waited for."""
    try:
        query = next(judging)
        while True:
            query = judging.send(await ask(query))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict


def judge_with(db: Database, judging: Judging) -> Verdict:
    """The verdict, asked of a database, in the session that it is.

    Raises:
        ServerError: the catalog may not be read.
    """
    return drive(judging, lambda query: db.query(query.sql.replace("$1", "%s"), query.params))
