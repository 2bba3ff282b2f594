""" "Who made the vase?": the answer is a person, though the question names only a thing."""

from __future__ import annotations

from postai.ask.grammar.draft import Key, Unsure
from postai.ask.grammar.state import State
from postai.language.schema import TableInfo
from postai.language.vocabulary import PERSON_NOUNS
from postai.language.word_set import word_set

_ENDINGS = ("er", "or", "ist", "ian", "ee", "ant", "eer")
_THINGS = word_set(
    "order number center sector tier paper folder container trailer letter newsletter water flower tower river weather "
    "corner chapter semester quarter register server computer printer sensor motor tractor error offer voucher career "
    "transfer vector factor floor door plant restaurant grant fee committee tree degree coffee"
)


def is_person(info: TableInfo) -> bool:
    """Whether the rows of a table are people, by its name."""
    word = info.words[-1]
    return word in PERSON_NOUNS or (word.endswith(_ENDINGS) and word not in _THINGS)


def ask_for_person(state: State) -> None:
    """Let "who" ask for the people that a thing belongs to.

    Raises:
        Unsure: it belongs to none, or to people of several kinds.
    """
    draft = state.draft
    if not state.items or state.items[0].lower != "who" or draft.groups or draft.measures:
        return
    subject = draft.subject.table if draft.subject is not None else None
    if subject is None or draft.projections or is_person(state.info(subject)):
        return
    people = {
        step.target
        for step in state.lexicon.graph.steps.get(subject, ())
        if step.up and is_person(state.info(step.target))
    }
    if len(people) != 1 or draft.limit is not None:
        raise Unsure("who is asked for is not clear", "Name the people: customers, employees, ...")
    draft.mentioned.add(subject)
    draft.subject = Key(table=people.pop())
