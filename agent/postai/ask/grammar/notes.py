"""Reads what people told beforehand: terms and their meanings, how texts are compared, what a missing value means.

Lines that say nothing the engine knows how to use are left alone: most notes were written for other questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from postai.ask.grammar.draft import Predicate
from postai.ask.grammar.told_conditions import as_sql, codes
from postai.language.lexicon import Lexicon
from postai.language.remarks import Remark, told_remark
from postai.language.taught import Taught
from postai.language.word_set import word_set
from postai.language.words import singular

Matching = Literal["exact", "fold", "like"]

_LONGEST = 20_000
_SENTENCE = re.compile(r"\n+|(?<=[.;])\s+(?=[A-Z])")
_DEFINED = re.compile(
    r"(?P<term>[^=.,;:()<>]{1,60}?)\s*(?:\((?P<long>[^()]{2,80})\)\s*)?"
    r"(?:\s(?:means|stands for|is short for|is defined as|are defined as|denotes)\s|\s*(?<![<>!:=])=(?!=)\s*)"
    r"(?P<meaning>.+)",
    re.DOTALL,
)
_REFERS = re.compile(r"(?P<term>[^=.,;:()<>]{1,60}?)\s+refers to\s+(?P<meaning>.+)", re.DOTALL)
_CONDITION = re.compile(
    r"(?P<term>[A-Za-z][\w' -]{1,50}?) (?:have|has|are those with|are those where|are the ones with)\s+"
    r"(?P<meaning>[\w.\"]+\s*(?:=|<>|!=|<=|>=|<|>|IN\s*\(|IS\s|LIKE\s|ILIKE\s|BETWEEN\s).+)",
    re.DOTALL,
)
# "A ticket is about X if C", "A heavy parcel weighs more than 10 kg": what rows are called of which C is true.
_CALLED = re.compile(
    r"(?:a|an|the|any) (?P<noun>\w+) (?P<phrase>(?:is|are|has|have|[a-z]+s)\b(?: [\w'-]+){0,5}?)"
    r" (?:if|when|whenever) (?P<clause>.+)",
    re.IGNORECASE | re.DOTALL,
)
_ADJECTIVE = re.compile(
    r"(?:a|an|any) (?P<adjective>[a-z-]+) (?P<noun>[a-z]+)"
    r" (?P<clause>(?:is|has|weighs|costs|lasts|contains|was|had|takes|holds)\b .+)",
    re.IGNORECASE | re.DOTALL,
)
_ADJECTIVES = re.compile(
    r"(?P<adjective>[a-z-]+) (?P<noun>[a-z]+s) (?P<clause>have\b .+)",
    re.IGNORECASE | re.DOTALL,
)
_CALLED_THEY = re.compile(
    r"(?P<noun>\w+s) (?P<phrase>are\b(?: [\w'-]+){0,5}?) (?:if|when|whenever) (?P<clause>.+)", re.IGNORECASE | re.DOTALL
)
_ANY_CASE = re.compile(r",? (?:whatever the case|in upper or lower case|regardless of case)$", re.IGNORECASE)
_NULL = re.compile(
    r"(?:the )?(?:column )?(?:(?P<table>\w+)\.)?(?P<column>\w+) (?:column )?is null"
    r" (?P<clause>(?:for|when|while|if|until|unless)\b.+)",
    re.IGNORECASE | re.DOTALL,
)
_SQL = re.compile(
    r"\b(?:date_trunc|current_date|current_timestamp|interval|extract|coalesce|count|sum|avg|min|max|round|now)\s*[('*]"
    r"|\bCURRENT_DATE\b|[<>]=?|\bIS (?:NOT )?NULL\b|\bIN\s*\(|\bI?LIKE\b|\bBETWEEN\b|'\s*(?:\)|$|\bAND\b|\bOR\b)"
    r"|\w_\w+\s*=|\w\.\w+\s*=",
)
_COMPARED = re.compile(r"\b(?:match(?:ed|ing)?|filter(?:ed|ing)?|compar(?:e|ed|ing)|search(?:ed)?)\b", re.IGNORECASE)
_EXACT = re.compile(r"\bexact(?:ly)?\b|\bcase[- ]sensitive", re.IGNORECASE)
_LIKE = re.compile(r"\bwildcards?\b|\bpartial(?:ly)?\b|\bsubstrings?\b", re.IGNORECASE)
_FOLD = re.compile(r"\bcase[- ]insensitiv\w*|\bilike\b|\bignor\w+ case\b|\bregardless of case\b", re.IGNORECASE)


_ORDER = re.compile(
    r"^(?:please\s+)?(?:leave out|exclude|ignore|omit|skip|do not (?:include|count|consider)|don't (?:include|count)|"
    r"only (?:include|count|consider|use))\b|^\w.*\b(?:do|does) not count$|"
    r"\bbefore (?:computing|calculating|aggregating)\b|"
    r"\bcompute\w* the average\b.*\bbefore\b|\beach \w+ (?:only )?counts? (?:only )?once\b",
    re.IGNORECASE,
)
_LACKING = r"(?:missing|null|empty|unknown)"
_MISSING = re.compile(
    rf"\b(?:a |an |any )?{_LACKING} (?:values? of )?(?P<one>[\w ]{{2,40}}?)"
    r" (?:means|mean|is|are|counts?|should|must)\b.*\b(?:zero|0)\b"
    rf"|\b(?:treat|count|take|consider|regard) (?:a |an |any )?{_LACKING} (?P<two>[\w ]{{2,40}}?)"
    r" (?:as|to be) (?:zero|0)\b"
    r"|^(?:the |a |an )?(?P<three>[\w ]{2,40}?) (?:is|are|counts?) (?:treated |counted |taken |regarded )?"
    rf"(?:as )?(?:zero|0) (?:when|where|if) (?:it is |they are )?(?:not known|not set|{_LACKING})\b",
    re.IGNORECASE,
)
_DISTINCT = re.compile(
    r"\b(?:do not|don't|never) (?:return|show|list|include) duplicates?\b|\bwithout duplicates\b|"
    r"\b(?:return|show|list) (?:only )?(?:distinct|unique)\b",
    re.IGNORECASE,
)
_MATCHING_WORDS = re.compile(
    r"(?:[,;(]\s*|\b(?:please\s+)?match(?:ing|ed)?\s+(?P<about>[\w .]{0,40}?)\s*|\b(?:search|compare)\s+(?:the\s+)?)?"
    r"\bcase[- ]?insensitiv(?:e|ely)\b\)?(?:\s+match(?:ing)?)?",
    re.IGNORECASE,
)


_ABOUT = re.compile(
    r"\b(?:strings?|values?|texts?|names?|columns?) (?:of|in|for) (.+?)"
    r" (?:using|with|by|are|is|should|must|exact|case)\b",
    re.IGNORECASE,
)
_ABOUT_ONE = re.compile(
    r"\b(?:match|filter|compare)\s+(?:the\s+)?([\w.]+)\s+(?:using|with|case|exact|by)", re.IGNORECASE
)
_ANYTHING = word_set("""
    and or the a all any string strings value values text texts attribute attributes every each always names name
    them column columns
    """)


_ORDINARY = word_set("new single given certain specific different same given row column table value null")


@dataclass(frozen=True, slots=True)
class Definition:
    """A term and its meaning.

    Attributes:
        terms: ways to write it: the acronym, and its long name.
        meanings: what it says of it, clearest first: words, or a formula of words.
        sql: the meaning is SQL.
    """

    terms: tuple[str, ...]
    meanings: tuple[str, ...]
    sql: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """How texts are compared; `scope` are singular words of the columns or tables it is about, () = all."""

    matching: Matching
    scope: tuple[str, ...] = ()


_ID_EST = re.compile(r",?\s+i\.\s?e\.,?\s+")


@dataclass(frozen=True, slots=True)
class Told:
    """What a made-up word stands for.

    Attributes:
        word: the made-up word.
        text: what was written in its place.
        table, column: the made-up column; -1 for conditions.
        predicates: the conditions.
    """

    word: str
    text: str
    table: int = -1
    column: str = ""
    predicates: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Notes:
    """What could be read.

    Attributes:
        distinct: lists are wanted without repetitions.
        orders: sentences that order something to be left out or done first, which no reading may pass over.
        wanted: numbers that the terms of the question stand for; the statement has to give as many.
        sql: definitions by SQL of terms that the question uses.
        zeros: what counts as 0 where it is missing.
        told: made-up words that stand for formulas and conditions of the terms.
    """

    definitions: tuple[Definition, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    remarks: tuple[Remark, ...] = ()
    distinct: bool = False
    orders: tuple[str, ...] = ()
    wanted: int = 0
    sql: tuple[Definition, ...] = ()
    told: tuple[Told, ...] = ()
    zeros: tuple[str, ...] = ()


def read_notes(taught: Taught, lexicon: Lexicon) -> Notes:
    """The usable part of glossary and notes."""
    if not taught.glossary and not taught.notes:
        return Notes()
    definitions = [_definition(term.term, None, term.meaning) for term in taught.glossary]
    comparisons: list[Comparison] = []
    remarks: list[Remark] = []
    orders: list[str] = []
    zeros: list[str] = []
    for sentence in _sentences(_ID_EST.sub(", that is ", taught.notes[:_LONGEST])):
        null = _NULL.match(sentence)
        if null:
            remarks.extend(_null_remarks(null, lexicon))
            continue
        missing = _MISSING.search(sentence)
        if missing and "=" not in sentence:
            zeros.append((missing["one"] or missing["two"] or missing["three"]).strip().lower())
            continue
        if _ORDER.search(sentence):
            orders.append(sentence)
            continue
        compared = _comparison(sentence)
        if compared is not None:
            comparisons.append(compared)
            continue
        called = (*_told(sentence, lexicon),) or tuple(_called(sentence))
        if called:
            definitions.extend(called)
            continue
        found = _DEFINED.match(sentence) if not _CONDITION.match(sentence) else None
        found = found or _REFERS.match(sentence) or _CONDITION.match(sentence)
        if found:
            parts = found.groupdict()
            definitions.append(_definition(parts["term"], parts.get("long"), parts["meaning"]))
    distinct = bool(_DISTINCT.search(taught.notes))
    return Notes(tuple(definitions), tuple(comparisons), tuple(remarks), distinct, tuple(orders), zeros=tuple(zeros))


def told_in_question(question: str) -> tuple[str, tuple[Comparison, ...]]:
    """The question without what it says about comparing texts, and what that is."""
    found = _MATCHING_WORDS.search(question)
    if found is None:
        return question, ()
    about = found["about"]
    scope = tuple(singular(word) for word in about.lower().split() if word not in _ANYTHING) if about else ()
    return (question[: found.start()] + question[found.end() :]).strip(), (Comparison("fold", scope),)


def _sentences(notes: str) -> Iterable[str]:
    for part in _SENTENCE.split(notes):
        text = part.strip().strip("-*• ").rstrip(".;").strip()
        if text:
            yield text


def _definition(term: str, long: str | None, meaning: str) -> Definition:
    term = re.sub(
        r"^(?:the|a|an|calculate|compute|recall that|note that|where)\s+", "", term.strip().strip("'\"`"), flags=re.I
    )
    terms = [term.strip("'\"`"), *([long.strip()] if long else [])]
    meaning = meaning.strip()
    parts = [meaning]
    pieces = re.split(r"\s+=\s+", meaning)
    if len(pieces) == 1 and ", that is " in meaning:
        pieces = meaning.split(", that is ")  # "average open debt, that is average amount of ...": what is said last
    if len(pieces) > 1 and not _SQL.search(meaning):
        parts = pieces[::-1]  # "X = month-over-month change = (a - b) / b": the formula says most
    return Definition(tuple(terms), tuple(parts), bool(_SQL.search(meaning)))


def _told(sentence: str, lexicon: Lexicon) -> Iterable[Definition]:
    """What one word says of rows, where it is a condition on columns that are written out; codes and their meanings."""
    for meaning, condition in codes(sentence, lexicon):
        yield Definition((meaning,), (condition,), sql=True)
    said = _CALLED.fullmatch(sentence) or _CALLED_THEY.fullmatch(sentence)
    if said is not None:
        adjective = re.sub(r"^(?:is|are) (?:considered |called |counted as |said to be )?(?:an? )?", "", said["phrase"])
        clause, copula = said["clause"], adjective != said["phrase"]
    else:
        said = _ADJECTIVE.fullmatch(sentence) or _ADJECTIVES.fullmatch(sentence)
        if said is None:
            return
        adjective, clause, copula = said["adjective"], said["clause"], True
    told = as_sql(clause, lexicon)
    if copula and told is not None and " " not in adjective and adjective.lower() not in _ORDINARY:
        yield Definition((adjective.lower(),), (told,), sql=True)


def _called(sentence: str) -> Iterable[Definition]:
    """What rows are called of which something is true: with their noun, and behind "are"."""
    said = _CALLED.fullmatch(sentence)
    if said is not None:
        phrase = re.sub(r"^(?:is|are) (?:considered |called |counted as |said to be )?(?:an? )?", "", said["phrase"])
        meaning = _behind_noun(re.sub(_ANY_CASE, "", said["clause"]))
        if meaning is None:
            return
        nouns, copula = (said["noun"] + "s", said["noun"]), phrase != said["phrase"]
        verb, _, rest = phrase.partition(" ")
        forms = [phrase] if copula else [phrase, f"{singular(verb)} {rest}".strip()]
        terms = [f"{noun} {lead}{form}" for noun in nouns for form in forms for lead in ("", "that ")]
        if copula and " " not in phrase:
            terms += [f"{phrase} {noun}" for noun in nouns]
        yield Definition(tuple(terms), (f"{nouns[0]} {meaning}",))
        if copula:
            yield Definition(tuple(f"{be} {phrase}" for be in ("are", "is", "were", "was")), (meaning,))
        return
    said = _ADJECTIVE.fullmatch(sentence)
    if said is not None and said["adjective"].lower() not in _ORDINARY:
        meaning = _behind_noun("it " + said["clause"])
        if meaning is not None:
            yield Definition((f"{said['adjective']} {said['noun']}",), (f"{said['noun']}s {meaning}",))


def _behind_noun(clause: str) -> str | None:
    """ "its text contains X" → "whose text contains X"; "it weighs more than X" → "that weigh more than X"."""
    owned = re.match(r"(?:its|their|his|her|the) (.+)", clause, re.IGNORECASE | re.DOTALL)
    if owned:
        return "whose " + owned[1]
    verb = re.match(r"(?:it|they|he|she) (\w+) (.+)", clause, re.IGNORECASE | re.DOTALL)
    if verb is None:
        return None
    plural = {"is": "are", "has": "have", "was": "were"}.get(verb[1].lower(), singular(verb[1].lower()))
    return f"that {plural} {verb[2]}"


def _null_remarks(found: re.Match[str], lexicon: Lexicon) -> Iterable[Remark]:
    clause = re.sub(r"^(?:for|when|while|if|until|unless)\s+", "", found["clause"], flags=re.IGNORECASE)
    who = re.match(r"(?:(?:a|an|the|all|those)\s+)?\w+\s+(?:who|that|which|whose)\s+(.+)", clause, re.IGNORECASE)
    for info in lexicon.tables:
        table = (found["table"] or info.table.name).lower()
        if info.real is not None or table != info.table.name.lower():
            continue
        for column in info.columns:
            if column.name.lower() == found["column"].lower():
                yield from told_remark(info, column, who.group(1) if who else clause)


def _comparison(sentence: str) -> Comparison | None:
    """ "Match strings case-insensitively" · "Filter strings of state using exact matches"."""
    if not _COMPARED.search(sentence):
        return None
    if _LIKE.search(sentence):
        matching: Matching = "like"
    elif _FOLD.search(sentence):
        matching = "fold"
    elif _EXACT.search(sentence):
        matching = "exact"
    else:
        return None
    about = _ABOUT.search(sentence) or _ABOUT_ONE.search(sentence)
    words = re.findall(r"[\w.]+", about.group(1)) if about else []
    scope = [word.lower() for word in words if word.lower() not in _ANYTHING]
    return Comparison(matching, tuple(dict.fromkeys(part if "." in part else singular(part) for part in scope)))
