"""The index from words to what they may mean in one catalog: tables, columns, values.

Built once per catalog (pure; a few milliseconds for a usual schema) and then only read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from postai.database.catalog import Catalog, text_array
from postai.language.codes import comment_codes, flag_values
from postai.language.comments import comment_phrases, measure_phrases, table_phrases
from postai.language.derived import derived, months
from postai.language.edge_names import THIRD_PERSONS, edge_names
from postai.language.epochs import real_name
from postai.language.graph import Graph
from postai.language.json_keys import parts
from postai.language.known_joins import DirectedJoin, directed_joins
from postai.language.lexicon_words import (
    ANTONYMS,
    BOOLEAN_LEADS,
    CONTRARIES,
    DOING,
    FORMS,
    FREE_TEXT,
    GENERIC_TAILS,
    GRANTED,
    HEADS,
    HEADS_OF_NUMBERS,
    HEADS_OF_TEXTS,
    MAX_VALUES,
    MEASURED,
    NOUNS_OF_DOING,
    PAID,
    POSITIONS,
    UNIT_TAILS,
)
from postai.language.phrases import Phrases
from postai.language.places import countries, us_states
from postai.language.remarks import Remark, read_remarks
from postai.language.roles import with_roles
from postai.language.schema import ColumnInfo, TableInfo, read_tables
from postai.language.thesaurus import GROUPS
from postai.language.tokens import key_of
from postai.language.vocabulary import FILLER, NOUN_SYNONYMS, PERSON_NOUNS
from postai.language.words import is_plural, singular, stem

SenseKind = Literal["table", "column", "value"]


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a span of words.

    Attributes:
        kind: what it names.
        table: index of the table.
        column: None for a table.
        value: the stored value (text, bool or int) for a value.
        score: 0 to 1, how literally the words name it.
        how: "name", "synonym", "part", "comment", "stem", "alias".
    """

    kind: SenseKind
    table: int
    column: str | None
    value: str | bool | int | None
    score: float
    how: str


class Lexicon:
    """Words → senses for one catalog.

    Attributes:
        tables: the tables, by index.
        graph: how they join.
        stored: known values of a column, by their lower-case text.
        complete: columns of which every value is known.
        remarks: what comments say about missing and true values.
        phrases: columns said in other forms of their words.
    """

    def __init__(self, tables: tuple[TableInfo, ...], joins: tuple[DirectedJoin, ...] = ()) -> None:
        self.tables = tables
        self.graph = Graph(tables, joins)
        self._senses: dict[str, dict[tuple[str, int, str | None, object], Sense]] = defaultdict(dict)
        self._stems: dict[str, dict[tuple[str, int, str | None, object], Sense]] = defaultdict(dict)
        self._bags: dict[str, list[Sense]] = defaultdict(list)
        self.complete: set[tuple[int, str]] = set()
        self.stored: dict[tuple[int, str], dict[str, str]] = defaultdict(dict)
        self.longest: dict[str, int] = defaultdict(int)
        self.remarks: tuple[Remark, ...] = ()
        self._seen: dict[str, set[tuple[int, str]]] = defaultdict(set)
        self.phrases = Phrases()
        for info in tables:
            weight = 0.85 if info.table.kind in ("view", "matview") else 1.0
            self._add_table(info, weight)
            if info.real is not None:
                self._add_role(info, weight)
                continue
            for column in info.columns:
                self._add_column(info, column, weight)
                self._add_values(info, column, weight)
            self._add_derived(info, weight)
            self._see(info)
        self.remarks = tuple(remark for info in tables if info.real is None for remark in read_remarks(info))
        self._add_places()
        self._add_synonyms()
        self._add_people()
        self._add_heads()
        self._add_near_synonyms()

    @classmethod
    def build(cls, catalog: Catalog) -> Lexicon:
        """The lexicon of a catalog."""
        joins = directed_joins(catalog)
        return cls(with_roles(read_tables(catalog, joins), joins), joins)

    # -- reading ------------------------------------------------------------------------------------------------

    def senses(self, key: str) -> tuple[Sense, ...]:
        """What these words (singular, joined by spaces) may mean, best first."""
        found = self._senses.get(key)
        return tuple(sorted(found.values(), key=lambda sense: -sense.score)) if found else ()

    def stem_senses(self, word_stem: str) -> tuple[Sense, ...]:
        """What a word of this stem may mean: weaker than `senses`."""
        found = self._stems.get(word_stem)
        return tuple(sorted(found.values(), key=lambda sense: -sense.score)) if found else ()

    def bag_senses(self, words: Iterable[str]) -> tuple[Sense, ...]:
        """Columns whose words are these, in any order (three words or more)."""
        return tuple(self._bags.get(" ".join(sorted(words)), ()))

    def column(self, table: int, name: str) -> ColumnInfo:
        return self.tables[table].column(name)

    def known_names(self) -> list[str]:
        """All words that name something, for suggestions."""
        return list(self._senses)

    # -- building -----------------------------------------------------------------------------------------------

    def _put(self, key: str, sense: Sense) -> None:
        if not key:
            return
        identity = (sense.kind, sense.table, sense.column, sense.value)
        existing = self._senses[key].get(identity)
        if existing is None or existing.score < sense.score:
            self._senses[key][identity] = sense
        first, _, rest = key.partition(" ")
        self.longest[first] = max(self.longest[first], rest.count(" ") + 2 if rest else 1)

    def _put_stem(self, word: str, sense: Sense) -> None:
        identity = (sense.kind, sense.table, sense.column, sense.value)
        self._stems[stem(word)].setdefault(identity, sense)

    def _add_table(self, info: TableInfo, weight: float) -> None:
        words = info.words

        def put(key: Iterable[str], score: float, how: str) -> None:
            self._put(" ".join(key), Sense("table", info.index, None, None, score * weight, how))

        put(words, 1.0, "name")
        if info.real is not None:
            return
        put(key_of(info.table.name.replace("_", " ")).split(), 1.0, "name")
        if len(words) > 1:
            put(words[-1:], 0.75, "part")
            if len(words) > 2:
                put(words[1:], 0.8, "part")
        else:
            self._put_stem(words[0], Sense("table", info.index, None, None, 0.7 * weight, "stem"))
            if words[0].endswith("ion") and len(words[0]) > 7:  # "have been vaccinated" of vaccinations
                self._put_stem(words[0][:-3] + "ed", Sense("table", info.index, None, None, 0.7 * weight, "stem"))
        if words[-1] in ("item", "line", "detail") and len(words) > 1:
            for tail in ("item", "line", "line item", "detail"):
                put((*words[:-1], tail), 0.95, "synonym")
            put(("line", "item"), 0.9, "synonym")
        if words[-1] in HEADS and len(words) > 1:
            put(words[:-1], 0.95, "synonym")  # order_head, invoice_header: the orders, the invoices
        for phrase in table_phrases(info.table.comment or ""):
            put(phrase, 0.8 if len(phrase) == 1 else 0.7, "comment")

    def _add_role(self, info: TableInfo, weight: float) -> None:
        """A role is named by itself and with its columns ("manager name"); its values only beside its name."""
        if info.part and info.real is not None:
            self._put(info.part, Sense("table", info.real, None, None, 0.9 * weight, "part of a role"))
        for column in info.columns:
            if not column.is_id and column.kind not in ("json", "boolean"):
                key = " ".join((*info.words, *column.own))
                self._put(key, Sense("column", info.index, column.name, None, weight, "name"))
        for name in info.labels:
            for value in _values(info, info.column(name), self.complete):
                self.add_value(info.index, name, value, 0.6 * weight)

    def _add_column(self, info: TableInfo, column: ColumnInfo, weight: float) -> None:
        words, own = column.words, column.own

        def put(key: Iterable[str], score: float, how: str) -> None:
            self._put(" ".join(key), Sense("column", info.index, column.name, None, score * weight, how))

        if flag_values(column) is not None and words[0] in BOOLEAN_LEADS and len(words) > 1:
            put(words[1:], 0.7, "part")
            return
        if flag_values(column) is not None:
            put(words, 0.85, "name")  # said alone, it is the condition
            return
        put(words, 1.0, "name")
        put(key_of(real_name(column.name).replace("_", " ")).split(), 1.0, "name")
        if words[-1] == "by":  # opened_by: a verb, never "ticket opened by"
            return
        for other_name in edge_names(own, column.kind):
            put(other_name, 0.85, "name")
        verbal = own[0].endswith("ed") if column.is_date else column.name.lower() in THIRD_PERSONS
        if own == words and len(own) == 1 and verbal:
            self._put_stem(words[0], Sense("column", info.index, column.name, None, 0.8 * weight, "stem"))
            return  # submitted: "papers submitted" is what was done with papers
        put((*info.words, *own), 1.0, "name")
        put((info.words[-1], *own), 0.97, "name")
        if own != words:
            put(own, 0.97, "name")
        if parts(column.name) is None:
            self._add_parts(own, put)
        if column.kind == "number" and len(own) > 1 and own[-1] in ("m", "c", "f", "l", "g", "w", "v", "k"):
            put(own[:-1], 0.93, "part")  # altitude_m, temperature_c
        if own[-1] == "email":
            put((*own, "address"), 0.97, "name")
            put(("email", "address"), 0.8, "part")
        if own[-1] == "percent" and len(own) > 1:
            put((*own[:-1], "percentage"), 0.97, "name")
        if own[-1] in ("phone", "telephone", "mobile"):
            put((*own, "number"), 0.97, "name")
        if len(own) == 1 and column.kind == "text" and not column.is_id and own[0] != "name":
            put((*own, "name"), 0.9, "name")
        self._add_heads_of(info, column, put)
        if key := parts(column.name):
            put((*words, singular(key[0])), 0.97, "name")
            put((singular(key[0]), *words), 0.97, "name")
        if column.kind == "number" and not column.is_id and is_plural(column.name.lower().rpartition("_")[2]):
            self.phrases.add(info.index, column.name, ("number", *own), 0.88 * weight)
        number = [word for word in own if word in ("number", "count", "total")]
        rest = [word for word in own if word not in ("number", "count")]
        if column.kind == "number" and number and rest and len(rest) < len(own):
            put(("number", *rest), 0.95, "name")
            put((*rest, "count"), 0.95, "name")
        if column.is_date and len(own) > 1 and own[-1] in ("on", "at"):
            put((*own[:-1], "date"), 0.95, "name")
            if column.kind != "date":
                put((*own[:-1], "time"), 0.95, "name")
            for verb in own[-2:-1]:
                if doing := DOING.get(verb):
                    put((*own[:-2], doing, "date"), 0.9, "name")
                    put((*own[:-2], doing, "time"), 0.9, "name")
        if (
            column.kind == "number"
            and not column.is_id
            and (len(own) == 1 or (len(own) == 2 and own[-1] in UNIT_TAILS))
        ):
            self._put_stem(own[0], Sense("column", info.index, column.name, None, 0.85 * weight, "stem"))
        if column.is_date:
            self._put_stem(words[0], Sense("column", info.index, column.name, None, 0.8 * weight, "stem"))
        if (column.is_date or column.kind == "time") and (doing := NOUNS_OF_DOING.get(own[0])):
            self._put_stem(doing, Sense("column", info.index, column.name, None, 0.8 * weight, "stem"))
        for size in range(3, len(words) + 1):
            bag = " ".join(sorted(words[-size:]))
            self._bags[bag].append(Sense("column", info.index, column.name, None, 0.9 * weight, "name"))
        self.phrases.add(info.index, column.name, own, 0.88 * weight)
        if len(own) > 2 and own[-1] in GENERIC_TAILS and not column.is_id:
            self.phrases.add(info.index, column.name, own[:-1], 0.8 * weight)
        if info.words[-1] in MEASURED and len(own) == 1 and column.kind == "number" and not column.is_id:
            put((*own, info.words[-1]), 0.95, "name")
            self.phrases.add(info.index, column.name, (*own, info.words[-1]), 0.88 * weight)
        if comment := column.column.comment:
            for phrase in comment_phrases(comment):
                put(phrase, 0.8, "comment")
            if column.kind == "number":
                self.phrases.add_comment(info.index, column.name, comment)
                if not column.is_id:
                    for phrase in measure_phrases(comment):
                        if any("".join(other.words) in "".join(phrase) for other in self.tables):
                            continue  # the rows of a table are counted themselves
                        put(phrase, 0.8 if len(phrase) > 1 else 0.7, "comment")
                        self.phrases.add(info.index, column.name, phrase, 0.78 * weight)

    @staticmethod
    def _add_heads_of(info: TableInfo, column: ColumnInfo, put: Callable[[Iterable[str], float, str], None]) -> None:
        """ "irrigation method" of irrigation, "amount paid" of paid, "membership plan" of a member's plan."""
        own = column.own
        if info.words[-1] in PERSON_NOUNS:
            put((info.words[-1] + "ship", *own), 0.95, "name")
        if column.is_id or column.refers or own[-1] in GENERIC_TAILS:
            return
        if column.kind in ("text", "enum") and len(own) == 1:
            for head in HEADS_OF_TEXTS:
                put((*own, head), 0.82, "part")
        elif column.kind == "number" and (own[-1].endswith("ed") or own[-1] in PAID):
            put(("amount", *own), 0.95, "name")
            put((*own, "amount"), 0.95, "name")
        elif column.kind == "number" and len(own) == 1:
            for head in HEADS_OF_NUMBERS:
                put((*own, head), 0.82, "part")

    def _add_derived(self, info: TableInfo, weight: float) -> None:
        """Ages and durations, by their usual words; months in two columns, by the verb that names them."""
        for formula, words in months(info):
            if words:
                self._put_stem(words[0], Sense("column", info.index, formula.name, None, 0.8 * weight, "stem"))
        for formula, words in derived(info):
            for key, score in ((words, 0.9), ((*info.words, *words), 0.95), ((info.words[-1], *words), 0.95)):
                self._put(" ".join(key), Sense("column", info.index, formula.name, None, score * weight, "name"))

    @staticmethod
    def _add_parts(own: tuple[str, ...], put: object) -> None:
        if len(own) < 2 or not callable(put):
            return
        if own in POSITIONS:
            return
        if own[-1] in GENERIC_TAILS and own[-1] != "id":
            put(own[:-1], 0.95 if own[-1] in UNIT_TAILS else 0.85, "part")
        if own[-1] not in GENERIC_TAILS or own[-1] in ("count", "amount", "number"):
            for begin in range(1, len(own)):
                put(own[begin:], 0.8 if begin == 1 and len(own) > 2 else 0.65, "part")
        elif own[-1] == "date":
            put(own[-1:], 0.5, "part")
        if own[-1] == "name" and len(own) == 2:
            put(own[-1:], 0.5, "part")

    def _add_values(self, info: TableInfo, column: ColumnInfo, weight: float) -> None:
        flag = flag_values(column)
        if flag is not None:
            self._add_flag(info, column, weight, *flag)
            return
        for code, meaning in comment_codes(column):
            if (key := key_of(meaning)) and key not in FILLER:
                stored = self._spelling(info, column, code)
                self._put(key, Sense("value", info.index, column.name, stored, 0.9 * weight, "code"))
        for value in _values(info, column, self.complete):
            self.add_value(info.index, column.name, value, 0.95 * weight)

    def _see(self, info: TableInfo) -> None:
        """Remember the words of the names of rows that statistics show, where not every name is known."""
        for name in info.labels:
            if (info.index, name) not in self.complete:
                for value in _seen_values(info.column(name)):
                    for word in value.lower().split():
                        self._seen[word].add((info.index, name))

    def seen_in(self, words: Iterable[str]) -> dict[tuple[int, str], int]:
        """For each column that names rows: how many of these lower-case words its known values hold."""
        found: dict[tuple[int, str], int] = defaultdict(int)
        for word in words:
            for where in self._seen.get(word, ()):
                found[where] += 1
        return found

    @staticmethod
    def _spelling(info: TableInfo, column: ColumnInfo, code: str | int) -> str | int:
        """A code of a comment as it is stored."""
        known = {value.lower(): value for value in _values(info, column, set())} if isinstance(code, str) else {}
        return known.get(str(code).lower(), code)

    def _add_flag(
        self, info: TableInfo, column: ColumnInfo, weight: float, yes: bool | int | str, no: bool | int | str
    ) -> None:
        lead = column.words[0] in BOOLEAN_LEADS and len(column.words) > 1
        words = column.words[1:] if lead else column.words
        if len(words) > 1 and words[-1] in ("flag", "indicator", "ind", "yn"):
            words = words[:-1]
        key = " ".join(words)
        self._put(key, Sense("value", info.index, column.name, yes, 0.95 * weight, "flag"))
        if key in ("part time", "full time"):
            contrary = "full time" if key == "part time" else "part time"
            self._put(contrary, Sense("value", info.index, column.name, no, 0.93 * weight, "flag"))
        if len(words) == 1:
            self._put_stem(words[0], Sense("value", info.index, column.name, yes, 0.8 * weight, "flag"))
            if words[0].endswith("er") and len(words[0]) > 5:  # "people who smoke" of smoker
                self._put_stem(words[0][:-2], Sense("value", info.index, column.name, yes, 0.8 * weight, "flag"))
            opposite = ANTONYMS.get(words[0])
            for other in {opposite, "in" + key, "un" + key, "non" + key, *CONTRARIES.get(words[0], ())} - {None}:
                self._put(str(other), Sense("value", info.index, column.name, no, 0.93 * weight, "flag"))
        if len(words) == 2 and words[-1] in GRANTED:
            self._put(words[0], Sense("value", info.index, column.name, yes, 0.75 * weight, "flag"))
        if len(words) > 1 and column.words[0] == "has":
            self._put(words[-1], Sense("value", info.index, column.name, yes, 0.6 * weight, "flag"))

    def add_value(self, table: int, column: str, value: str, score: float) -> None:
        """Make a stored value findable by its words."""
        self.stored[table, column][value.lower()] = value
        text = value.replace("_", " ").strip()
        key = key_of(text)
        if not key or len(key) > 80 or (key in FILLER and len(text) > 1) or re.fullmatch(r"[\d .]+", key):
            return
        sense = Sense("value", table, column, value, score, "name")
        self._put(key, sense)
        if " " not in key and len(key) > 3 and key.isalpha() and self.column(table, column).kind != "array":
            self._put_stem(key, Sense("value", table, column, value, score - 0.1, "stem"))

    def _add_places(self) -> None:
        groups = {
            "country": countries(),
            "nation": countries(),
            "nationality": countries(),
            "state": us_states(),
            "province": us_states(),
        }
        alias: dict[str, dict[str, frozenset[str]]] = {
            word: {name: names for names in group for name in names} for word, group in groups.items()
        }
        stored = [
            (key, sense) for key, senses in self._senses.items() for sense in senses.values() if sense.kind == "value"
        ]
        for key, sense in stored:
            if not isinstance(sense.value, str) or sense.column is None:
                continue
            self._add_aliases(key, sense, alias)
        for (table, name), values in self.stored.items():
            for value in values.values():
                if (key := key_of(value)) in FILLER:  # US, IT, NO: no names by themselves
                    self._add_aliases(key, Sense("value", table, name, value, 0.95, "name"), alias)

    def _add_aliases(self, key: str, sense: Sense, alias: dict[str, dict[str, frozenset[str]]]) -> None:
        """The other names of a country or state that a value stands for."""
        info = self.tables[sense.table]
        column = info.column(sense.column or "")
        for word in (*column.words, *info.words):
            for name in alias.get(word, {}).get(str(sense.value).lower(), ()):
                if (other := key_of(name)) != key and other not in FILLER:
                    known = Sense("value", sense.table, sense.column, sense.value, sense.score - 0.06, "alias")
                    self._put(other, known)

    def _add_people(self) -> None:
        """ "people" are the rows of the one table of persons, where there is only one."""
        tables = [info for info in self.tables if info.words[-1] in PERSON_NOUNS and len(info.words) <= 2]
        if len(tables) == 1 and not self._senses.get("person"):
            self._put("person", Sense("table", tables[0].index, None, None, 0.75, "synonym"))

    def _add_heads(self) -> None:
        """ "rewards" are the rows of reward_tiers where nothing else is called so: the last word says only a form."""
        for info in self.tables:
            if info.real is None and len(info.words) == 2 and info.words[1] in FORMS and info.words[0] not in FILLER:
                alike = [other for other in self.tables if other.words[0] == info.words[0]]
                if len(alike) == 1 and not self._senses.get(info.words[0]):
                    self._put(info.words[0], Sense("table", info.index, None, None, 0.7, "part"))

    def _add_synonyms(self) -> None:
        named = set(self._senses)
        for group in NOUN_SYNONYMS:
            for word in group:
                for other in group - {word}:
                    if other in named:
                        continue
                    for sense in tuple(self._senses.get(word, {}).values()):
                        if sense.kind != "value" and sense.score >= 0.75:
                            self._put(
                                other,
                                Sense(
                                    sense.kind, sense.table, sense.column, None, round(sense.score * 0.85, 3), "synonym"
                                ),
                            )

    def _add_near_synonyms(self) -> None:
        """Words that name nothing yet are read as words nearly like them where these name one thing only."""
        named = set(self._senses)
        wanted: dict[str, dict[tuple[int, str | None], Sense]] = defaultdict(dict)
        for group in GROUPS:
            for other in group - named:
                for word in sorted(group & named):
                    for sense in self.senses(word):
                        if sense.kind != "value" and sense.score >= 0.6 and sense.how in ("name", "part"):
                            wanted[other].setdefault((sense.table, sense.column), sense)
        for other, found in wanted.items():
            tables = [sense for sense in found.values() if sense.kind == "table" and sense.score > 0.7]
            meant = tables or list(found.values())
            if len(meant) == 1:
                score = round(0.74 * meant[0].score, 3)
                self._put(other, Sense(meant[0].kind, meant[0].table, meant[0].column, None, score, "synonym"))


def _values(info: TableInfo, column: ColumnInfo, complete: set[tuple[int, str]]) -> Iterable[str]:
    """Stored values known from the catalog: enum labels, CHECK lists, value index, statistics, comments."""
    if column.kind == "enum":
        complete.add((info.index, column.name))
        yield from column.column.enum_labels
        return
    if column.kind == "array":
        yield from _elements(column)
        return
    if column.kind != "text" or column.words[-1] in FREE_TEXT:
        return
    checked = _checked_values(info, column)
    if checked:
        complete.add((info.index, column.name))
        yield from checked
    statistics, indexed = column.column.statistics, column.column.values
    if indexed is not None:
        if indexed.complete:
            complete.add((info.index, column.name))
        yield from indexed.values
    elif statistics is not None and not column.is_id:
        common = statistics.most_common
        if 0 < distinct_values(info, column) <= len(common) + len(statistics.histogram):
            complete.add((info.index, column.name))
            common = (*common, *statistics.histogram)
        yield from common[:MAX_VALUES]
    if column.column.comment:
        yield from _comment_values(column.column.comment)


def _seen_values(column: ColumnInfo) -> Iterable[str]:
    statistics, indexed = column.column.statistics, column.column.values
    if statistics is not None:
        yield from (*statistics.most_common, *statistics.histogram)
    if indexed is not None:
        yield from indexed.values


def _elements(column: ColumnInfo) -> list[str]:
    """Elements of the most common arrays of texts."""
    statistics = column.column.statistics
    if statistics is None or column.column.base_type not in ("_text", "_varchar", "_bpchar", "_name"):
        return []
    return list(dict.fromkeys(part for array in statistics.most_common for part in text_array(array)))[:MAX_VALUES]


def distinct_values(info: TableInfo, column: ColumnInfo) -> float:
    """How many different values ANALYZE estimates; 0 = not known."""
    statistics = column.column.statistics
    if statistics is None:
        return 0
    if statistics.n_distinct >= 0:
        return statistics.n_distinct
    return round(-statistics.n_distinct * (info.table.row_estimate or 0))


def _checked_values(info: TableInfo, column: ColumnInfo) -> list[str]:
    for check in info.table.checks:
        if re.search(rf"\(\(?\"?{re.escape(column.name)}\"?\)?(::text)? = ANY", check.definition):
            return [found.replace("''", "'") for found in re.findall(r"'((?:[^']|'')*)'::", check.definition)]
    return []


def _comment_values(comment: str) -> list[str]:
    quoted = re.findall(r"(?<!\w)'([^']{1,40})'(?!\w)", comment)
    if quoted and re.search(r"(?i)\b(only be|possible values|e\.?g|one of|either|such as)\b", comment):
        return quoted
    listed = re.search(
        r"(?i)\b(?:possible values|values|one of)\s*(?:are)?\s*:?\s*([\w \-]+(?:,\s*[\w \-]+)+)", comment
    )
    return [part.strip() for part in listed.group(1).split(",") if 0 < len(part.strip()) <= 30] if listed else []
