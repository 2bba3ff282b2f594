"""Cuts a question into items: dates, operator words, names of the schema, values, filler, and what is left unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from postai.ask.grammar.cues import BUCKETS, CUES, LONGEST_CUE, MONEY_CONCEPTS, PROPERTY_SUPERLATIVES, UNIT_CONCEPTS
from postai.ask.grammar.draft import Measure, Predicate
from postai.language.dates import Period, find_period
from postai.language.lexicon import Lexicon, Sense
from postai.language.numbers import MULTIPLIERS
from postai.language.phrases import Match
from postai.language.schema import ColumnInfo
from postai.language.tokens import Token, key_of
from postai.language.vocabulary import CREATION_VERBS, FILLER, GENERIC_VERBS, VERB_TABLES
from postai.language.words import is_plural, stem

ItemKind = Literal["cue", "name", "number", "period", "quoted", "filler", "generic", "symbol", "unknown"]


@dataclass(slots=True)
class Item:
    """One item of a question; `used` is set to what it means in the query, an item left None is unexplained.

    Attributes:
        low, high: tokens it spans.
        cue: operator (cues.py); may stand beside senses where a word is both ("count").
        senses: what it may name in the schema.
        concept: "revenue", "order value", "units" where the word is such a concept.
        bucket: time bucket the word may mean.
        superlative: (direction, property) of "most expensive" and its like.
        plural: written as a plural.
        start, stop: where it stands in the question.
        taught, measure: conditions or number that a person defined the word to mean.
    """

    low: int
    high: int
    text: str
    kind: ItemKind
    lower: str
    cue: str | None = None
    senses: tuple[Sense, ...] = ()
    number: Decimal | None = None
    ordinal: bool = False
    unit: str = ""
    period: Period | None = None
    concept: str | None = None
    bucket: str | None = None
    superlative: tuple[str, str] | None = None
    plural: bool = False
    possessive: bool = False
    stem: str = ""
    start: int = 0
    stop: int = 0
    verb: bool = False
    taught: tuple[Predicate, ...] = ()
    measure: Measure | None = None
    used: str | None = field(default=None)

    def of_kind(self, kind: str) -> tuple[Sense, ...]:
        return tuple(sense for sense in self.senses if sense.kind == kind)

    @property
    def free(self) -> bool:
        return self.used is None


_LISTING = frozenset(
    {"and", "or", "the", "a", "as", "is", "are", "named", "called", "both", "either", "nor", ",", "with"}
)
_PARTICLES = frozenset({"ins", "outs", "ups", "offs"})  # check-ins, drop-offs
_THEY = frozenset({"they", "it", "he", "she", "each", "was", "were", "is", "are", "got", "that", "when", "on", "which"})
_PARTICIPLES = frozenset(
    [
        "left",
        "begun",
        "won",
        "kept",
        "met",
        "hit",
        "shut",
        "quit",
        "gone",
        "done",
        "drawn",
        "flown",
        "grown",
        "known",
        "shown",
        "seen",
        "thrown",
        "worn",
    ]
)
_KINDS = frozenset({"type", "kind", "sort", "form"})  # "each kind of financing"
_BEFORE_NOUNS = frozenset(
    {"which", "each", "every", "per", "by", "different", "distinct", "highest", "lowest", "average"}
)
_BEFORE_TABLES = frozenset({"the", "a", "which", "what", "all", "of", "for", "this", "any", "many", "favorite", "same"})
_BEFORE_ZERO = frozenset({"of", "is", "was", "are", "were", "to", "than", "at", "=", "equals", "exactly"})


def cut(tokens: Sequence[Token], lexicon: Lexicon, today: date) -> list[Item]:
    """The items of a question, in order, covering every token once."""
    items: list[Item] = []
    at = 0
    while at < len(tokens):
        item = _item(tokens, at, lexicon, today)
        if items and item.lower == "by" and _done_by(items[-1], tokens[at - 1]):
            item = _span(tokens, at, at + 1, "filler")  # "credits earned by students"
        items.append(item)
        at = item.high
    return items


def _done_by(before: Item, last: Token) -> bool:
    loosely = any(sense.how in ("stem", "clause") for sense in before.senses)
    return loosely and before.high - before.low > 1 and last.lower.endswith(("ed", "en"))


def _span(tokens: Sequence[Token], low: int, high: int, kind: ItemKind, **more: Any) -> Item:
    part = tokens[low:high]
    text = " ".join(token.text for token in part)
    return Item(
        low, high, text, kind, " ".join(token.lower for token in part),
        plural=is_plural(part[-1].lower) or (high - low > 1 and part[-1].lower in _PARTICLES),
        possessive=part[-1].possessive, stem=part[-1].stem, start=part[0].start,
        stop=part[-1].start + len(part[-1].text), **more,
    )  # fmt: skip


def _item(tokens: Sequence[Token], at: int, lexicon: Lexicon, today: date) -> Item:
    token = tokens[at]
    if token.kind == "quoted":
        return _span(tokens, at, at + 1, "quoted", senses=_values_only(lexicon.senses(key_of(token.text))))
    name_end, senses = _longest_name(tokens, at, lexicon)
    if senses and (kept := _elements(tokens, at, senses, lexicon)) != senses:
        if kept and kept[0].kind == "value" and lexicon.column(kept[0].table, kept[0].column or "").kind == "array":
            return _span(tokens, at, name_end, "name", senses=kept)
        senses, name_end = kept, name_end if kept else at
    found = find_period(tokens, at, today)
    phrase = lexicon.phrases.find(tokens, at)
    if (
        phrase is not None
        and phrase.end > max(name_end, found.end if found else 0)
        and _said(tokens, at, phrase, senses)
    ):
        return _phrase(tokens, at, phrase)
    if found is not None and found.end >= name_end:
        return _span(tokens, at, found.end, "period", period=found.period)
    cue_end, cue = _longest(tokens, at, CUES, LONGEST_CUE, "lower")
    if cue == "named" and cue_end < len(tokens) and tokens[cue_end].lower in ("of", "and", ","):
        cue_end, cue = at, None  # "with the name of the customer" shows it
    if cue == "harmless" and cue_end >= name_end:
        return _span(tokens, at, cue_end, "filler")
    if token.lower == "zero" and at and tokens[at - 1].lower in _BEFORE_ZERO:
        return _number(tokens, at)
    if cue == "contains" and cue_end == name_end and _is_noun(tokens, cue_end, senses):
        cue_end, cue = at, None  # "matches" are rows, where a table is called so
    if cue == "top" and cue_end == name_end == at + 1 and at + 1 < len(tokens) and tokens[at + 1].kind == "number":
        name_end, senses = at, ()  # "top 3", whatever is called so
    if cue_end >= name_end and senses and all(sense.kind == "value" for sense in senses):
        name_end, senses = at, ()  # "average" is the operator, whatever values are stored
    if name_end == at + 1 and senses and cue_end == at and _is_participle(token, senses, lexicon):
        return _verb_or_unknown(tokens, at, lexicon, senses)
    superlative_end, superlative = _longest(tokens, at, PROPERTY_SUPERLATIVES, 2, "lower")
    concept_end, concept = _longest(tokens, at, MONEY_CONCEPTS | UNIT_CONCEPTS, 3, "noun")
    if at + 1 < concept_end < len(tokens) and _names_column(tokens, concept_end - 1, lexicon):
        concept_end, concept = at, None  # "total sale price" is the total of a column sale_price
    bucket_end, bucket = _longest(tokens, at, BUCKETS, 4, "noun")
    end = max(name_end, cue_end, superlative_end, concept_end, bucket_end)
    if end > at:
        if (
            token.lower in FILLER
            and end == at + 1
            and cue_end != end
            and not (name_end == end and (token.capital or _after_each(tokens, at, senses)) and at)
        ):
            return _span(tokens, at, at + 1, "filler")
        if token.kind in ("number",) and end == at + 1 and cue_end != end:
            return _number(tokens, at)
        if name_end == end and _counts_done(tokens, at, end, senses, lexicon):
            end = name_end = end + 1
        return _span(
            tokens, at, end, "name" if name_end == end or concept_end == end or bucket_end == end else "cue",
            senses=senses if name_end == end else (),
            cue=cue if cue_end == end else None,
            superlative=superlative if superlative_end == end else None,
            concept=concept if concept_end == end else None,
            bucket=bucket if bucket_end == end else None,
        )  # fmt: skip
    if token.kind in ("number", "ordinal"):
        return _number(tokens, at)
    if token.noun in ("kind", "type", "sort") and at + 2 < len(tokens) and tokens[at + 1].lower == "of":
        return _span(tokens, at, at + 2, "filler")
    if token.kind == "symbol":
        return _span(tokens, at, at + 1, "symbol")
    if token.lower in FILLER:
        return _span(tokens, at, at + 1, "filler")
    return _verb_or_unknown(tokens, at, lexicon)


def _after_each(tokens: Sequence[Token], at: int, senses: tuple[Sense, ...]) -> bool:
    """ "for each result", "the highest result": a word that usually says nothing is what a column is called."""
    kinds = {sense.kind for sense in senses if sense.score > 0.9}
    if not at or not kinds & {"table", "column"}:
        return False
    plural = tokens[at].lower != tokens[at].noun
    before = tokens[at - 1].lower
    return before in _BEFORE_NOUNS or ("table" in kinds and (plural or before in _BEFORE_TABLES))


def _is_noun(tokens: Sequence[Token], end: int, senses: tuple[Sense, ...]) -> bool:
    """Whether a word names a table, with no text behind it that it could search for."""
    text = end < len(tokens) and (tokens[end].kind == "quoted" or tokens[end].lower in ("the", "this"))
    return not text and any(sense.kind == "table" for sense in senses)


def _names_column(tokens: Sequence[Token], at: int, lexicon: Lexicon) -> bool:
    """Whether a column is called like two words here."""
    both = lexicon.senses(f"{tokens[at].noun} {tokens[at + 1].noun}")
    return any(sense.kind == "column" and sense.score > 0.9 for sense in both)


def _said(tokens: Sequence[Token], at: int, phrase: Match, senses: tuple[Sense, ...]) -> bool:
    """Whether the words belong together: "customers ordered" are two things, "declared a major" is one."""
    if phrase.counts:
        return True
    if tokens[at].lower in CUES and not any(one.stems[0] == tokens[at].stem for one in phrase.found):
        return False
    tables = {sense.table for sense in senses if sense.kind == "table" and sense.score > 0.9}
    return not tables or any(one.table in tables for one in phrase.found)


def _counts_done(tokens: Sequence[Token], at: int, end: int, senses: tuple[Sense, ...], lexicon: Lexicon) -> bool:
    """ "enrolled students" of num_enrolled: the column counts what the next noun names."""
    if end != at + 1 or end >= len(tokens) or not tokens[at].lower.endswith(("ed", "en", "ld", "nt")):
        return False
    columns = [lexicon.column(sense.table, sense.column or "") for sense in senses if sense.kind == "column"]
    counts = [one for one in columns if one.kind == "number" and {"number", "count", "total"} & set(one.own)]
    tables = any(sense.kind == "table" for sense in lexicon.senses(tokens[end].noun))
    return bool(counts) and tables and tokens[end].noun != tokens[end].lower


def _phrase(tokens: Sequence[Token], at: int, phrase: Match) -> Item:
    how = "clause" if phrase.counts else ("act" if phrase.act else "stem")
    senses = [Sense("column", one.table, one.column, None, one.score, how) for one in phrase.found]
    senses.sort(key=lambda sense: -sense.score)
    item = _span(tokens, at, phrase.end, "name", senses=tuple(_distinct(senses)), verb=phrase.act)
    item.plural = any(is_plural(token.lower) for token in tokens[at : phrase.end])
    return item


def _elements(tokens: Sequence[Token], at: int, senses: tuple[Sense, ...], lexicon: Lexicon) -> tuple[Sense, ...]:
    """Elements of an array ("new", "sale") are meant only where the array is named beside them, and then surely."""
    elements = [
        s for s in senses if s.kind == "value" and lexicon.column(s.table, s.column or "").kind == "array"
    ]  # fmt: skip
    if not elements:
        return senses
    named = tuple(s for s in elements if _array_beside(tokens, at, s, lexicon))
    return named or tuple(s for s in senses if s not in elements)


def _array_beside(tokens: Sequence[Token], at: int, sense: Sense, lexicon: Lexicon) -> bool:
    word = stem(lexicon.column(sense.table, sense.column or "").words[-1])
    if at + 1 < len(tokens) and tokens[at + 1].stem == word:
        return True
    known = lexicon.stored[sense.table, sense.column or ""]
    before = at - 1
    while before >= 0 and (tokens[before].lower in _LISTING or tokens[before].lower in known):
        before -= 1
    return before >= 0 and tokens[before].stem == word


def _is_participle(token: Token, senses: Sequence[Sense], lexicon: Lexicon) -> bool:
    """ "borrowed" that names only `borrowed_on` is a verb; "shipped" as a value keeps the dates it may be about."""
    endings = ("ed", "en", "nt", "ld", "id", "de", "ght")
    if token.lower != token.noun or not (token.lower.endswith(endings) or token.lower in _PARTICIPLES):
        return False
    return all(
        sense.kind == "value"
        or (
            sense.kind == "column"
            and sense.how == "part"
            and _says_when(lexicon.column(sense.table, sense.column or ""))
        )
        for sense in senses
    )


def _says_when(column: ColumnInfo) -> bool:
    """Whether a column is a moment, also one kept as a number of seconds ("pledged_at")."""
    return column.is_date or (column.kind == "number" and len(column.words) > 1 and column.words[-1] in ("at", "on"))


def _verb_or_unknown(tokens: Sequence[Token], at: int, lexicon: Lexicon, exact: Sequence[Sense] = ()) -> Item:
    token = tokens[at]
    senses = [*exact, *lexicon.stem_senses(token.stem)] if exact or not token.capital or at == 0 else []
    if not senses and token.lower.endswith("ly") and len(token.lower) > 5:
        flags = [s for s in lexicon.senses(token.lower[:-2]) if s.kind == "value" and isinstance(s.value, bool)]
        if flags:
            return _span(tokens, at, at + 1, "name", senses=tuple(flags))
    if token.lower.endswith("ing") and senses and all(sense.kind == "value" for sense in senses):
        following = lexicon.senses(tokens[at + 1].noun) if at + 1 < len(tokens) else ()
        if any(sense.kind == "column" and sense.score > 0.9 for sense in following):
            senses = []  # "funding goal" is no goal of what is funded
    for noun in VERB_TABLES.get(token.stem, []):
        senses += [
            Sense(sense.kind, sense.table, None, None, round(0.8 * sense.score, 3), "verb")
            for sense in lexicon.senses(noun)
            if sense.kind == "table" and sense.score >= 0.75
        ]
    if senses:
        measured = all(sense.kind == "column" and not _dated(sense, lexicon) for sense in senses)
        return _span(tokens, at, at + 1, "name", senses=tuple(_distinct(senses)), verb=not measured)
    if (
        token.lower in GENERIC_VERBS
        or token.lower in CREATION_VERBS
        or (token.lower == "up" and at and tokens[at - 1].lower in CREATION_VERBS)
    ):
        return _span(tokens, at, at + 1, "generic")
    return _span(tokens, at, at + 1, "unknown")


def _dated(sense: Sense, lexicon: Lexicon) -> bool:
    return lexicon.column(sense.table, sense.column or "").kind != "number"


def _distinct(senses: Sequence[Sense]) -> list[Sense]:
    found: dict[tuple[str, int, str | None, object], Sense] = {}
    for sense in senses:
        found.setdefault((sense.kind, sense.table, sense.column, sense.value), sense)
    return list(found.values())


def _number(tokens: Sequence[Token], at: int) -> Item:
    token = tokens[at]
    value = token.number or Decimal(0)
    end = at + 1
    if (
        end < len(tokens)
        and tokens[end].lower in MULTIPLIERS
        and token.kind == "number"
        and token.lower not in MULTIPLIERS
    ):
        value *= MULTIPLIERS[tokens[end].lower]
        end += 1
    return _span(tokens, at, end, "number", number=value, unit=token.unit, ordinal=token.kind == "ordinal")


def _longest(tokens: Sequence[Token], at: int, phrases: Mapping[str, object], most: int, form: str) -> tuple[int, Any]:
    for end in range(min(len(tokens), at + most), at, -1):
        part = tokens[at:end]
        if any(token.kind == "quoted" for token in part):
            continue
        found = phrases.get(" ".join(getattr(token, form) for token in part))
        if found is not None:
            return end, found
    return at, None


def _longest_name(tokens: Sequence[Token], at: int, lexicon: Lexicon) -> tuple[int, tuple[Sense, ...]]:
    bag_end, bag = _bag(tokens, at, lexicon)
    longest = lexicon.longest.get(tokens[at].noun, 0)
    if _costs(tokens, at):
        longest, bag_end, bag = 1, at, ()
    for end in range(min(len(tokens), at + longest), at, -1):
        part = tokens[at:end]
        if any(token.kind in ("quoted", "symbol", "date") for token in part):
            continue
        if any(token.possessive for token in part[:-1]):
            continue
        senses = lexicon.senses(" ".join(token.noun for token in part))
        if senses and _subject_and_verb(part, senses, lexicon):
            continue
        if senses and end >= bag_end:
            return max((end, senses), _turned(tokens, at, lexicon), key=lambda found: found[0])
    if at + 1 < len(tokens) and tokens[at].kind == tokens[at + 1].kind == "word":
        joined = lexicon.senses(tokens[at].lower + tokens[at + 1].lower.removesuffix("s"))  # check-ins, sign-ups
        if joined:
            return at + 2, joined
    turned = _turned(tokens, at, lexicon)
    if turned[0] > max(at, bag_end):
        return turned
    return (bag_end, bag) if bag else (at, ())


def _subject_and_verb(part: Sequence[Token], senses: tuple[Sense, ...], lexicon: Lexicon) -> bool:
    """ "actors play": not the table actor_play, as the first word is a plural and names a table itself."""
    if len(part) != 2 or part[0].lower == part[0].noun or part[1].lower != part[1].noun:
        return False
    if senses[0].kind != "table" and not part[1].lower.endswith("ed"):
        return False
    return any(sense.kind == "table" and sense.score > 0.95 for sense in lexicon.senses(part[0].noun))


def _date_of(tokens: Sequence[Token], at: int, lexicon: Lexicon) -> tuple[int, tuple[Sense, ...]]:
    """ "by the date they were opened": the date column of what was done."""
    if "by" not in [token.lower for token in tokens[max(0, at - 2) : at]]:
        return at, ()
    if tokens[at].lower not in ("date", "day", "time", "moment") or at + 2 >= len(tokens):
        return at, ()
    end = at + 1
    while end < len(tokens) and tokens[end].lower in _THEY:
        end += 1
    if end == at + 1 or end >= len(tokens) or tokens[end].kind != "word":
        return at, ()
    known = (*lexicon.senses(tokens[end].noun), *lexicon.stem_senses(tokens[end].stem))
    dates = [
        sense for sense in known if sense.kind == "column" and lexicon.column(sense.table, sense.column or "").is_date
    ]
    return (end + 1, tuple(_distinct(dates))) if dates else (at, ())


def _costs(tokens: Sequence[Token], at: int) -> bool:
    """ "products cost more than": a verb, not the name of a column."""
    if at + 2 >= len(tokens) or tokens[at + 1].lower not in ("cost", "costs", "weigh", "weighs"):
        return False
    following = tokens[at + 2].lower
    return tokens[at].lower != tokens[at].noun and following in (
        "more", "less", "over", "under", "between", "at", "above", "below", "exactly",
    )  # fmt: skip


def _turned(tokens: Sequence[Token], at: int, lexicon: Lexicon) -> tuple[int, tuple[Sense, ...]]:
    """ "type of food" names what "food type" names, when food is no table."""
    if at + 2 >= len(tokens) or tokens[at + 1].lower != "of" or tokens[at].kind != "word":
        return _date_of(tokens, at, lexicon)
    end = at + 2
    if tokens[end].lower in ("the", "a", "an") and end + 1 < len(tokens):
        end += 1
    if tokens[end].kind != "word" or any(sense.kind == "table" for sense in lexicon.senses(tokens[end].noun)):
        return at, ()
    senses = lexicon.senses(f"{tokens[end].noun} {tokens[at].noun}")
    if not senses and tokens[at].noun in _KINDS:
        senses = tuple(sense for sense in lexicon.senses(tokens[end].noun) if sense.kind == "column")
    return (end + 1, senses) if senses else (at, ())


def _bag(tokens: Sequence[Token], at: int, lexicon: Lexicon) -> tuple[int, tuple[Sense, ...]]:
    """Columns named by three or more words in another order: "score at day 100"."""
    words: list[str] = []
    best: tuple[int, tuple[Sense, ...]] = (at, ())
    for index in range(at, min(len(tokens), at + 8)):
        token = tokens[index]
        if token.kind in ("quoted", "symbol", "date"):
            break
        if token.lower in FILLER and words:
            continue
        words.append(token.noun)
        if len(words) >= 3 and (senses := lexicon.bag_senses(words)):
            best = (index + 1, senses)
    return best


def _values_only(senses: Sequence[Sense]) -> tuple[Sense, ...]:
    return tuple(sense for sense in senses if sense.kind == "value" and isinstance(sense.value, str))
