"""Which topic a question is about, if every word of it says so and none of them could mean the user's own data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from postai.ask.database_questions.registry import TOPICS
from postai.ask.database_questions.topic import DOCUMENTED, Topic
from postai.ask.database_questions.user_words import find_table, names_a_column, names_a_table
from postai.ask.database_questions.wording import (
    FILLERS,
    NUMBERS,
    PLACES,
    POSTGRES,
    SUPERLATIVES,
    Phrase,
    Wording,
    phrases,
    wording,
)
from postai.database.catalog import Catalog, Table
from postai.database.identifiers import qualified, quote_literal
from postai.database.named_sql import load

SURE = 0.95
MOST_ROWS = 1_000


@dataclass(frozen=True)
class Recognised:
    """A question about the database itself.

    Attributes:
        topic: the entry of the registry.
        parameters: what the question named beside, e.g. {"table": "public.orders"}.
        sql: the statement; None when this server cannot answer it.
        explanation: what the rows mean.
        confidence: 0 to 1.
        missing: what the server lacks, one sentence; None when it lacks nothing.
        hint: what to do about that.
    """

    topic: Topic
    parameters: MappingProxyType[str, str]
    sql: str | None
    explanation: str
    confidence: float
    missing: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class _Way:
    """One way to ask for a topic, with its cues as phrases."""

    topic: Topic
    groups: tuple[tuple[Phrase, ...], ...]
    also: tuple[Phrase, ...]
    clear: tuple[Phrase, ...]


@dataclass(frozen=True)
class _Match:
    """A way that a question took: the places of its cues, the anchor's words, what is left over."""

    way: _Way
    covered: frozenset[int]
    anchor: frozenset[int]
    left: tuple[int, ...]
    clear: bool


def recognise(question: str, catalog: Catalog) -> Recognised | None:
    """The topic of a question about the database itself.

    Args:
        question: a person's words.
        catalog: what the caller may read; its names are what the words could mean instead.

    Returns:
        None when it is about the user's data, or about nothing that is known here.
    """
    asked = wording(question)
    if not asked.words:
        return None
    best: tuple[int, _Match, dict[str, str], Table | None] | None = None
    for match in _matches(asked):
        parameters, table = _parameters(match, asked, catalog)
        if parameters is None:
            continue
        score = len(match.covered) + 2 * len(parameters)
        if best is None or score > best[0]:
            best = (score, match, parameters, table)
    if best is None:
        return None
    _, match, parameters, table = best
    if not match.clear and _could_be_data(match, asked, catalog, parameters):
        return None
    return of_topic(match.way.topic, catalog, table, parameters, _most_rows(match, asked), _counts(match, asked))


def topics() -> tuple[tuple[str, str], ...]:
    """Id and title of every topic, for a model that is to name one."""
    return tuple((topic.id, topic.title) for topic in TOPICS)


def of_topic(
    topic: Topic,
    catalog: Catalog,
    table: Table | None = None,
    parameters: dict[str, str] | None = None,
    most: int | None = None,
    count: bool = False,
) -> Recognised:
    """The statement of a topic for the server of a catalog.

    Args:
        table: the table that it is about, where the topic takes one.
        parameters: what was named, with the setting's name where the topic takes one.
        most: only so many rows.
        count: only the number of rows.
    """
    named = MappingProxyType(dict(parameters or {}))
    major = catalog.server_version // 10_000
    if major < topic.since:
        return Recognised(
            topic, named, None, "", SURE, f"{topic.title} needs PostgreSQL {topic.since}",
            f"This server is PostgreSQL {major}.",
        )  # fmt: skip
    view = _view_of(topic, catalog)
    if topic.extension and view is None:
        if topic.otherwise:
            return of_topic(_topic(topic.otherwise), catalog, table, dict(named), most, count)
        return Recognised(
            topic, named, None, "", SURE, f"the extension {topic.extension} is not installed, or you may not read it",
            f"An administrator adds {topic.extension} to shared_preload_libraries, restarts the server, and runs "
            f"CREATE EXTENSION {topic.extension} in this database.",
        )  # fmt: skip
    sql = _filled(_statement(topic, major), table, named, view)
    if count and topic.countable:
        sql = _blocks("wrapping")["number_of_rows"].replace(":topic", sql)
    elif most is not None:
        sql = _blocks("wrapping")["first_rows"].replace(":most", str(most)).replace(":topic", sql)
    return Recognised(topic, named, sql, topic.explanation, SURE)


def _filled(sql: str, table: Table | None, parameters: MappingProxyType[str, str], view: str | None) -> str:
    """The statement with literals in place of `:table_oid`, `:table_name`, `:setting`, `:word` and `:statements`."""
    sql = sql.replace(":statements", view or "")
    sql = sql.replace(":table_oid", str(table.oid) if table is not None else "null")
    sql = sql.replace(":table_name", quote_literal(table.name) if table is not None else "null")
    for name in ("setting", "word"):
        sql = sql.replace(f":{name}", quote_literal(parameters.get(name, "")))
    return sql


def _statement(topic: Topic, major: int) -> str:
    blocks = _blocks(topic.file)
    variants = [version for version in range(14, major + 1) if f"{topic.id}_v{version}" in blocks]
    return blocks[f"{topic.id}_v{variants[-1]}" if variants else topic.id]


@cache
def _blocks(file: str) -> Mapping[str, str]:
    return load(__package__, f"{file}.sql")


def _view_of(topic: Topic, catalog: Catalog) -> str | None:
    """The qualified view of the topic's extension, if the caller may read it."""
    if not topic.extension:
        return None
    for table in catalog.tables:
        if table.extension == topic.extension and table.name == topic.extension:
            return qualified(table.schema, table.name)
    return None


def _topic(identity: str) -> Topic:
    return next(topic for topic in TOPICS if topic.id == identity)


@cache
def _ways() -> MappingProxyType[str, tuple[_Way, ...]]:
    """Every way by the first words of its anchor."""
    by_word: dict[str, list[_Way]] = {}
    for topic in TOPICS:
        also, clear = phrases(topic.also), phrases(topic.clear)
        for groups in topic.ways:
            way = _Way(topic, tuple(map(phrases, groups)), also, clear)
            for word in dict.fromkeys(phrase[0] for phrase in way.groups[0]):
                by_word.setdefault(word, []).append(way)
    return MappingProxyType({word: tuple(ways) for word, ways in by_word.items()})


def _matches(asked: Wording) -> Iterator[_Match]:
    """The ways whose every cue stands in the question, in the order of the registry."""
    ways = _ways()
    found = dict.fromkeys(way for word in dict.fromkeys(asked.words) for way in ways.get(word, ()))
    for way in found:
        places = [_places(asked, group) for group in way.groups]
        if not all(places):
            continue
        covered = frozenset().union(*places)
        beside = _places(asked, way.also)
        left = tuple(
            at
            for at, word in enumerate(asked.words)
            if at not in covered and at not in beside and word not in FILLERS | PLACES | POSTGRES
        )
        clear = bool(_places(asked, way.clear)) or not POSTGRES.isdisjoint(asked.words)
        yield _Match(way, covered, frozenset(places[0]), left, clear)


def _places(asked: Wording, group: Sequence[Phrase]) -> set[int]:
    return {at for phrase in group for places in asked.places_of(phrase) for at in places}


def _parameters(match: _Match, asked: Wording, catalog: Catalog) -> tuple[dict[str, str] | None, Table | None]:
    """What the words that are left over name; None when they name nothing that the topic takes."""
    topic = match.way.topic
    left = [at for at in match.left if not (topic.ranked and _is_limit(at, asked))]
    if not left:
        return (None, None) if topic.needs_parameter else ({}, None)
    if not topic.parameter or left != list(range(left[0], left[-1] + 1)):
        return None, None
    words = [asked.words[at] for at in left]
    if topic.parameter == "setting":
        name = "_".join(asked.raw[at] for at in left)
        return ({"setting": name}, None) if len(left) == 1 and "_" in name else (None, None)
    if topic.parameter == "word":
        free = len(words) == 1 and words[0].isalpha() and not _is_users(words[0], catalog)
        return ({"word": words[0]}, None) if free else (None, None)
    table = find_table(words, catalog)
    return (None, None) if table is None else ({"table": qualified(table.schema, table.name)}, table)


def _could_be_data(match: _Match, asked: Wording, catalog: Catalog, parameters: dict[str, str]) -> bool:
    """Whether the words that led to the topic could as well mean something of the user's."""
    named = set(match.left) if parameters else set()
    content = {
        word
        for at, word in enumerate(asked.words)
        if at not in named and word not in FILLERS and word not in SUPERLATIVES and not word.isdigit()
    }
    anchor = {asked.words[at] for at in match.anchor} - FILLERS - SUPERLATIVES
    return names_a_table(content, catalog) or names_a_column(
        anchor, catalog, values=asked.words not in _documented(match.way.topic)
    )


def _is_users(word: str, catalog: Catalog) -> bool:
    return names_a_table((word,), catalog) or names_a_column((word,), catalog)


@cache
def _documented(topic: Topic) -> frozenset[tuple[str, ...]]:
    """The words of the questions that the manual promises to understand."""
    return frozenset(wording(question).words for question in topic.examples[:DOCUMENTED])


def _is_limit(at: int, asked: Wording) -> bool:
    """Whether a number says how many rows are wanted: "top 5", "10 biggest"."""
    word = asked.raw[at]
    if word == "top":
        return True
    if not (word.isascii() and word.isdigit() and 0 < int(word) <= MOST_ROWS) and word not in NUMBERS:
        return False
    before = asked.raw[at - 1] if at else ""
    after = asked.raw[at + 1] if at + 1 < len(asked.raw) else ""
    return before in ("top", "first") or after in SUPERLATIVES


def _most_rows(match: _Match, asked: Wording) -> int | None:
    """How many rows the question wants of a ranked topic: "top 5", or one for "the biggest table"."""
    if not match.way.topic.ranked:
        return None
    for at, word in enumerate(asked.raw):
        if word != "top" and _is_limit(at, asked):
            return NUMBERS.get(word) or int(word)
    nouns = [asked.raw[at] for at in match.anchor if asked.raw[at] not in SUPERLATIVES]
    one = bool(nouns) and all(word == single for word, single in zip(nouns, map(_single, nouns), strict=True))
    return 1 if one and not SUPERLATIVES.isdisjoint(asked.raw) and "top" not in asked.raw else None


def _single(word: str) -> str:
    return wording(word).words[0]


def _counts(match: _Match, asked: Wording) -> bool:
    """Whether the question wants a number of things: "how many indexes are never used?"."""
    return match.way.topic.countable and asked.raw[:2] == ("how", "many")
