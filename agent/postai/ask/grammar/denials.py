"""Where a condition on rows that are said to be missing belongs: among what is missing.

"Members who have never returned a loan" have no loan that is returned; that they have a returned loan and no loan at
all cannot be meant. "Stations with no sensors installed" have no sensor that is installed.
"""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Absence, Predicate, Unsure
from postai.ask.grammar.state import State
from postai.language.word_set import word_set

_EVER = word_set("never no without nobody none yet")


def settle(state: State) -> None:
    """Move conditions on missing rows into the absence; turn "never happened" of other rows into one.

    Raises:
        Unsure: it is not clear whose rows are missing.
    """
    _inside(state)
    _never(state)


def _inside(state: State) -> None:
    draft = state.draft
    for position, absence in enumerate(draft.absences):
        if absence.present or absence.predicates:
            continue
        own = [one for one in draft.predicates if one.ref.table == absence.table and one.group is None]
        if not own:
            continue
        draft.absences[position] = replace(absence, predicates=tuple(map(_happened, own)))
        draft.predicates = [one for one in draft.predicates if one not in own]


def _never(state: State) -> None:
    """ "who never returned anything": a date that is missing in some row of theirs is not meant, but one in no row."""
    draft, subject = state.draft, state.subject_table()
    words = {item.lower.split()[0] for item in state.items if item.cue == "not"}
    if subject is None or not words & _EVER:
        return
    for predicate in list(draft.predicates):
        table = predicate.ref.table
        if predicate.operator != "null" or predicate.negated or table == subject or predicate.group is not None:
            continue
        if state.lexicon.graph.up_paths(subject, table) or not state.column_info(predicate.ref).is_date:
            continue
        if any(one is not predicate and one.ref.table == table for one in draft.predicates):
            raise Unsure("whether none of them or one of them is meant is not clear")
        draft.predicates.remove(predicate)
        draft.absences.append(Absence(table, (_happened(predicate),), anchor=subject))


def _happened(predicate: Predicate) -> Predicate:
    """What did not happen to any row: the denial stands outside."""
    return replace(predicate, negated=True) if predicate.operator == "null" else predicate
