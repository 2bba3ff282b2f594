"""Compares texts as people asked for: exactly, without regard to case, or as a part of the stored text."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Absence, Measure, Predicate
from postai.ask.grammar.notes import Matching
from postai.ask.grammar.state import State


def compare_as_told(state: State) -> None:
    """Change the draft's conditions on texts to the comparison that notes ask for."""
    if not state.notes.comparisons:
        return
    draft = state.draft
    draft.predicates = [_told(state, predicate) for predicate in draft.predicates]
    draft.measures = [_measure(state, measure) for measure in draft.measures]
    draft.absences = [
        replace(absence, predicates=tuple(_told(state, one) for one in absence.predicates))
        for absence in draft.absences
    ]


def _measure(state: State, measure: Measure) -> Measure:
    only = tuple(
        replace(one, predicates=tuple(_told(state, inner) for inner in one.predicates))
        if isinstance(one, Absence)
        else _told(state, one)
        for one in measure.only
    )
    return replace(measure, only=only, parts=tuple(_measure(state, part) for part in measure.parts))


def _told(state: State, predicate: Predicate) -> Predicate:
    if predicate.operator not in ("=", "in") or state.column_info(predicate.ref).kind != "text":
        return predicate
    if not all(isinstance(value, str) for value in predicate.values):
        return predicate
    matching = _matching(state, predicate)
    if matching == "exact":
        return replace(predicate, fold=False)
    if matching == "fold" or (matching == "like" and predicate.operator == "in"):
        return replace(predicate, fold=True)
    return replace(predicate, operator="contains") if matching == "like" else predicate


def _matching(state: State, predicate: Predicate) -> Matching | None:
    """The comparison for a column: one that names it, or its table, before one that names none."""
    info, column = state.info(predicate.ref.table), state.column_info(predicate.ref)
    general: Matching | None = None
    for comparison in state.notes.comparisons:
        if not comparison.scope:
            general = general or comparison.matching
        for word in comparison.scope:
            table, _, name = word.rpartition(".")
            if name.lower() == column.name.lower() and table in ("", info.table.name.lower()):
                return comparison.matching
            if not table and (word in column.words or word in info.words):
                return comparison.matching
    return general
