"""Finds the tables that a text is about, among any number of them.

Built once for a catalog (pure; some 0.2 s for a thousand tables), then asked for each question (a few milliseconds).
Every word of the text counts once for a table, by the best evidence that there is for it: what the embedded engine
links it to (names, parts of names, synonyms, values, comments), the words of names and comments by their stems, and
pieces of folded names. Rare evidence weighs more. What joins likely tables, or is joined to one, becomes likely too.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from postai.database.catalog import Catalog, Table
from postai.language.abbreviations import IDENTIFIER_WORDS
from postai.language.epochs import real_name
from postai.language.identifiers import pieces, shared_prefix
from postai.language.lexicon import Lexicon, Sense
from postai.language.tokens import Token, tokenize
from postai.language.word_set import word_set
from postai.language.words import singular, stem

MOST_TOKENS = 300
"""Words of a text that are looked at."""
LONGEST_SPAN = 4
SEEDS = 24
"""Likeliest tables between which the joining ones are looked for."""
NEIGHBOUR = 0.35
"""Share of a table's likelihood that a table joined to it gains."""
WAY = 0.8
"""Share of the smaller likelihood of two tables that the tables on the way between them gain."""
FEWEST_LETTERS = 5
"""Shortest piece that is looked for inside folded names."""
COPY = 0.5
"""Share of its likelihood that a copy of another table keeps when the text does not ask for copies."""
FAMILY = 0.5
"""Share of the likelihood of its likeliest member that every table of a family has at least."""
LARGEST_FAMILY = 60
SHORTEST_KEY = 4
"""Letters of a key's name from which a column that ends with it is taken to refer to it ("rmpropid" to "propid")."""
MOST_OF_A_KEY = 12

OF_KIND = {"table": 4.0, "column": 2.0, "value": 2.5}
IN_TABLE_NAME, IN_COLUMN_NAME, IN_LABEL, IN_TABLE_COMMENT, IN_COLUMN_COMMENT, INSIDE_NAME = 4.0, 2.0, 2.0, 1.5, 1.0, 1.0
AS_TABLE_NAME, AS_PREFIX = 3.0, 1.0

_WORD = re.compile(r"[^\W\d_]+|\d+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_COPIES = word_set("""
    archive archived audit backup bak bkp copy deleted deprecated dup duplicate hist history legacy old previous raw
    snapshot staging stage stg temp temporary test tmp
    """)
_VOWEL = re.compile("[aeiou]")
# Words that say nothing about which table is meant.
COMMON = word_set("""
    a all also an and any are as at average be been both but by can compute count could date dates day days did do does
    doing done each either every few find first following for from get give given had has have having her here his how
    however i id ids if in into is it its itself last least less list many may me might more most much must my name
    names no nor not number numbers of off on one only or other our out over own per please provide ratio return same
    she should show so some such tell than that the their them then there these they this those through to too top total
    under until up us use used using value values very want was we week weeks were what when where whether which while
    who whom whose why will with within without would month months year years you your
    """)


@dataclass(frozen=True)
class Found:
    """What a text is about.

    Attributes:
        tables: oids of the tables, likeliest first.
        likely: how many of them have something to do with the text at all.
        columns: for a table's oid, the columns that the text seems to name.
        values: stored values that the text seems to name, as (table's oid, column, value), in the text's order.
    """

    tables: tuple[int, ...]
    likely: int
    columns: Mapping[int, frozenset[str]] = field(default_factory=dict)
    values: tuple[tuple[int, str, str], ...] = ()


@dataclass
class _Search:
    """What one search has gathered; tables by their number in the index."""

    own: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    columns: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    values: dict[tuple[int, str, str], None] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


class Finder:
    """The index of one catalog.

    Args:
        catalog: what the caller may read.
        lexicon: of the same catalog, or of a part of it.
    """

    def __init__(self, catalog: Catalog, lexicon: Lexicon) -> None:
        self._tables = tuple(table for table in catalog.tables if table.kind != "partition")
        self._lexicon = lexicon
        index = {table.oid: number for number, table in enumerate(self._tables)}
        self._place = tuple(index.get(info.table.oid, -1) for info in lexicon.tables)
        self._stems: dict[str, dict[int, float]] = defaultdict(dict)
        self._columns: dict[str, set[tuple[int, str]]] = defaultdict(set)
        self._names: list[str] = []
        self._folded: list[str] = []
        for number, table in enumerate(self._tables):
            self._index(number, table)
        for info, place in zip(lexicon.tables, self._place, strict=True):
            if place >= 0 and info.real is None:
                self._put(place, info.words, _share(IN_TABLE_NAME, len(info.words)))
                for column in info.columns:
                    self._put_column(place, real_name(column.name), column.words)
        self._sorted = sorted(self._stems)
        self._near = _neighbours(catalog, lexicon, self._place, index)
        self._families = families([table.name for table in self._tables])
        self._copies = copies(self._tables)
        self._short: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
        for number, table in enumerate(self._tables):
            self._index_short(number, table)

    # -- building -----------------------------------------------------------------------------------------------

    def _put(self, number: int, words: Iterable[str], weight: float) -> None:
        for word in words:
            postings = self._stems[stem(word)]
            if postings.get(number, 0.0) < weight:
                postings[number] = weight

    def _put_column(self, number: int, name: str, words: Sequence[str]) -> None:
        self._put(number, words, _share(IN_COLUMN_NAME, len(words)))
        for word in words:
            self._columns[stem(word)].add((number, name))

    def _index(self, number: int, table: Table) -> None:
        name = pieces(table.name)
        self._put(number, map(singular, name), _share(IN_TABLE_NAME, len(name)))
        self._put(number, map(singular, pieces(table.schema)), IN_COLUMN_COMMENT)
        self._put(number, _words(table.comment), IN_TABLE_COMMENT)
        for column in table.columns:
            self._put_column(number, column.name, [singular(word) for word in pieces(column.name)])
            for word in _words(column.comment):
                self._put(number, (word,), IN_COLUMN_COMMENT)
                self._columns[stem(word)].add((number, column.name))
            for label in column.enum_labels:
                self._put(number, _words(label), IN_LABEL)
        self._folded.append(table.name.lower().replace("_", ""))
        self._names.append("\n".join(column.name for column in table.columns).lower().replace("_", ""))

    def _index_short(self, number: int, table: Table) -> None:
        """Remember what may be an abbreviation: pieces of the name, what follows the family's prefix, prefixes."""

        def put(piece: str, weight: float) -> None:
            if 2 <= len(piece) <= 6 and piece.isalpha() and not _VOWEL.search(piece, 1):
                found = self._short[piece[0]][piece]
                found[number] = max(weight, found.get(number, 0.0))

        name = pieces(table.name)
        for piece in name:
            put(piece, _share(AS_TABLE_NAME, len(name)))
        family = self._families.get(number)
        if family is not None and name[0].startswith(family[0]):
            put(family[0], AS_PREFIX)
            put(name[0][len(family[0]) :], _share(AS_TABLE_NAME, len(name)))
        put(shared_prefix(column.name for column in table.columns).rstrip("_"), AS_PREFIX)

    # -- finding ------------------------------------------------------------------------------------------------

    def find(
        self,
        texts: Sequence[tuple[str, float]],
        *,
        search_path: Sequence[str] = (),
        named: Iterable[tuple[str, str]] = (),
    ) -> Found:
        """Rank the tables.

        Args:
            texts: the question and what it is to be read with, each with its weight (1 for the question).
            search_path: tables of these schemas come first among equals.
            named: (schema, name) of tables that are known to matter, for example those of a similar question.
        """
        search = _Search()
        for text, weight in texts:
            self._read(text, weight, search)
        own = search.own
        for number, marks in self._copies.items():
            if number in own and not marks & search.seen:
                own[number] *= COPY
        best = max(own.values(), default=1.0)
        wanted = set(named)
        for number, table in enumerate(self._tables):
            if (table.schema, table.name) in wanted:
                own[number] += best
        plain = self._plainness(search_path)
        scores = self._spread(own, plain)
        ranked = sorted(plain, key=lambda number: (-round(scores.get(number, 0.0), 6), plain[number]))
        return Found(
            tuple(self._tables[number].oid for number in ranked),
            sum(score > 0 for score in scores.values()),
            {self._tables[number].oid: frozenset(names) for number, names in search.columns.items()},
            tuple((self._tables[number].oid, column, value) for number, column, value in search.values),
        )

    def _read(self, text: str, weight: float, search: _Search) -> None:
        """Weigh each word that was not met before."""
        tokens = [token for token in tokenize(text) if token.kind in ("word", "quoted")][:MOST_TOKENS]
        linked = self._link(tokens, search)
        for place, token in enumerate(tokens):
            if token.stem in search.seen:
                continue
            search.seen.add(token.stem)
            evidence = linked.get(place, {})
            if token.kind == "word" and token.lower not in COMMON:
                _take_best(evidence, self._by_word(token.noun, token.stem, search))
                _take_best(evidence, self._by_abbreviation(token.noun))
                if not evidence:
                    evidence = self._by_beginning(token.noun)
            for number, score in evidence.items():
                search.own[number] += weight * score

    def _link(self, tokens: Sequence[Token], search: _Search) -> dict[int, dict[int, float]]:
        """What the embedded engine links the words to, for each word; two words may be one name ("line up")."""
        found: dict[int, dict[int, float]] = defaultdict(dict)
        for begin, token in enumerate(tokens):
            longest = min(LONGEST_SPAN, max(1, self._lexicon.longest.get(token.noun, 0)), len(tokens) - begin)
            for size in range(1, longest + 1):
                if size == 1 and token.lower in COMMON:
                    continue
                senses = self._lexicon.senses(" ".join(one.noun for one in tokens[begin : begin + size]))
                meant = self._meant(senses, search)
                for place in range(begin, begin + size):
                    _take_best(found[place], meant)
            if token.kind != "word" or token.lower in COMMON:
                continue
            _take_best(found[begin], self._meant(self._lexicon.stem_senses(token.stem), search))
            if begin + 1 < len(tokens):
                both = token.lower + tokens[begin + 1].noun
                _take_best(found[begin], self._by_word(both, stem(both), search))
        return found

    def _meant(self, senses: Iterable[Sense], search: _Search) -> dict[int, float]:
        best: dict[int, float] = {}
        for sense in senses:
            number = self._place[sense.table]
            if number < 0:
                continue
            best[number] = max(best.get(number, 0.0), OF_KIND[sense.kind] * sense.score)
            if sense.column is not None:
                search.columns[number].add(sense.column)
                if sense.kind == "value" and isinstance(sense.value, str):
                    search.values[number, sense.column, sense.value] = None
        rarity = self._rarity(len(best))
        return {number: score * rarity for number, score in best.items()}

    def _by_word(self, noun: str, word_stem: str, search: _Search) -> dict[int, float]:
        """What the words of names and comments, and pieces of folded names, say."""
        postings = self._stems.get(word_stem, {})
        rarity = self._rarity(len(postings))
        found = {number: weight * rarity for number, weight in postings.items()}
        for number, name in self._columns.get(word_stem, ()):
            search.columns[number].add(name)
        piece = word_stem if len(word_stem) >= FEWEST_LETTERS else noun
        if len(piece) >= FEWEST_LETTERS:
            for weight, names in ((IN_TABLE_NAME, self._folded), (INSIDE_NAME, self._names)):
                inside = [number for number, text in enumerate(names) if piece in text]
                rarity = self._rarity(len(inside))
                for number in inside:
                    part = len(piece) / len(names[number]) if names is self._folded else 1.0
                    found[number] = max(found.get(number, 0.0), weight * part * rarity)
        return found

    def _by_abbreviation(self, noun: str) -> dict[int, float]:
        """Names that leave out vowels and more: "bkg" for "booking"."""
        found: dict[int, float] = {}
        if len(noun) < 4:
            return found
        for short, postings in self._short.get(noun[0], {}).items():
            if len(short) < len(noun) and abbreviates(short, noun):
                rarity = self._rarity(len(postings))
                _take_best(found, {number: weight * rarity for number, weight in postings.items()})
        return found

    def _by_beginning(self, piece: str) -> dict[int, float]:
        """Words that begin like this one: "cardiology" finds "cardiologist"."""
        begin = piece[: max(FEWEST_LETTERS, len(piece) - 3)]
        if len(begin) < FEWEST_LETTERS:
            return {}
        found: dict[int, float] = {}
        place = bisect_left(self._sorted, begin)
        while place < len(self._sorted) and self._sorted[place].startswith(begin):
            postings = self._stems[self._sorted[place]]
            for number, weight in postings.items():
                found[number] = max(found.get(number, 0.0), 0.5 * weight * self._rarity(len(postings)))
            place += 1
        return found

    def _rarity(self, tables: int) -> float:
        return math.log(1 + len(self._tables) / max(tables, 1))

    def _plainness(self, search_path: Sequence[str]) -> dict[int, int]:
        """The order among equals: the person's schemas, then short names ("orders" before "orders_archive")."""
        path = {schema: place for place, schema in reversed(list(enumerate(search_path)))}

        def order(number: int) -> tuple[int, int, str, str]:
            table = self._tables[number]
            return path.get(table.schema, len(path)), len(table.name), table.schema, table.name

        return {number: place for place, number in enumerate(sorted(range(len(self._tables)), key=order))}

    def _spread(self, own: Mapping[int, float], plain: Mapping[int, int]) -> dict[int, float]:
        """Likelihood flows to joined tables, and to the tables on the way between two likely ones."""
        scores = dict(own)
        gains: dict[int, list[float]] = defaultdict(list)
        for number, score in own.items():
            for other in self._near.get(number, ()):
                gains[other].append(score)
        for number, gained in gains.items():
            gained.sort(reverse=True)
            scores[number] = scores.get(number, 0.0) + NEIGHBOUR * sum(gained[:2])
        likeliest: dict[str, float] = {}
        for number, score in own.items():
            if number in self._families:
                prefix = self._families[number][0]
                likeliest[prefix] = max(score, likeliest.get(prefix, 0.0))
        for number, (prefix, _) in self._families.items():
            if prefix in likeliest:
                scores[number] = max(scores.get(number, 0.0), FAMILY * likeliest[prefix])
        seeds = sorted(own, key=lambda number: (-round(scores[number], 6), plain[number]))[:SEEDS]
        joining: dict[int, float] = {}
        for one, other in combinations(seeds, 2):
            for number in self._between(one, other, own, plain):
                joining[number] = max(joining.get(number, 0.0), WAY * min(scores[one], scores[other]))
        _take_best(scores, joining)
        return scores

    def _between(self, one: int, other: int, own: Mapping[int, float], plain: Mapping[int, int]) -> Iterable[int]:
        """The tables on the shortest ways of two or three joins, the likeliest only."""
        near, far = self._near.get(one, frozenset()), self._near.get(other, frozenset())
        if other in near:
            return ()

        def order(*numbers: int) -> tuple[float, int]:
            return round(sum(own.get(n, 0.0) for n in numbers), 6), -sum(plain[n] for n in numbers)

        if middle := near & far:
            return (max(middle, key=order),)
        pairs = [(a, b) for a in near for b in self._near.get(a, frozenset()) & far]
        return max(pairs, key=lambda pair: order(*pair), default=())


def _neighbours(
    catalog: Catalog, lexicon: Lexicon, place: Sequence[int], index: Mapping[int, int]
) -> dict[int, frozenset[int]]:
    """For each table, those that it can be joined to: by foreign key, by name, as declared or by contained values."""
    found: dict[int, set[int]] = defaultdict(set)

    def join(one: int | None, other: int | None) -> None:
        if one is not None and other is not None and one != other and min(one, other) >= 0:
            found[one].add(other)
            found[other].add(one)

    for edge in lexicon.graph.edges:
        join(place[edge.child], place[edge.parent])
    for table in catalog.tables:
        for key in table.foreign_keys:
            join(index.get(table.oid), index.get(key.table_oid))
    for known in catalog.joins:
        sides = [catalog.table(side.schema, side.table) for side in (known.left, known.right)]
        join(*(index.get(table.oid) if table else None for table in sides))
    for one, other in _by_key_name(index, catalog):
        join(one, other)
    return {number: frozenset(others) for number, others in found.items()}


def _by_key_name(index: Mapping[int, int], catalog: Catalog) -> Iterable[tuple[int | None, int | None]]:
    """Pairs of tables of which one has a column whose name ends with the other's key ("rmpropid") or name ("depot")."""
    keys: dict[str, list[int]] = defaultdict(list)
    for table in catalog.tables:
        first = table.primary_key or tuple(column.name for column in table.columns[:1])
        if len(first) == 1 and len(first[0]) >= SHORTEST_KEY:
            keys[first[0].lower()].append(table.oid)
        name = "_".join(map(singular, pieces(table.name)))
        if len(name) >= SHORTEST_KEY:
            keys[f"_{name}"].append(table.oid)
    known = {key: oids for key, oids in keys.items() if len(oids) <= MOST_OF_A_KEY}
    for table in catalog.tables:
        for column in table.columns:
            name = f"_{column.name.lower()}"
            for begin in range(len(name) - SHORTEST_KEY + 1):
                for oid in known.get(name[begin:], ()):
                    yield index.get(table.oid), index.get(oid)


def copies(tables: Sequence[Table]) -> dict[int, frozenset[str]]:
    """Tables that keep what another one held or holds: "orders_archive" and "staging.orders" beside "orders".

    Returns:
        for the position of each, the stems of the words that tell so.
    """
    names: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for table in tables:
        names[tuple(map(singular, pieces(table.name)))].add(table.schema)
    found = {}
    for number, table in enumerate(tables):
        words = tuple(map(singular, pieces(table.name)))
        rest = tuple(word for word in words if word not in _COPIES and not _YEAR.fullmatch(word))
        if rest and rest != words and rest in names:
            found[number] = frozenset(map(stem, set(words) - set(rest)))
            continue
        where = set(map(singular, pieces(table.schema))) & _COPIES
        if where and len(names[words]) > 1:
            found[number] = frozenset(map(stem, where))
    return found


def families(names: Sequence[str]) -> dict[int, tuple[str, int]]:
    """Tables of one part of a schema, by the prefix of their names: "hr_leave" and "hr_staff", "htlroom" and "htlrvw".

    Args:
        names: names of all tables.

    Returns:
        for the position of each name that has a family, the prefix and the family's size.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names):
        first, *rest = pieces(name) or ("",)
        if rest and len(first) >= 2:
            groups[first].append(number)
        if len(first) > 3 and first.isalpha() and not _is_word(first):
            groups[first[:3]].append(number)
            groups[first[:2]].append(number)
    found: dict[int, tuple[str, int]] = {}
    for prefix, members in groups.items():
        if 2 <= len(members) <= LARGEST_FAMILY:
            for number in members:
                if number not in found or len(members) > found[number][1]:
                    found[number] = prefix, len(members)
    return found


def _is_word(text: str) -> bool:
    return text in IDENTIFIER_WORDS or singular(text) in IDENTIFIER_WORDS


def abbreviates(short: str, word: str) -> bool:
    """Whether the letters of `short` stand in `word` in that order, the first and either the last or most of them."""
    if not short or short[0] != word[0]:
        return False
    place = 0
    for letter in short:
        place = word.find(letter, place) + 1
        if place == 0:
            return False
    consonants = sum(letter not in "aeiou" for letter in word)
    return short[-1] == word[-1] or 2 * len(short) >= consonants


def _take_best(into: dict[int, float], other: Mapping[int, float]) -> None:
    for number, score in other.items():
        if score > into.get(number, 0.0):
            into[number] = score


def _share(weight: float, words: int) -> float:
    """One word of several says less than the only one."""
    return weight * (0.5 + 0.5 / max(words, 1))


def _words(text: str | None) -> list[str]:
    return [word for word in map(singular, _WORD.findall((text or "").lower())) if word not in COMMON]
