"""Values that notes count as 0 where they are missing: "A missing discount means no discount; treat it as zero"."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Measure, Ref
from postai.ask.grammar.state import State
from postai.language.computed import Formula, formula
from postai.language.tokens import tokenize


def count_missing(state: State) -> None:
    """Change the averages of such columns to averages over all rows."""
    if state.notes.zeros:
        state.draft.measures = [_counted(state, measure) for measure in state.draft.measures]
        shown = state.draft.projections
        state.draft.projections = [_counted(state, one) if isinstance(one, Measure) else one for one in shown]


def _counted(state: State, measure: Measure) -> Measure:
    parts = tuple(_counted(state, part) for part in measure.parts)
    ref = measure.ref
    if measure.kind != "aggregate" or ref is None or formula(ref.column) is not None:
        return replace(measure, parts=parts)
    column = state.column_info(ref)
    if column.kind != "number" or column.column.not_null or not any(_means(state, z, ref) for z in state.notes.zeros):
        return replace(measure, parts=parts)
    state.draft.assumptions.append(f"a missing {column.name} counts as 0")
    return replace(measure, ref=Ref(ref.table, Formula("arithmetic", ref.column, "", f"z:{ref.column}").name))


def _means(state: State, phrase: str, ref: Ref) -> bool:
    """Whether a phrase of the notes names the column."""
    words = [token.noun for token in tokenize(phrase)]
    senses = state.lexicon.senses(" ".join(words))
    named = {(sense.table, sense.column) for sense in senses if sense.kind == "column"}
    return (ref.table, ref.column) in named or phrase.replace(" ", "_") == ref.column.lower()
