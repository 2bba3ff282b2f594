"""Finds the things that sentences speak of before any sentence is read, and what is only the whole that is modelled."""

from __future__ import annotations

import re

from postai.design.ground import ROLE_WORDS, Ground
from postai.design.kinds import is_value
from postai.design.lists import split_list
from postai.design.nouns import Noun, plural, read_noun
from postai.design.relations import NOMINALS, nominals
from postai.design.sentences import Clause, clauses, words_of
from postai.design.verbs import STORING, Verb, find_verb, lemma_of
from postai.language.word_set import word_set

SPEAKERS = word_set("""
    we i the over nobody it they one you people there system app application database schema platform software
    site website service tool everyone somebody anyone
    """)
"""Who speaks, or the whole that is modelled."""
NO_NAME = word_set("""
    it they them before after starts than then we not no longer i you more less when if each both who there
    """)
"""Words that name no thing."""
CONTAIN = frozenset({"contain", "include", "consist", "comprise", "hold", "feature"})


TO_ONE = frozenset(
    {"belong", "refer", "reference", "depend", "correspond", "point", "link", "relate", "concern", "describe"}
)


def discover(ground: Ground, found: list[str]) -> None:
    """Find the things that sentences speak of before any is read: what is a thing cannot be an attribute."""
    had = _had(ground, found)
    whole = " ".join(found).lower()
    for number, sentence in enumerate(found):
        text = headless(ground, sentence)
        for each in re.finditer(
            r"\bfor (?:each|every|an?|any) (?P<a>\w+(?: \w+)??)(?:,| (?:in|and|of|at|on|per|for|we|i|store|keep|"
            r"record|track|save|note|there|you)\b)",
            text,
            re.I,
        ):
            noun = read_noun(each["a"])
            if noun and not is_value(noun.words):
                _candidate(ground, noun)
        for clause in clauses(text, ground.heads()):
            acts = NOMINALS.get(clause.verb.lemma, "").split() if clause.verb and not ground.existing else []
            for word in acts:
                if (
                    re.search(rf"\b{word}s?\b", whole)
                    and clause.subject
                    and len(clause.rest.split()) > 0
                    and clause.verb
                    and clause.verb.lemma != word
                ):
                    _candidate(ground, Noun((word,)))
        for each in re.finditer(r"\b(?:of|for) (?:each|every) (?P<a>\w+)", text, re.I):
            noun = read_noun(each["a"])
            if noun and any(noun.head in nominals(one) for one in _lemmas(text)):
                _candidate(ground, noun)
        for clause in clauses(text, ground.heads()):
            if clause.verb is None:
                continue
            if number == 0 and is_system(ground, clause, found):
                whole_noun = subject_noun(clause.subject)
                ground.whole = whole_noun.words if whole_noun else ()
                continue
            if clause.verb.lemma in LOOKING and re.search(r"\bby\b", clause.rest):
                continue
            _subject_candidate(ground, clause, had)
            _object_candidates(ground, clause)
    # A role of a thing ("home team") is no thing of its own; "order items" and "items" are one.
    for words in list(ground.candidates):
        if len(words) > 1 and words[0] in ROLE_WORDS and any(one == words[1:] for one in ground.candidates):
            ground.candidates.discard(words)


def _lemmas(text: str) -> set[str]:
    """The base forms of all verbs of a sentence, nouns that look like them among them."""
    return {lemma for word in re.findall(r"[a-z]+", text.lower()) if (lemma := lemma_of(word))} - {"have"}


def _candidate(ground: Ground, noun: Noun) -> None:
    if noun.words in (
        ("number",),
        ("name",),
        ("date",),
        ("time",),
        ("amount",),
        ("day",),
        ("hour",),
        ("minute",),
        ("price",),
    ):
        return
    if ground.find_table(noun) is None and len(noun.words) <= 3 and not set(noun.words) & NO_NAME:
        ground.candidates.add(noun.words)


def _had(ground: Ground, found: list[str]) -> set[tuple[str, ...]]:
    """What things have one of: "a name, a status"."""
    had = set()
    for sentence in found:
        for clause in clauses(headless(ground, sentence), ground.heads()):
            if clause.verb is None or clause.verb.lemma != "have":
                continue
            for item in split_list(clause.rest, ground.shelter):
                noun = read_noun(ground.shelter.bare(re.split(r"\s(?:that|which|who|in|with|for|of)\s|,", item)[0]))
                if noun and not noun.plural and not noun.quantity and noun.determiner in ("a", "an", "the", ""):
                    had.add(noun.words)
    return had


def _subject_candidate(ground: Ground, clause: Clause, had: set[tuple[str, ...]]) -> None:
    noun, verb = subject_noun(clause.subject), clause.verb
    assert verb is not None
    if (
        noun is None
        or clause.inherited
        or set(noun.words) & NO_NAME
        or speaks(noun)
        or (noun.words == ground.whole and noun.determiner in ("the", "our"))
        or clause.subject.lower().startswith(("no ", "when ", "if ", "only ", "at most", "two "))
        or re.search(r"\b(?:and|or)\b", clause.subject)
        or (verb.passive and verb.lemma in STORING and not (verb.lemma == "hold" and verb.preposition in ("in", "at")))
    ):
        return
    if _only_a_value(clause, noun, verb, noun.words in had, noun.words in ground.candidates):
        return
    active = (
        verb.lemma in NOMINALS
        or verb.lemma in CONTAIN | TO_ONE
        or verb.passive
        or bool(verb.preposition)
        or noun.plural
        or noun.determiner in ("a", "an", "each", "every")
    )
    if verb.lemma == "have":
        ground.described.add(noun.words)
    refers = re.match(r"(?:for|of|between|in|at|on|by) (?:exactly )?(?:one|an?|the)\b", clause.rest, re.I)
    if (verb.lemma == "have" or ((verb.lemma != "be" or refers) and active)) and not (
        ground.existing and ground.place(clause.subject, fuzzy=False)
    ):
        _candidate(ground, noun)


def _only_a_value(clause: Clause, noun: Noun, verb: Verb, had: bool, known: bool) -> bool:
    """Whether a subject is a value of something else: "country codes consist of two letters", "the status is"."""
    value = is_value(noun.words)
    if verb.lemma == "have":
        limits = r"\b(?:characters|digits|letters|format|default|at least|at most|to be|value)\b"
        return had and value and bool(re.search(limits, clause.rest, re.I))
    if had and not known and verb.lemma not in TO_ONE:
        return True
    if re.match(r".*\b(?:of|per)\s+(?:an?|the|each)\b", clause.subject, re.I) and not noun.plural:
        return True
    return value and (
        verb.lemma in ("consist", "contain", "start", "default", "be", "exceed", "identify")
        or (noun.determiner not in ("a", "an", "each", "every") and (not noun.plural or len(noun.words) > 1))
    )


def _object_candidates(ground: Ground, clause: Clause) -> None:
    """What a thing has or does many of."""
    noun = subject_noun(clause.subject)
    if ground.existing or noun is None or clause.verb is None or clause.verb.lemma in ("be", "run", "lie"):
        return
    if set(noun.words) & NO_NAME or speaks(noun):
        return
    for item in split_list(clause.rest, ground.shelter):
        text = ground.shelter.bare(re.split(r"\s(?:that|which|who|with|in|for|of|to|at|on|from|per)\s", item)[0])
        other = read_noun(re.sub(r"^(?:to|in|at|by|with|of|from|on|for)\s+", "", text))
        if other is not None and other.quantity == "many" and other.plural and not is_value(other.words):
            _candidate(ground, other)


LOOKING = word_set("search find look filter browse query sort fetch retrieve")


def speaks(noun: Noun) -> bool:
    """Whether a subject is who speaks or the whole that is modelled: "we", "the app"."""
    return noun.head in SPEAKERS and (
        noun.head not in _WHOLE or (noun.determiner in ("the", "our", "this", "my", "") and not noun.plural)
    )


_WHOLE = frozenset(
    ["system", "app", "application", "database", "schema", "platform", "software", "site", "website", "service", "tool"]
)


def subject_noun(text: str) -> Noun | None:
    text = re.sub(r"^(?:for|in|of|while)\s+", "", text, flags=re.I)
    text = re.sub(r"\s+(?:that|which|who)\b.*$", "", text)
    text = re.split(r"\s+(?:of|in|for|from|with|at|to)\s+", text)[0]
    return read_noun(text.split(",")[-1])


def headless(ground: Ground, sentence: str) -> str:
    """The sentence without a title before its colon."""
    if not ground.existing:
        sentence = (
            re.sub(
                r"^(?:in|at|on|within)\s+(?:our|the|an?|this|my|every|each)\s+\w+,?\s+(?=(?:each|every|all|an?|"
                r"the)\s+\w+\s+(?!\w+s\s+\w+\s+one\b))",
                "",
                sentence,
                flags=re.I,
            )
            if not re.match(r"^(?:at|in|on)\s+(?:each|every)", sentence, re.I)
            else sentence
        )
    found = re.match(r"^(?P<head>[^:§]{1,70}):\s+(?P<rest>.+)$", sentence)
    if found is None:
        return sentence
    if (
        find_verb(words_of(found["rest"])) is None
        and len(found["head"].split()) <= 3
        and not _SYSTEMLIKE.search(found["head"])
    ):
        return sentence
    said = find_verb(words_of(found["head"]), ground.heads())
    if said is not None and not re.match(r"(?:i|we|it|there|you)\b", found["head"], re.I):
        return sentence
    if re.search(r"\b(?:one of|either|be|is|are|values?|these|following)$", found["head"], re.I):
        return sentence
    return found["rest"]


_SYSTEMLIKE = re.compile(
    r"\b(?:system|app|application|database|schema|platform|website|site|software|tool|tracker|shop|store|need|want|"
    r"tables|entities)\b",
    re.I,
)


def is_system(ground: Ground, clause: Clause, found: list[str]) -> bool:
    """Whether the first sentence's subject is the whole thing that is modelled ("a blog has users and posts")."""
    noun = subject_noun(clause.subject)
    if (
        noun is None
        or noun.plural
        or clause.verb is None
        or ground.existing
        or clause.subject.lower().startswith(("each", "every"))
    ):
        return False
    organised = noun.head in _ORGANISATIONS or clause.subject.lower().startswith(("our ", "my "))
    if clause.verb.lemma == "be" or clause.verb.passive or clause.inherited:
        return False
    rest = " ".join(found[1:]) + " " + " ".join(found[0].split()[len(clause.subject.split()) + 1 :])
    if re.search(
        rf"\b(?:an?|each|every|one|several|many|which|any|same|its|their) (?:\w+ )?{noun.head}\b|"
        rf"\b{re.escape(plural(noun.head))}\b",
        rest,
        re.I,
    ):
        return False
    listed = re.sub(r",?\s+each (?:with|having)\b.*$|,?\s+with\b.*$", "", clause.rest)
    items = [read_noun(re.split(r"\s(?:with|that|which|who)\s", one)[0]) for one in split_list(listed, ground.shelter)]
    alone = (
        noun.determiner in ("a", "an", "the")
        and not clause.verb.optional
        and all(one is not None and not one.quantity for one in items)
    )
    whole = (
        (len(items) > 1 and noun.determiner in ("a", "an", "the", "our", "my", "this", ""))
        or bool(_SYSTEMLIKE.search(noun.name))
        or organised
        or alone
        or clause.verb.lemma in ("store", "track", "sell", "run")
    )
    return whole and bool(items) and all(one is not None and one.plural for one in items)


_RUNNING = word_set(
    "have manage track consist contain include store sell run offer organize organise operate own employ keep "
    "record handle "
    "maintain collect serve host"
)
_ORGANISATIONS = word_set("""
    blog company school library association club league university college museum choir orchestra cooperative
    agency organisation organization firm business studio hospital clinic hotel gym shop store restaurant bakery
    farm foundation charity society institute laboratory lab office federation council municipality bank insurer
    airline theatre theater zoo shelter workshop factory startup team family community network band festival
    conference government ministry practice brewery winery nursery kindergarten church parish archive gallery
    publisher marketplace
    """)
