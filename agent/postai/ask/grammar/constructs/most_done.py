"""the most viewed video · the 5 least skipped tracks · best attended match: what is done is counted in a column"""

from __future__ import annotations

from postai.ask.grammar.constructs.ranking import set_limit, take_ordinal
from postai.ask.grammar.draft import Key, OrderBy, Ref
from postai.ask.grammar.measures import countable
from postai.ask.grammar.state import State
from postai.language.words import stem

_MOST = {"most": True, "best": True, "top": True, "highest": True, "least": False, "worst": False, "lowest": False}
_ENDINGS = ("ed", "ing", "wn", "en", "ght", "ld", "nt", "ad")


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and item.lower in _MOST and index + 2 < len(state.items):
            _most(state, index)


def _most(state: State, index: int) -> None:
    done, noun = index + 1, index + 2
    if not state.items[done].lower.endswith(_ENDINGS) or not state.items[done].free or state.items[done].cue:
        return
    while noun < len(state.items) and state.role(noun) == "value":
        noun += 1
    if state.role(noun) != "table" or state.items[noun].verb:
        return
    table = state.table(noun)
    ref = _column(state, table, stem(state.items[done].lower))
    if ref is None:
        return
    before = state.skip_back(index - 1)
    number: int | None = None
    if before >= 0 and state.items[before].kind == "number" and not state.items[before].ordinal:
        number = int(state.items[before].number or 0)
        state.use(before, why="ranking")
        top = state.skip_back(before - 1)
        if top >= 0 and state.cue(top) == "top":
            state.use(top, why="ranking")
    take_ordinal(state, index)
    state.use(index, done, noun, why="ranking")
    set_limit(state, number, state.items[noun].plural)
    state.draft.subject = Key(table=table)
    state.draft.orders.append(OrderBy(ref=ref, descending=_MOST[state.items[index].lower]))
    word = f"{state.items[index].text} {state.items[done].text}"
    state.draft.assumptions.append(f'"{word}" is read as by {state.info(table).table.name}.{ref.column}')


def _column(state: State, table: int, done: str) -> Ref | None:
    """The one number of the table that says how often or how much it was done."""
    found = [
        column
        for column in state.info(table).columns
        if countable(column) and any(_alike(stem(word), done) for word in column.words)
    ]
    return Ref(table, found[0].name) if len(found) == 1 else None


def _alike(one: str, other: str) -> bool:
    """ "attended" and "attendance" have one stem, up to its ending."""
    return one == other or (len(other) > 4 and one.startswith(other)) or one == other + "e"
