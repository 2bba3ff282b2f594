"""Finds the things that sentences speak of before any sentence is read, and what is only the whole that is modelled."""

from __future__ import annotations

import re

from postai.design.attributes import split_list
from postai.design.ground import ROLE_WORDS, Ground
from postai.design.nouns import Noun, read_noun
from postai.design.relations import NOMINALS
from postai.design.sentences import STORING, Clause, clauses, find_verb, words_of

SPEAKERS = frozenset(
    [
        "we",
        "i",
        "the",
        "over",
        "nobody",
        "it",
        "they",
        "one",
        "you",
        "people",
        "there",
        "system",
        "app",
        "application",
        "database",
        "schema",
        "platform",
        "software",
        "site",
        "website",
        "service",
        "tool",
        "nobody",
        "everyone",
        "somebody",
    ]
)
"""Who speaks, or the whole that is modelled."""
NO_NAME = frozenset(
    [
        "it",
        "they",
        "them",
        "before",
        "after",
        "starts",
        "than",
        "then",
        "we",
        "not",
        "no",
        "longer",
        "i",
        "you",
        "more",
        "less",
        "when",
        "if",
    ]
)
"""Words that name no thing."""
CONTAIN = frozenset({"contain", "include", "consist", "comprise", "hold", "feature"})


TO_ONE = frozenset(
    {"belong", "refer", "reference", "depend", "correspond", "point", "link", "relate", "concern", "describe"}
)


def discover(ground: Ground, found: list[str]) -> None:
    """Find the things that sentences speak of before any is read: what is a thing cannot be an attribute."""
    for number, sentence in enumerate(found):
        text = headless(ground, sentence)
        for each in re.finditer(
            r"^for (?:each|every|an?|any) (?P<a>\w+(?: \w+)??)(?:,| (?:in|and|of|at|on|per|for|we|i|store|keep|"
            r"record|track|save|note|there|you)\b)",
            text,
            re.I,
        ):
            noun = read_noun(each["a"])
            if noun and ground.find_table(noun) is None and not ground.existing:
                ground.candidates.add(noun.words)
        for clause in clauses(text, ground.heads()):
            if clause.verb is None or (number == 0 and is_system(ground, clause, found)):
                continue
            noun, verb = subject_noun(clause.subject), clause.verb
            if (
                noun is None
                or set(noun.words) & NO_NAME
                or speaks(noun)
                or len(noun.words) > 3
                or clause.subject.lower().startswith(("no ", "when ", "if "))
            ):
                continue
            if verb.passive and verb.lemma in STORING:
                continue
            active = (
                verb.lemma in NOMINALS
                or verb.lemma in CONTAIN | TO_ONE
                or verb.passive
                or bool(verb.preposition)
                or noun.plural
            )
            if verb.lemma == "have" or (verb.lemma != "be" and active):
                if re.match(r".*\b(?:of|per)\s+(?:an?|the|each)\b", clause.subject, re.I) and verb.lemma != "have":
                    continue
                if ground.find_table(noun) is None and not (
                    ground.existing and ground.place(clause.subject, fuzzy=False)
                ):
                    ground.candidates.add(noun.words)
    # A role of a thing ("home team") is no thing of its own; "order items" and "items" are one.
    for words in list(ground.candidates):
        if len(words) > 1 and words[0] in ROLE_WORDS and any(one == words[1:] for one in ground.candidates):
            ground.candidates.discard(words)


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
    if clause.verb.lemma not in (
        "have",
        "manage",
        "track",
        "consist",
        "contain",
        "include",
        "store",
        "sell",
        "run",
        "offer",
        "organize",
        "organise",
        "operate",
        "own",
        "employ",
    ):
        return False
    rest = " ".join(found[1:]) + " " + " ".join(found[0].split()[len(clause.subject.split()) + 1 :])
    said = {read.head for word in re.findall(r"[A-Za-z]+", rest) if (read := read_noun(word))}
    if noun.head in said:
        return False
    items = [
        read_noun(re.split(r"\s(?:with|that|which|who)\s", one)[0]) for one in split_list(clause.rest, ground.shelter)
    ]
    whole = (
        len(items) > 1
        or bool(_SYSTEMLIKE.search(noun.name))
        or noun.head in ("blog", "company", "school", "library")
        or clause.verb.lemma in ("store", "track", "sell", "run")
    )
    return whole and bool(items) and all(one is not None and one.plural for one in items)
