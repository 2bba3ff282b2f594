"""Reads sentences that say what there is: things, what they have, how they belong together."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.design.details import Attribute
from postai.design.discovering import discover, headless, is_system, speaks, subject_noun
from postai.design.doing import act
from postai.design.draft import Table
from postai.design.ground import Ground
from postai.design.having import has_item, has_items, with_attributes
from postai.design.kinds import is_value
from postai.design.layout import Statement, statements
from postai.design.listing import LISTED, read_intro_with, read_notation, stored, terse, things
from postai.design.lists import split_list
from postai.design.nouns import Noun, read_noun
from postai.design.phrasing import rephrased
from postai.design.relations import Relation
from postai.design.rule_column import read_subject_rule
from postai.design.rules import read_rule
from postai.design.sentences import LONGEST_SENTENCE, Clause, clauses, words_of
from postai.design.shelter import values_of
from postai.design.verbs import STORING, Verb, find_verb, verb_first

_INTRO = re.compile(
    r"^(?:please\s+)?(?:design|create|build|make|model|draw up|track|manage|give me|set up|i (?:need|want|would "
    r"like)|we (?:need|want|would like|are building|build|run|have|operate)|this is|it is|schema for|database for|"
    r"tables for|help)\b",
    re.I,
)


def read_text(ground: Ground, text: str) -> None:
    """Read a whole description into the ground."""
    given = statements(text, ground.shelter)
    for one in (one for one in given if len(one.text) > LONGEST_SENTENCE):
        ground.not_understood(f"{one.text[:100]}... (a sentence of more than {LONGEST_SENTENCE} characters)")
    found = [replace(one, text=rephrased(one.text)) for one in given if len(one.text) <= LONGEST_SENTENCE]
    defined = [one for one in found if one.items and not _only_lists(ground, one)]
    for one in defined:
        noun = read_noun(one.head)
        if noun is not None:
            ground.candidates.add(noun.words)
            ground.defined.add(noun.words)
    discover(ground, [one.text for one in found if one.text])
    texts = [one.text for one in found]
    for number, one in enumerate(found):
        if one in defined:
            define(ground, one)
        elif one.items:
            things(ground, ", ".join(one.items))
            ground.understood += 1
        else:
            if one.head and (noun := read_noun(one.head)) and noun.words in ground.defined:
                ground.subject = ground.thing(noun).name
            read_sentence(ground, one.text, texts[number + 1 :], first=number == 0)


def _only_lists(ground: Ground, one: Statement) -> bool:
    """Whether what looks like a definition is a title before a list of things: "Online shop: customers, orders"."""
    noun = read_noun(one.head)
    marked = [ground.shelter.bare(item) for item in one.items if "§" in item]
    if len(marked) == len(one.items) > 1 and all(
        (each := read_noun(item)) and not is_value(each.words) for item in marked
    ):
        return True
    if one.sure or noun is None or noun.plural:
        return False
    nouns = [read_noun(ground.shelter.bare(item)) for item in one.items]
    return all(each is not None and each.plural and len(each.words) <= 3 for each in nouns)


def define(ground: Ground, one: Statement) -> None:
    """What a line or a list of bullets says of the thing it defines."""
    noun = read_noun(one.head)
    if noun is None:
        return
    table = ground.thing(noun)
    ground.topic[table.name] += 1
    for item in one.items:
        ground.subject = table.name
        if _joins(ground, table, item):
            ground.understood += 1
            continue
        if verb_first(item.split()):
            read_sentence(ground, f"each {' '.join(table.noun)} {item}", [])
        elif has_item(ground, table, terse(ground, item), Verb("have")):
            ground.understood += 1
        else:
            ground.not_understood(f"{one.head}: {item}")


def _joins(ground: Ground, table: Table, item: str) -> bool:
    """ "card + label" or "m:n" in the definition of what stands between two things."""
    text = ground.shelter.bare(item)
    if re.fullmatch(
        r"(?:an? )?(?:m:n|n:m|many.to.many|junction|join|link(?:ing)?|bridge|association)(?: table| relation| "
        r"relationship)?",
        text,
        re.I,
    ):
        ground.defer(lambda: _pair_of(table), item)
        return True
    found = re.fullmatch(r"(?P<a>\w+(?: \w+)?)\s*(?:[+&×*]|\bx\b)\s*(?P<b>\w+(?: \w+)?)", text)
    if found is None:
        return False
    nouns = [read_noun(found[one]) for one in "ab"]
    if not all(one is not None and ground.is_thing(one) for one in nouns):
        return False
    for one in nouns:
        if one is not None:
            ground.relations.append(Relation(table.name, ground.thing(one).name, many=False))
    ground.defer(lambda: _pair_of(table), item)
    return True


def _pair_of(table: Table) -> bool:
    """Make the two keys of a junction unique together."""
    keys = [one.columns[0] for one in table.rules if one.kind == "foreign"]
    if len(keys) != 2:
        return False
    table.add_unique(tuple(keys))
    return True


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
    if told := re.match(r"for that we store (?P<list>.+)$", text, re.I):
        if ground.relations:
            ground.understood += 1
            last = ground.relations[-1]
            if last.many and last.a != last.b and ground.draft.tables[last.b].noun not in ground.described:
                same = [one for one in ground.relations if {one.a, one.b} == {last.a, last.b} and one is not last]
                if not same and last.lemma in ("take", "make", "do", "give", "get", "undergo", "have"):
                    last.lemma = "have"  # "learners take exams: record the date"
            if last.many:
                with_attributes(ground, last, told["list"])
            else:
                has_items(ground, ground.draft.tables[last.a], told["list"])
        else:
            ground.not_understood(told["list"])
        return
    for clause in clauses(text, ground.heads()):
        if clause.verb is not None and first and is_system(ground, clause, [sentence, *others]):
            whole = subject_noun(clause.subject)
            ground.whole = whole.words if whole else ()
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
        told = re.match(r"(?:the|an?|each|every)\s", clause.text, re.I)
        if (
            noun
            and not told
            and not ground.existing
            and noun.plural
            and len(noun.words) <= 3
            and len(clause.text.split()) <= 4
        ):
            ground.thing(noun)
            return True
        if not ground.existing and re.search(r"\swith\s", clause.text):
            return read_intro_with(ground, clause.text)
        return False
    subject_text = clause.subject
    pronoun = bool(_PRONOUN.fullmatch(subject_text.strip())) and not ground.existing
    if (
        not pronoun
        and clause.inherited
        and ground.subject
        and subject_text == clause.subject
        and not subject_noun(subject_text)
    ):
        return False
    said = f"{clause.subject} {clause.text}" if clause.inherited else clause.text
    if read_rule(ground, said) or read_subject_rule(ground, clause):
        return True
    if pronoun and ground.subject in ground.draft.tables:
        return act(ground, ground.draft.tables[ground.subject], verb, clause.rest)
    noun = subject_noun(ground.shelter.bare(subject_text))
    if noun is None:
        return False
    if not ground.existing and (
        of := re.match(r"(?P<x>\w+s) of (?:an?|one|each|every|the) (?P<y>\w+)$", subject_text, re.I)
    ):
        owner = read_noun(of["y"])
        if (
            owner
            and ground.is_thing(owner)
            and (not is_value(noun.words) or ground.is_thing(noun))
            and ground.thing(noun) is not ground.thing(owner)
        ):
            ground.relations.append(Relation(ground.thing(noun).name, ground.thing(owner).name, many=False))
    if noun.words == ground.whole and (clause.inherited or noun.determiner in ("the", "our", "this")):
        if verb.lemma in STORING:
            return stored(ground, clause.rest)
        named = {one.words for word in re.findall(r"[a-z]+", clause.rest.lower()) if (one := read_noun(word))}
        return sum(ground.is_thing(Noun(words)) for words in named) < 2
    if noun.words[0] in ("we", "i", "you") and len(noun.words) > 1:
        return False
    if speaks(noun) or (noun.head in ("data",)):
        if noun.head == "it" and ground.subject and verb.lemma not in STORING:
            return act(ground, ground.draft.tables[ground.subject], verb, clause.rest)
        plain = read_noun(
            ground.shelter.bare(re.split(r"\s(?:to|for|with|in|at|from|that|which|and)\s|,", clause.rest)[0])
        )
        if (
            verb.lemma in STORING
            or verb.lemma in ("have", "be")
            or (noun.head == "we" and plain and plain.plural and not ground.existing)
        ):
            return stored(ground, clause.rest)
        return False
    table = _subject_table(ground, noun, verb)
    if table is None:
        return False
    ground.subject = table.name
    ground.topic[table.name] += 1
    for mark in ground.shelter.raw_marks(subject_text) if not ground.existing else ():
        values = values_of(mark)
        if len(values) > 1 and all(len(one.split()) == 1 for one in values) and not has_verb(mark):
            ground.add(table, Attribute(Noun(("type",)), ("type",), "text", values=values, required=True))
    return act(ground, table, verb, clause.rest)


_PRONOUN = re.compile(r"(?:each|each one|each of them|each of these|every one|they|these|it|all of them|both)", re.I)


def has_verb(text: str) -> bool:
    """Whether a text has a verb of its own."""
    return find_verb(words_of(text)) is not None


def _subject_table(ground: Ground, noun: Noun, verb: Verb) -> Table | None:
    found = ground.find_table(noun) or (ground.alias(noun) if noun.words not in ground.candidates else None)
    if found is not None:
        return found
    if ground.existing:
        return ground.find_table(noun, fuzzy=True) or (ground.thing(noun) if ground.is_thing(noun) else None)
    if verb.lemma == "be" and not ground.is_thing(noun):
        return None
    return ground.thing(noun)
