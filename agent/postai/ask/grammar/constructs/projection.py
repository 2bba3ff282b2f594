"""Return the name and budget of each project · employees along with their salary · every order and its customer"""

from __future__ import annotations

from postai.ask.grammar.draft import Key, Measure, Ref, Unsure
from postai.ask.grammar.lists import Wanted, read_list
from postai.ask.grammar.state import State
from postai.language.word_set import word_set

_LEAD = word_set(
    "return give me us show list display find get fetch print provide output report select what are is the a an all "
    "please can could you i want need to see know tell would like only just complete full of also their its"
)
_BELONGING = frozenset({"of", "for", "from", "in"})
_WITH = frozenset({"along with", "together with", "as well as", "plus", "and also"})
_THEIR = frozenset({"their", "its", "his", "her"})


def apply(state: State) -> None:
    _every_row(state)
    _leading(state)
    _trailing(state)


def _lead_end(state: State) -> int:
    """Behind the words that only introduce a list."""
    at = 0
    while at < len(state.items) and (state.items[at].lower in _LEAD or state.cue(at) == "distinct"):
        at += 1
    owned = state.role(at + 1) == "table" and (
        state.role(at + 2) == "column" or (at + 2 < len(state.items) and state.items[at + 2].lower in ("name", "names"))
    )
    if at and state.cue(at) == "each" and state.items[at].lower in ("each", "every") and owned:
        return at + 1  # "each museum's name"
    return at


def _every_row(state: State) -> None:
    """ "List every order ...": each of them is a row anyway."""
    at = _lead_end(state)
    if at and state.cue(at) == "each" and state.items[at].lower in ("each", "every"):
        noun = state.skip(at + 1)
        while state.role(noun) == "value" and state.items[noun].free:
            noun = state.skip(noun + 1)
        if state.role(noun) == "table" and state.role(noun + 1) != "column":
            state.use(at, why="every")


def _leading(state: State) -> None:
    """The list at the head of the question, with the noun that it is told of."""
    start = _lead_end(state)
    end = state.sentence_end(start)
    if start == 0 and end == len(state.items) and state.role(0) != "column":
        return
    try:
        wanted = read_list(state, start, end)
    except Unsure:
        return
    if not wanted.columns or any(isinstance(entry, Key) and entry.table is None for entry in wanted.entries):
        return
    owner = _owner_behind(state, wanted, end)
    if owner is None and not (wanted.measures and _single_table(wanted)) and not wanted.owners:
        return
    if owner is None and wanted.owners and not wanted.measures and state.draft.subject is None:
        state.draft.subject = Key(table=wanted.owners[0])
    first = wanted.columns[0]
    alone = owner is None and bool(wanted.measures) and state.draft.subject is None
    if alone and first.column in state.info(first.table).labels:
        state.draft.subject = Key(table=first.table)
    if owner is not None:
        owner_at, each = owner
        table = state.table(owner_at)
        if not wanted.measures:
            state.use(*each, why="projection")
            if state.draft.subject is None:
                state.draft.subject = Key(table=table)
                state.use(owner_at, why="subject")
    distinct = wanted.distinct or any(state.cue(at) == "distinct" for at in range(start))
    _take(state, wanted, distinct)
    for at in range(start):
        state.items[at].used = state.items[at].used or "projection"
    if wanted.measures and start and state.items[start - 1].cue == "each" and state.draft.subject is None:
        state.draft.subject = Key(table=wanted.columns[0].table)


def _single_table(wanted: Wanted) -> bool:
    """Whether the columns are of one table, for whose rows the numbers are told."""
    return len({ref.table for ref in wanted.columns}) == 1


def _owner_behind(state: State, wanted: Wanted, end: int) -> tuple[int, list[int]] | None:
    """ "of each project", "for all orders": the item of the noun, and the "each" in front of it."""
    at = wanted.end
    if at >= end:
        return None
    if state.items[at].lower not in _BELONGING and state.cue(at) != "each":
        return None
    each: list[int] = []
    while at < end and (
        state.items[at].kind == "filler"
        or state.cue(at) == "each"
        or (state.role(at) == "value" and at + 1 < end)
        or state.items[at].kind == "number"
        or state.items[at].used == "remark"
        or state.items[at].superlative is not None
    ):
        if state.cue(at) == "each":
            each.append(at)
        at += 1
    if at >= end or state.role(at) != "table" or state.items[at].verb:
        return None
    if wanted.measures and any(state.items[i].lower in _THEIR for i in range(wanted.end, at)):
        return None
    if state.role(at + 1) in ("column", "table") and not state.items[at].plural:
        return None
    return at, each


def _trailing(state: State) -> None:
    """ "employees along with their salary", "customers and their number of orders"."""
    for index in range(1, len(state.items)):
        item = state.items[index]
        if not item.free:
            continue
        introduced = item.lower in _WITH or (
            item.lower in ("and", "with", "including", "showing")
            and index + 1 < len(state.items)
            and (state.items[index + 1].lower in _THEIR or _of_theirs(state, index) or _counts(state, index))
        )
        nouns = [i for i in range(index) if state.role(i) == "table" and not state.items[i].verb]
        introduced = introduced or (bool(nouns) and _by_name(state, index, state.table(nouns[0])))
        introduced = introduced or (item.text == "," and bool(nouns) and _mere_list(state, index, nouns[0]))
        if item.cue == "and" and nouns == [index - 1] and _both(state, index):
            continue
        if introduced and not nouns and _named_column(state, index):
            continue
        if not introduced or not nouns:
            continue
        _further(state, index, state.table(nouns[0]))


def _of_theirs(state: State, index: int) -> bool:
    """with the name of their manager"""
    at = state.skip(index + 1)
    if state.role(at) != "column" and state.items[min(at, len(state.items) - 1)].lower not in ("name", "names"):
        return False
    behind = [item.lower for item in state.items[at + 1 : at + 3]]
    return len(behind) == 2 and behind[0] == "of" and behind[1] in _THEIR


def _mere_list(state: State, index: int, noun: int) -> bool:
    """ "members in Bath, name and town": from the comma to the end nothing but columns."""
    end = state.sentence_end(index)
    if any(state.cue(at) in ("each", "by", "order by", "or") for at in range(noun, index)):
        return False
    if state.role(index + 1) != "column" and state.items[min(index + 1, end - 1)].lower not in ("name", "id"):
        return False
    try:
        wanted = read_list(state, index + 1, end, near=state.table(noun))
    except Unsure:
        return False
    return wanted.end == end and bool(wanted.columns) and not wanted.measures


def _both(state: State, index: int) -> bool:
    """ "employees and their departments": what each row belongs to is shown; of many rows it is a doubt."""
    other = state.skip(index + 1)
    first = state.table(index - 1)
    if state.role(other) != "table" or state.items[other].verb or not state.items[other].free:
        return False
    if not _ends_well(state, other + 1, state.sentence_end(other)) or state.role(other + 1) == "column":
        return False
    if state.draft.measures or any(state.cue(at) is not None for at in range(index - 1)):
        return False
    table = state.table(other)
    if table == first:
        return False
    if not state.lexicon.graph.up_paths(first, table):
        raise Unsure("how rows of both are shown side by side is not clear", "Say which columns of them to show.")
    state.use(index, other, why="projection")
    state.draft.projections.append(Key(table=table))
    state.draft.with_subject = True
    return True


def _named_column(state: State, index: int) -> bool:
    """ "business names in New York and their average ratings": the name stands for the rows."""
    first = next((i for i in range(index) if state.role(i) == "column" and state.items[i].free), None)
    if first is None or state.draft.measures or state.draft.projections:
        return False
    ref = state.column(first)
    if ref.column not in state.info(ref.table).labels:
        return False
    try:
        wanted = read_list(state, index + 1, state.sentence_end(index), near=ref.table)
    except Unsure:
        return False
    if not wanted.measures or not _ends_well(state, wanted.end, state.sentence_end(index)):
        return False
    state.draft.projections.append(ref)
    state.draft.subject = Key(table=ref.table)
    state.draft.groups.append(state.draft.subject)
    state.use(index, first, why="projection")
    _take(state, wanted, wanted.distinct)
    return True


def _by_name(state: State, index: int, subject: int) -> bool:
    """ "the 5 longest tracks by their titles": what they are called is shown, nothing is grouped."""
    behind = [item.lower for item in state.items[index : index + 2]]
    at = index + 2
    if len(behind) < 2 or behind[0] != "by" or behind[1] not in _THEIR or state.role(at) != "column":
        return False
    return any((sense.table, sense.column) == (subject, name) for sense in state.items[at].of_kind("column")
               for name in state.info(subject).labels)  # fmt: skip


def _counts(state: State, index: int) -> bool:
    """ "all traders and the number of deals they made": a number for each of them."""
    if state.role(index - 1) != "table" or not state.items[index - 1].plural:
        return False
    return state.cue(state.skip(index + 1)) in ("count", "sum", "avg")


def _further(state: State, index: int, subject: int) -> None:
    draft = state.draft
    end = state.sentence_end(index)
    try:
        wanted = read_list(state, index + 1, end, near=subject)
    except Unsure:
        return
    if not wanted.entries or any(isinstance(entry, Key) and entry.bucket for entry in wanted.entries):
        return
    if not _ends_well(state, wanted.end, end) or not (wanted.columns or wanted.measures):
        return
    if draft.measures or any(state.cue(i) in ("count", "sum", "avg", "how much") for i in range(index)):
        return
    draft.with_subject = draft.with_subject or not draft.projections
    if draft.subject is None:
        first = next(i for i in range(index) if state.role(i) == "table" and not state.items[i].verb)
        draft.subject = Key(table=subject)
        state.use(first, why="subject")
    own = all(one.kind == "plain" and one.ref is not None and one.ref.table == subject for one in wanted.measures)
    if wanted.measures and not own and draft.subject not in draft.groups:
        draft.groups.append(draft.subject)
        draft.keep_all = draft.keep_all or _all_of(state, index, subject)
    state.use(index, why="projection")
    _take(state, wanted, wanted.distinct)


def _all_of(state: State, index: int, subject: int) -> bool:
    """ "all departments": those without any are among them."""
    for at in range(1, index):
        if state.role(at) == "table" and state.table(at) == subject:
            return state.items[at - 1].lower in ("all", "every")
    return False


def _ends_well(state: State, at: int, end: int) -> bool:
    """A list is over at the end of the sentence or where a new clause starts."""
    at = state.skip(at) if at < len(state.items) else at
    if at >= end:
        return True
    item = state.items[at]
    if item.cue in ("order by", "descending", "ascending", "each", "by", "and") or item.text in (",", "("):
        return True
    return item.period is not None or state.role(at) in ("table", "verb", "value") or item.kind == "generic"


def _take(state: State, wanted: Wanted, distinct: bool) -> None:
    state.use(*wanted.used, why="projection")
    state.draft.distinct = state.draft.distinct or distinct
    for entry in wanted.entries:
        shown = entry.ref if isinstance(entry, Measure) and entry.kind == "plain" and entry.ref else entry
        if shown not in state.draft.projections:
            state.draft.projections.append(shown)
        if isinstance(shown, Ref):
            state.draft.said_columns.append(shown)
