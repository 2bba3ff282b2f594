"""The last look at words that nothing explains: which of them may be passed over, and at what price.

The coverage rule holds for everything that could carry a condition. A verb that says no more than that two things
belong together ("the passengers each bus carried") carries none wherever it stands; nor does the name of the place that
the whole database is about. Whatever is passed over here lowers the confidence.
"""

from __future__ import annotations

from postai.ask.grammar.items import Item
from postai.ask.grammar.state import State
from postai.language.identifiers import pieces
from postai.language.relating import bond_of, inflected
from postai.language.word_set import word_set
from postai.language.words import singular, stem

_MOST = 2
_TRUST = {"plain": 0.7, "use": 0.65, "open": 0.65, "place": 0.75}
_DENIALS = word_set("not no never without nor neither cannot isn aren wasn weren don doesn didn hasn haven hadn")
_PAID = frozenset({"paid", "spent", "charged", "collected", "earned", "received", "burned", "consumed"})
_DETERMINERS = frozenset({"a", "an", "the", "any", "their", "its", "no", "some", "each", "every"})
_LEADS_A_VERB = word_set("""
    who whom that which is are was were be been being get gets got have has had having do does did to they it he she we
    """)


def pass_over(state: State, left: list[Item]) -> None:
    """Mark the words among `left` that carry no condition as explained, when these are all that is left.

    Args:
        state: a reading to which every construct was applied.
        left: its items that nothing has used.
    """
    if len(left) > _MOST or any(item.kind != "unknown" for item in left):
        return
    reasons = [_reason(state, state.items.index(item)) for item in left]
    if not all(reasons):
        return
    for item, reason in zip(left, reasons, strict=True):
        assert reason is not None
        item.used = "passed over"
        state.draft.confidence = min(state.draft.confidence, _TRUST[reason])
        state.draft.assumptions.append(f'"{item.text}" adds no condition')


def _reason(state: State, index: int) -> str | None:
    item = state.items[index]
    if not item.text.isalpha() or _denied(state, index):
        return None
    if singular(item.lower) in _place(state):
        return "place"
    base, bond = bond_of(item.lower)
    if index and item.lower.endswith("ing") and state.items[index - 1].lower in _DETERMINERS:
        return None  # "a parking permit": what a thing is for
    if item.lower in _PAID and index and state.role(index - 1) == "column" and not state.items[index - 1].free:
        return "use"  # "the total fee paid by each tenant"
    if item.text != item.lower or bond == "more" or not base or not inflected(item.lower) or _names(state, item):
        return None
    if _describes(state, index) or (bond == "open" and len(set(state.anchors)) < 2):
        return None  # "How many plays were judged?" may ask for some of them only
    return bond


def _denied(state: State, index: int) -> bool:
    return any(state.items[at].lower in _DENIALS or state.cue(at) == "not" for at in range(max(0, index - 3), index))


def _place(state: State) -> set[str]:
    """Words of the names of the database's schemas and of the database."""
    return {
        word
        for info in state.lexicon.tables
        if info.table.schema != "public"
        for piece in pieces(info.table.schema)
        for word in (piece, singular(piece))
    }


def _names(state: State, item: Item) -> bool:
    """Whether a column of a table that takes part is called so."""
    said = stem(item.lower)
    return any(
        not column.refers and said in map(stem, column.words)
        for table in state.anchors
        for column in state.info(table).columns
    )


def _describes(state: State, index: int) -> bool:
    """ "damaged parcels", "the running contracts": right before a noun the word says which ones."""
    following = state.items[index + 1] if index + 1 < len(state.items) else None
    if following is None or state.role(index + 1) not in ("table", "column", "value"):
        return False
    return index == 0 or state.items[index - 1].lower not in _LEADS_A_VERB
