"""Statements about one column: required, unique, of these values, in this range."""

from __future__ import annotations

import re

from postai.design.attributes import read_attribute
from postai.design.details import Attribute, apply_details
from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.lists import split_list
from postai.design.nouns import Noun, read_noun, singular
from postai.design.sentences import Clause
from postai.design.shelter import values_of


def read_subject_rule(ground: Ground, clause: Clause) -> bool:
    """A statement about a column: "hire date is required", "customer emails have to be unique"."""
    verb = clause.verb
    assert verb is not None
    subject = ground.shelter.bare(clause.subject)
    tail = clause.text[len(clause.subject) :].strip() if not clause.inherited else clause.text
    noun = read_noun(subject)
    if noun is None or re.match(r"^(?:we|i|there)$", subject, re.I):
        return False
    pronoun = noun.words in (("it",), ("they",), ("this",))
    if pronoun and not ground.existing and not (verb.lemma in ("be", "exceed", "contain", "default") or verb.modal):
        return False
    if pronoun and not ground.existing and re.search(r"\w, [\w ]+ or \w", tail) and not _enumerable(ground):
        return False
    if (
        pronoun
        and ground.last[0] in ground.draft.tables
        and (verb.lemma == "be" or verb.modal or verb.lemma in ("exceed", "contain", "default"))
    ):
        table = ground.draft.tables[ground.last[0]]
        target = (table, table.columns[ground.last[1]]) if ground.last[1] in table.columns else None
    elif (measured := ground.find_table(noun)) is not None:
        amounts = [
            one
            for one in measured.columns.values()
            if one.type.startswith(("numeric", "integer", "double")) and not one.name.endswith("_id")
        ]
        ranged = re.search(
            r"\b(?:negative|positive|greater|less|more|at least|at most|between|above|below|zero|exceed)\b", tail, re.I
        )
        target = (measured, amounts[0]) if verb.lemma == "be" and ranged and len(amounts) == 1 else None
    else:
        target = ground.place(subject, fuzzy=ground.existing)
    if (
        verb.lemma == "have"
        and not verb.modal
        and not re.search(r"\b(?:to be|unique$|at (?:least|most)|between|characters|default)\b|§", tail)
    ):
        return False
    if (
        target is None
        and " and " not in subject
        and not ground.existing
        and verb.lemma in ("be", "contain", "exceed", "default")
        and ground.find_table(noun) is None
        and not pronoun
    ):
        target = _new_column(ground, noun, tail)
    if target is None and re.search(r"\s+and\s+|,", subject) and _is_column_rule(tail):
        parts = [ground.place(one, fuzzy=ground.existing) for one in split_list(subject, ground.shelter)]
        if (
            parts
            and None in parts
            and not ground.existing
            and re.search(r"\b(?:known|unknown|empty|null|optional|required|filled|set)\b", tail)
        ):
            for at, text in enumerate(split_list(subject, ground.shelter)):
                each = read_noun(text)
                parts[at] = parts[at] or (_new_column(ground, each, f"{tail} required") if each else None)
        if parts and None not in parts:
            return all([say(ground, *one, tail, verb.negated) for one in parts if one])
    if target is None:
        return False
    table, column = target
    return say(ground, table, column, tail, verb.negated)


def _enumerable(ground: Ground) -> bool:
    """Whether the column that was spoken of last may be one of a few words."""
    table = ground.draft.tables.get(ground.last[0])
    column = table.columns.get(ground.last[1]) if table else None
    words = (
        "status",
        "state",
        "type",
        "kind",
        "role",
        "level",
        "priority",
        "category",
        "result",
        "answer",
        "condition",
        "stage",
        "class",
    )
    return column is not None and column.type == "text" and column.name.split("_")[-1] in words


def _new_column(ground: Ground, noun: Noun, tail: str) -> tuple[Table, Column] | None:
    """A column that is first met in a rule: of the thing that its name begins with, else of what the text is about."""
    if not _is_column_rule(tail):
        return None
    table = None
    words = noun.words
    if "of" in words[1:-1]:
        at = words.index("of")
        of = Noun(
            tuple(one for one in (*words[at + 1 : -1], words[-1]) if one not in ("a", "an", "the", "each", "every"))
        )
        if ground.is_thing(of):
            table, words = ground.thing(of), (*words[: at - 1], singular(words[at - 1]))
    if table is None and len(words) == 1:
        table = next(
            (
                one
                for one in ground.draft.tables.values()
                if words[0].startswith(one.noun[-1]) and words[0] not in one.noun
            ),
            None,
        )
    for size in range(len(words) - 1, 0, -1):
        if (found := ground.find_table(Noun(words[:size]))) or (
            words[:size] in ground.candidates and (found := ground.thing(Noun(words[:size])))
        ):
            table, words = found, words[size:]
            break
    if table is None and len(words) > 1:
        table = next(
            (one for one in ground.draft.tables.values() if one.noun[-1].endswith(words[0]) and len(words[0]) > 3), None
        )
        words = words[1:] if table else words
    if table is None:
        if len(words) > 3 or ground.is_thing(noun) or not ground.topic:
            return None
        best = max(ground.topic.values())
        recent = ground.draft.tables.get(ground.subject) if noun.determiner == "the" and not noun.plural else None
        table = recent or next(ground.draft.tables[name] for name, count in ground.topic.items() if count == best)
        ground.note(f"Assumed: {' '.join(noun.words)} belongs to {table.name}.")
    attribute = read_attribute(" ".join(words), ground.shelter)
    if attribute is None:
        return None
    attribute.required = True if attribute.required is None and not attribute.optional_by_nature else attribute.required
    return table, ground.add(table, attribute)


def _is_column_rule(tail: str) -> bool:
    return bool(
        re.search(
            r"\b(?:unique|required|optional|mandatory|known|unknown|negative|positive|empty|null|between|at least|"
            r"at most|money|"
            r"default|more than|less than|greater|amounts?|zero|one of|either|or|characters|number|date|boolean|"
            r"percent|percentage|given|filled|exceed|below|above)\b|§",
            tail,
            re.I,
        )
    )


_NO_VALUE = frozenset({"was", "but", "nothing", "accepts", "let", "not", "because", "anything", "who", "which"})
"""Words of a sentence that goes on, not of a list of values."""


def say(ground: Ground, table: Table, column: Column, tail: str, negated: bool) -> bool:
    """Apply what a statement says about a column; False where nothing of it is understood."""
    low = tail.lower()
    opened = ground.shelter.open(tail).replace("·", ".")
    ground.last = (table.name, column.name)
    if re.search(
        r"\b(?:no longer|need not|not have to|not need to|does not|do not)\b.*\bunique\b|\bnot (?:be )?unique\b|"
        r"\bnot unique\b",
        low,
    ):
        table.rules = [one for one in table.rules if not (one.kind == "unique" and column.name in one.columns)]
        table.indexes = [
            one
            for one in table.indexes
            if not (one.definition.startswith("CREATE UNIQUE") and one.columns == (column.name,))
        ]
        return True
    if re.search(
        r"\b(?:no longer|not|never)\b[\w ]*\b(?:required|mandatory|compulsory|have to be (?:given|filled|set))\b|"
        r"\b(?:becomes?|is|be|are|made)\s+(?:now\s+)?optional\b",
        low,
    ):
        column.required = False
        if not re.search(r"\bunique\b", low):
            return True
    made = Attribute(Noun((column.name,)), (column.name,), column.type)
    apply_details(
        made,
        re.sub(
            r"^(?:is|are|be|must|should|can|may|has|have|to|only|always|will|shall|\s)+(?=\d|one of|either)", "", opened
        ),
    )
    if any(set(one.lower().split()) & _NO_VALUE for one in made.values):
        return False
    if not made.values and (
        found := re.search(
            r"\b(?:is|are|be|only|contains?|either|one of|allowed|has|have|hold|as|values?)\s*:?\s+"
            r"(?P<v>(?:\"?[\w-]+(?: [\w-]+)?\"?\s*,\s*)*\"?[\w-]+(?: [\w-]+)?\"?,?\s+(?:or|and)\s+\"?[\w-]+(?: "
            r"[\w-]+)?\"?)\s*(?:,.*|by default.*|and (?:a new|new|the default|defaults?|initially|starts?).*)?$",
            opened,
            re.I,
        )
    ):
        values = values_of(re.sub(r"^(?:only\s+)?(?:one of|either|the values?)\s*:?\s*", "", found["v"], flags=re.I))
        bad = {
            "unique",
            "required",
            "optional",
            "mandatory",
            "null",
            "empty",
            "positive",
            "negative",
            "not",
            "must",
            "given",
            "filled",
            "zero",
            "more",
            "present",
        }
        if (
            len(values) > 1
            and not made.checks
            and not any(set(one.lower().split()) & (bad | _NO_VALUE) for one in values)
            and not made.unique
            and made.required is None
            and not negated
        ):
            made.values = values
    new_name = made.name != (column.name,)
    understood = bool(
        made.values
        or made.checks
        or made.unique
        or made.required is not None
        or made.default
        or made.type_said
        or made.type != column.type
        or new_name
        or made.role_of
    )
    if not understood:
        return False
    if made.type != column.type and column.was is None:
        column.type = made.type
    if column.was is not None and made.type != column.type and not made.type_said:
        made.type = column.type
    if column.was is not None and made.type_said and made.type != column.type:
        column.type = made.type
    ground.say_of(table, column, made)
    return True
