"""closing price above the opening price · shipped after the due date · earn more than their manager · same city as"""

from __future__ import annotations

from postai.ask.grammar.cues import COMPARISONS
from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.state import State
from postai.language.lexicon import Sense
from postai.language.schema import ColumnInfo
from postai.language.word_set import word_set

_LATER = {
    "after": ">",
    "later than": ">",
    "past": ">",
    "before": "<",
    "earlier than": "<",
    "prior to": "<",
    "on or before": "<=",
    "on or after": ">=",
    "no later than": "<=",
    "not later than": "<=",
    "by": "<=",
    "on the same day as": "=",
    "on the day": "=",
    "the same day": "=",
    "the day": "=",
    "same as": "=",
    "the same as": "=",
    "identical to": "=",
    "different from": "<>",
    "different to": "<>",
    "differs from": "<>",
    "differ from": "<>",
}
_BEHIND_ON = {"or before": "<=", "or after": ">="}
_MORE = word_set("higher larger greater bigger longer later more older newer heavier taller wider")
_LESS = word_set("lower smaller less fewer shorter earlier cheaper younger lighter")
_LONGEST = 5
_PASSED = word_set(
    "is are was were be been being the their its his her a an they it he she had has have that of did do does when own "
    "on which"
)


def apply(state: State) -> None:
    for index in range(1, len(state.items)):
        if not state.items[index].free:
            continue
        if state.items[index].lower in _MORE | _LESS and _comparative(state, index):
            continue
        if state.items[index].lower == "same" and _same(state, index):
            continue
        found = _operator(state, index)
        if found is not None:
            _compare(state, index, *found)


def _operator(state: State, index: int) -> tuple[str, int] | None:
    """The operator at an item and the index behind it."""
    cue = state.cue(index)
    if cue in COMPARISONS:
        return COMPARISONS[cue], index + 1
    if state.items[index].text in ("<", ">", "="):
        return state.items[index].text, index + 1
    words = " ".join(item.lower for item in state.items[index : index + 2])
    if words in _BEHIND_ON and state.items[index - 1].lower.endswith(" on"):
        return _BEHIND_ON[words], index + 2
    for end in range(min(len(state.items), index + _LONGEST), index, -1):
        words = " ".join(item.lower for item in state.items[index:end])
        if words in _LATER and all(item.kind not in ("period", "quoted", "number") for item in state.items[index:end]):
            return _LATER[words], end
    return None


def _compare(state: State, index: int, operator: str, end: int) -> None:
    right_at = _pass(state, end)
    left_at = _left(state, index)
    if left_at is None or right_at >= len(state.items) or not state.items[right_at].free:
        return
    dates = state.items[index].cue not in COMPARISONS and operator not in ("=", "<>")
    left = _ref(state, left_at, None, dates)
    if left is None:
        return
    right, used = _right(state, right_at, left)
    if right is None or right == left:
        return
    left = _twin(state, left, right)
    one, two = state.column_info(left), state.column_info(right)
    if not _alike(one, two, operator):
        return
    if right.table != left.table and not state.lexicon.graph.up_paths(left.table, right.table):
        return
    before = state.skip_back(left_at - 1)
    if before >= 0 and state.cue(before) == "not":
        return  # "not finished before the due date": those that never finished too?
    denied = [at for at in range(left_at + 1, index) if state.cue(at) == "not"]
    state.use(left_at, *range(index, end), *used, *denied, why="columns")
    for at in (*range(left_at + 1, index), *range(end, right_at)):
        if state.items[at].free and state.items[at].lower in _PASSED:
            state.use(at, why="columns")
    _add(state, Predicate(left, operator, negated=bool(denied), other=right), index)


def _add(state: State, predicate: Predicate, index: int) -> None:
    state.draft.predicates.append(predicate)
    state.placed.append((predicate, index))


def _comparative(state: State, index: int) -> bool:
    """with a higher salary than their manager"""
    column, than = index + 1, index + 2
    if than >= len(state.items) or state.items[than].lower != "than" or state.role(column) != "column":
        return False
    left = _ref(state, column, state.subject_table(), False)
    at = _pass(state, than + 1)
    if left is None or at >= len(state.items):
        return False
    right, used = _right(state, at, left)
    if right is None or right == left or not _alike(state.column_info(left), state.column_info(right), ">"):
        return False
    state.use(index, column, than, *used, why="columns")
    _add(state, Predicate(left, ">" if state.items[index].lower in _MORE else "<", other=right), index)
    return True


def _same(state: State, index: int) -> bool:
    """in the same city as their manager · in the same department as their manager"""
    what, joint = index + 1, index + 2
    at = _pass(state, joint + 1)
    subject = state.subject_table()
    if at >= len(state.items) or state.items[joint].lower != "as" or subject is None or state.role(at) != "table":
        return False
    other = state.table(at)
    if other == subject or not state.lexicon.graph.up_paths(subject, other):
        return False
    if state.role(what) == "column":
        left = _ref(state, what, subject, False)
    elif state.role(what) == "table":
        paths = state.lexicon.graph.up_paths(subject, state.table(what))
        short = len(paths) == 1 and len(paths[0]) == 1 and len(paths[0][0].edge.pairs) == 1
        left = Ref(subject, paths[0][0].edge.pairs[0][0]) if short else None
    else:
        return False
    if left is None or left.table != subject:
        return False
    if left.column not in [column.name for column in state.info(other).columns]:
        return False
    denied = [i for i in range(max(0, index - 3), index) if state.cue(i) == "not"]
    state.use(index, what, joint, at, *denied, why="columns")
    _add(state, Predicate(left, "<>" if denied else "=", other=Ref(other, left.column)), index)
    return True


def _pass(state: State, at: int) -> int:
    while at < len(state.items) and (state.items[at].kind == "filler" or state.items[at].lower in _PASSED):
        at += 1
    return at


def _left(state: State, index: int) -> int | None:
    """The column word before the operator."""
    at = index - 1
    while at >= 0 and (state.items[at].kind == "filler" or state.items[at].lower in _PASSED or state.cue(at) == "not"):
        at -= 1
    if at < 0 or not state.items[at].free or not state.items[at].of_kind("column"):
        return None
    return at


def _ref(state: State, at: int, near: int | None, dates: bool) -> Ref | None:
    """The column of an item, also of a verb: "shipped" names the date of it."""
    if state.role(at) == "column":
        try:
            return state.column(at, (lambda info: info.is_date) if dates else None, near)
        except Unsure:
            return None
    senses: list[tuple[float, Sense]] = [
        (state.rank(sense, near=near), sense)
        for sense in state.items[at].of_kind("column")
        if sense.column and state.lexicon.column(sense.table, sense.column).is_date
    ]
    senses.sort(key=lambda pair: -pair[0])
    if not senses or senses[0][0] < 0.4 or (len(senses) > 1 and senses[1][0] > senses[0][0] - 0.04):
        return None
    return Ref(senses[0][1].table, senses[0][1].column or "")


def _right(state: State, at: int, left: Ref) -> tuple[Ref | None, list[int]]:
    """The second column: by name, of another noun, or the same one of another noun ("than their manager")."""
    dates = state.column_info(left).is_date
    if state.role(at) == "table" and not state.items[at].verb:
        table = state.table(at)
        following = at + 1
        if state.role(following) == "column" and state.items[following].free:
            named = _ref(state, following, table, dates)
            if named is not None and named.table == state.info(table).real:
                named = Ref(table, named.column)
            return (named, [at, following]) if named is not None and named.table == table else (None, [])
        names = [column.name for column in state.info(table).columns]
        if table != left.table and left.column in names and state.lexicon.graph.up_paths(left.table, table):
            return Ref(table, left.column), [at]
        return None, []
    if not state.items[at].of_kind("column"):
        return None, []
    found = _ref(state, at, left.table, dates)
    used = [at]
    behind = state.skip(at + 1)
    owned = behind < len(state.items) and state.items[behind - 1].lower in ("of", "the", "their", "its")
    if owned and found is not None and state.role(behind) == "table" and state.table(behind) == found.table:
        used.append(behind)
    return found, used


def _twin(state: State, left: Ref, right: Ref) -> Ref:
    """Between two tables with that column, the one whose rows the question is about."""
    subject = state.subject_table()
    if subject is None or left.table == subject or left.table == right.table:
        return left
    names = [column.name for column in state.info(subject).columns]
    return Ref(subject, left.column) if left.column in names else left


def _alike(one: ColumnInfo, two: ColumnInfo, operator: str) -> bool:
    """Whether the two can be compared: numbers, moments, or texts for equality."""
    if one.kind == two.kind == "number":
        return not one.is_id and not two.is_id
    if one.is_date and two.is_date:
        return True
    texts = ("text", "enum")
    return operator in ("=", "<>") and one.kind in texts and two.kind == one.kind
