"""Names and texts that no statistics hold: "the product Silent Lens G75", "with Espresso in the name"."""

from __future__ import annotations

from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.state import State
from postai.language.word_set import word_set

_STREETS = word_set("street st road rd avenue ave lane ln drive dr boulevard blvd square alley way")
_HAVING = frozenset({"with", "containing", "having", "contain", "contains", "have", "has", "including"})


def run_end(state: State, at: int) -> int:
    """Behind the last word of a name that starts here: capitalised words and codes side by side."""
    end = at
    while end < len(state.items):
        item = state.items[end]
        written = item.text[:1].isupper() or any(letter.isdigit() for letter in item.text)
        if not item.free or item.kind not in ("unknown", "name", "number") or not written:
            break
        if end > at and "," in state.request.question[state.items[end - 1].stop : item.start]:
            break
        end += 1
    return end


def written(state: State, low: int, high: int) -> str:
    """The text of some items as the person wrote it."""
    return state.request.question[state.items[low].start : state.items[high - 1].stop]


def unknown_name(state: State, index: int) -> tuple[Predicate | None, int]:
    """A name of two words or more that is no known value: of the noun before it, or of a column with such names."""
    end = run_end(state, index)
    if end - index < 2 or (index == 0 and end - index < 3):
        return None, index + 1
    text = written(state, index, end)
    words = [word.lower() for word in text.split()]
    if words[-1] in _STREETS and (street := _street(state)) is not None:
        for position in range(index, end):
            state.items[position].used = "value"
        state.draft.confidence = min(state.draft.confidence, 0.85)
        return Predicate(street, "contains", (text,)), end
    seen = state.lexicon.seen_in(words)
    before = state.skip_back(index - 1)
    named = before == index - 1 and before >= 0 and state.role(before) == "table"
    if named and not state.items[before].verb and not state.items[before].plural:
        labels = state.info(state.table(before)).labels
        wanted = [(state.table(before), name) for name in labels] if len(labels) == 1 else []
    else:
        best = max(seen.values(), default=0)
        wanted = [where for where, hits in seen.items() if hits == best and 2 * hits >= len(words)]
    if len(wanted) != 1 or wanted[0] in state.lexicon.complete:
        return None, index + 1
    ref = Ref(*wanted[0])
    for position in range(index, end):
        state.items[position].used = "value"
    state.draft.confidence = min(state.draft.confidence, 0.85)
    state.draft.assumptions.append(f'"{text}" is taken for a {ref.column} in {state.info(ref.table).table.name}')
    return Predicate(ref, "=", (text,), fold=True), end


def _street(state: State) -> Ref | None:
    """The one column of the tables asked about that holds streets or addresses."""
    tables = {state.subject_table(), *state.anchors}
    found = [
        Ref(info.index, column.name)
        for info in state.lexicon.tables
        if info.index in tables or (not state.anchors and info.real is None)
        for column in info.columns
        if column.kind == "text" and {"street", "address"} & set(column.words) and "email" not in column.words
    ]
    return found[0] if len(found) == 1 else None


def inside_column(state: State, index: int) -> tuple[Predicate | None, int]:
    """with Espresso in the name: the text stands somewhere in a column."""
    before = index - 1
    if before < 0 or state.items[before].lower not in _HAVING:
        return None, index + 1
    quoted = state.items[index].kind == "quoted"
    end = index + 1 if quoted else max(index + 1, run_end(state, index))
    if end >= len(state.items) or state.items[end].lower not in ("in", "within"):
        return None, index + 1
    at = state.skip(end)
    if state.role(at) != "column":
        return None, index + 1
    try:
        ref = state.column(at, lambda info: info.kind == "text")
    except Unsure:
        return None, index + 1
    text = state.items[index].text if quoted else written(state, index, end)
    for position in (before, *range(index, at + 1)):
        state.items[position].used = "pattern"
    return Predicate(ref, "contains", (text,)), at + 1


def capital(state: State, index: int) -> bool:
    """Whether a word is written with a capital letter."""
    return state.items[index].text[:1].isupper()


def literal(state: State, at: int) -> tuple[str, int]:
    """A quoted text, or a run of capitalised words."""
    if state.items[at].kind == "quoted":
        return state.items[at].text, at + 1
    end = at
    while end < len(state.items) and state.items[end].kind in ("unknown", "name", "filler") and capital(state, end):
        end += 1
    if end == at:
        raise Unsure(f'"{state.items[at].text}" is no name', "Put the exact value in quotes.")
    return written(state, at, end), end
