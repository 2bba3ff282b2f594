"""Conditions on a part of a text: name starts with "A" · emails ending in ".org" · titles that include the word lamp"""

from __future__ import annotations

from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.literals import literal
from postai.ask.grammar.state import State
from postai.language.word_set import word_set

PATTERN_CUES = {"starts": "starts", "ends": "ends", "contains": "contains"}
_TEXT_NOUNS = word_set(
    "letter letters word words string text substring phrase term characters character the a an with in"
)
_MARKERS = frozenset({"letter", "letters", "word", "words", "string", "text", "substring", "phrase", "term"})


def read_pattern(state: State, index: int) -> tuple[Predicate | None, int]:
    """The condition at an operator word, and the index behind it; a plain verb ("orders that contain") gives none."""
    operator = PATTERN_CUES[state.items[index].cue or ""]
    before = index - 1
    while before >= 0 and (state.items[before].kind == "filler" or state.cue(before) == "not"):
        before -= 1
    at, said = _text_start(state, index)
    if at >= len(state.items) or not _is_text(state, at, before, said):
        if state.items[index].lower in ("contain", "contains", "containing"):
            state.use(index, why="verb")
            return None, index + 1
        raise Unsure(f'what comes after "{state.items[index].text}" is not clear', "Put the text in quotes.")
    ref = _searched(state, before)
    negated = any(state.cue(i) == "not" for i in range(before + 1, index))
    for position in range(before + 1, index):
        if state.cue(position) == "not":
            state.use(position, why="pattern")
    values, end, joint = _texts(state, at, said)
    state.use(*range(index, end), why="pattern")
    state.searched = ref
    return Predicate(ref, operator, tuple(values), negated, joint=joint), end


def _text_start(state: State, index: int) -> tuple[int, bool]:
    """Where the text starts, and whether a word such as "letter" announced it."""
    at, said = index + 1, "word" in state.items[index].lower
    while at < len(state.items) and state.items[at].kind != "quoted" and state.items[at].lower in _TEXT_NOUNS:
        alone = len(state.items[at].text) == 1 and (state.items[at].text.isupper() or said)
        if alone and not _announces(state, at + 1):
            break
        said = said or state.items[at].lower in _MARKERS
        at += 1
    return at, said


def _announces(state: State, at: int) -> bool:
    """Whether the text itself still follows: the "a" of "a letter K" is no text."""
    return at < len(state.items) and (
        state.items[at].kind == "quoted" or state.items[at].lower in _MARKERS or len(state.items[at].text) == 1
    )


def _is_text(state: State, at: int, before: int, said: bool) -> bool:
    item = state.items[at]
    if item.kind == "quoted" or item.text[:1].isupper() or (said and item.kind != "symbol"):
        return True
    of_column = before >= 0 and (state.role(before) == "column" or state.items[before].cue in ("or", "and"))
    return of_column and (item.kind in ("unknown", "number") or state.role(at) == "value")


def _searched(state: State, before: int) -> Ref:
    """The column named before the operator; behind "or" the one searched before."""
    if before >= 0 and state.role(before) == "column":
        ref = state.column(before, lambda info: info.kind in ("text", "enum"))
        state.use(before, why="pattern")
        return ref
    if before >= 0 and state.items[before].cue in ("or", "and") and state.searched is not None:
        return state.searched
    if before >= 0 and state.items[before].lower in ("name", "names") and state.anchors:
        return _only_label(state, state.anchors[0], before)
    if before >= 0 and state.role(before) == "table":
        return _only_label(state, state.table(before), None)
    raise Unsure("which column is searched is not clear")


def _only_label(state: State, table: int, used: int | None) -> Ref:
    labels = state.info(table).labels
    if len(labels) != 1:
        raise Unsure(f"rows of {state.info(table).table.name} have no single name", "Name the column with the value.")
    if used is not None:
        state.use(used, why="pattern")
    return Ref(table, labels[0])


def _texts(state: State, at: int, said: bool) -> tuple[list[str], int, bool]:
    """One text, or several joined by "or" (any of them) or "and" (all of them)."""
    text, end = _text(state, at, said)
    values, joint = [text], False
    while True:
        following = end
        while following < len(state.items) and (
            state.items[following].text == "," or state.items[following].cue in ("or", "and")
        ):
            following += 1
        while following < len(state.items) and state.items[following].lower in _MARKERS | {"the"}:
            following += 1
        if following == end or following >= len(state.items):
            return values, end, joint
        item = state.items[following]
        single = len(item.text) == 1 and item.text.isalpha() and len(values[-1]) == 1
        if item.kind != "quoted" and not single:
            return values, end, joint
        joint = joint or any(state.items[i].cue == "and" for i in range(end, following))
        text, end = _text(state, following, said)
        values.append(text)


def _text(state: State, at: int, said: bool) -> tuple[str, int]:
    item = state.items[at]
    if item.kind == "quoted" or item.text[:1].isupper():
        return literal(state, at)
    if not said:
        state.draft.confidence = min(state.draft.confidence, 0.9)
    return item.text, at + 1
