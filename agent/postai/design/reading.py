"""Reads sentences that say what there is: things, what they have, how they belong together."""

from __future__ import annotations

import re

from postai.design.attributes import split_list
from postai.design.discovering import discover, headless, is_system, speaks, subject_noun
from postai.design.doing import act
from postai.design.draft import Table
from postai.design.ground import Ground
from postai.design.listing import LISTED, read_intro_with, read_notation, stored, things
from postai.design.nouns import Noun, read_noun
from postai.design.rule_column import read_subject_rule
from postai.design.rules import read_rule
from postai.design.sentences import STORING, Clause, Verb, clauses, find_verb, sentences, words_of

_INTRO = re.compile(
    r"^(?:please\s+)?(?:design|create|build|make|model|draw up|track|manage|give me|set up|i (?:need|want|would "
    r"like)|we (?:need|want|would like|are building|build|run|have|operate)|this is|it is|schema for|database for|"
    r"tables for|help)\b",
    re.I,
)


def read_text(ground: Ground, text: str) -> None:
    """Read a whole description into the ground."""
    found = sentences(text)
    discover(ground, found)
    for number, sentence in enumerate(found):
        read_sentence(ground, sentence, found[number + 1 :], first=number == 0)


def read_sentence(ground: Ground, sentence: str, others: list[str], *, first: bool = False) -> None:
    """Read one sentence, and say so where nothing was made of it."""
    text = headless(ground, sentence)
    head = sentence[: len(sentence) - len(text)].strip(" :")
    if head and sentence.startswith(f"{head}:") and (named := read_noun(head)) and ground.is_thing(named):
        ground.subject = ground.thing(named).name
    before = ground.understood
    if read_notation(ground, text) or read_rule(ground, text):
        ground.understood += 1
        return
    for clause in clauses(text, ground.heads()):
        if clause.verb is not None and first and is_system(ground, clause, [sentence, *others]):
            things(ground, clause.rest)
            ground.understood += 1
            continue
        if (
            clause.verb is None
            and first
            and re.match(r"(?:an?|the|my|our)\s+[\w ]+?\s+(?:with|for|of)\s", clause.text, re.I)
        ) and _read_intro(ground, clause.text):
            continue
        if _read_clause(ground, clause):
            ground.understood += 1
        elif not (first and before == ground.understood and _read_intro(ground, clause.text)):
            ground.not_understood(clause.text)


def _read_intro(ground: Ground, text: str) -> bool:
    """The first sentence, which may say no more than what it is all about, or list what there is."""
    if found := re.search(r"\b(?:with|of|for|has|have|:)\s+(?P<list>.+)$", text, re.I):
        items = [
            read_noun(re.split(r"\s(?:with|that|which|who)\s|§", one)[0])
            for one in split_list(found["list"], ground.shelter)
        ]
        if items and all(one is not None and one.plural and len(one.words) <= 3 for one in items) and len(items) > 1:
            things(ground, found["list"])
            ground.understood += 1
            return True
    return bool(_INTRO.match(text)) or (
        len(text.split()) <= 6 and find_verb(words_of(text)) is None and not ground.existing
    )


def _read_clause(ground: Ground, clause: Clause) -> bool:
    verb = clause.verb
    if verb is None:
        found = LISTED.match(clause.text)
        if found and clause.text[found.end() :].strip():
            return stored(ground, clause.text[found.end() :])
        items = [read_noun(ground.shelter.bare(one)) for one in split_list(clause.text, ground.shelter)]
        if (
            len(items) > 1
            and not ground.existing
            and all(one is not None and one.plural and len(one.words) <= 3 for one in items)
        ):
            things(ground, clause.text)
            return True
        noun = read_noun(ground.shelter.bare(clause.text))
        if noun and not ground.existing and noun.plural and len(noun.words) <= 3 and len(clause.text.split()) <= 4:
            ground.thing(noun)
            return True
        if not ground.existing and re.search(r"\swith\s", clause.text):
            return read_intro_with(ground, clause.text)
        return False
    subject_text = clause.subject
    if clause.inherited and ground.subject and subject_text == clause.subject and not subject_noun(subject_text):
        return False
    said = f"{clause.subject} {clause.text}" if clause.inherited else clause.text
    if read_rule(ground, said) or read_subject_rule(ground, clause):
        return True
    noun = subject_noun(ground.shelter.bare(subject_text))
    if noun is None:
        return False
    if noun.words[0] in ("we", "i", "you") and len(noun.words) > 1:
        return False
    if speaks(noun) or (noun.head in ("data",)):
        if noun.head == "it" and ground.subject and verb.lemma not in STORING:
            return act(ground, ground.draft.tables[ground.subject], verb, clause.rest)
        if verb.lemma in STORING or verb.lemma in ("have", "be"):
            return stored(ground, clause.rest)
        return False
    table = _subject_table(ground, noun, verb)
    if table is None:
        return False
    ground.subject = table.name
    ground.topic[table.name] += 1
    return act(ground, table, verb, clause.rest)


def _subject_table(ground: Ground, noun: Noun, verb: Verb) -> Table | None:
    found = ground.find_table(noun) or (ground.alias(noun) if noun.words not in ground.candidates else None)
    if found is not None:
        return found
    if ground.existing:
        return ground.find_table(noun, fuzzy=True) or (ground.thing(noun) if ground.is_thing(noun) else None)
    if verb.lemma == "be" and not ground.is_thing(noun):
        return None
    return ground.thing(noun)
