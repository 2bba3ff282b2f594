"""What is left: the subject of a list, further columns to show, tables that only have to be joined, harmless words."""

from __future__ import annotations

import itertools

from postai.ask.grammar.draft import Key, Predicate, Ref, Unsure
from postai.ask.grammar.money import is_sale
from postai.ask.grammar.state import State
from postai.language.words import singular

_HARMLESS_CUES = frozenset({"and", "exactly", "in total"})


def apply(state: State) -> None:
    draft = state.draft
    for index, item in enumerate(state.items):
        if item.free and state.role(index) == "table":
            _table(state, index)
    if draft.subject is None and not draft.measures:
        _rows_before_column(state)
    if draft.subject is None and not draft.measures:
        _column_subject(state)
    for index, item in enumerate(state.items):
        if item.free and state.role(index) == "column":
            _column(state, index)
    for index, item in enumerate(state.items):
        if item.free and state.role(index) == "verb":
            _verb(state, index)
    _refuse_every(state)
    _cognates(state)
    for index, item in enumerate(state.items):
        if not item.free or _calculates(state, index):
            continue
        if item.kind in ("symbol", "filler", "generic") or item.cue in _HARMLESS_CUES:
            item.used = "harmless"
        elif item.cue == "distinct":
            draft.distinct = True
            item.used = "distinct"


def _cognates(state: State) -> None:
    """ "drivers who drive", "listeners listened": the verb of the noun itself adds nothing."""
    nouns = {word for table in state.anchors for word in state.info(table).words}
    for item in state.items:
        if item.free and item.kind == "unknown" and item.text.islower():
            base = item.stem
            sold = base in ("sell", "buy", "purchas") and any(is_sale(state.info(table)) for table in state.anchors)
            if sold or {base + "er", base + "or", base + "r", item.lower + "r", item.lower + "er"} & nouns:
                item.used = "verb"


def _calculates(state: State, index: int) -> bool:
    """A sign of a calculation between two names that no construct has read."""
    if state.items[index].text not in ("*", "+", "-") or not 0 < index < len(state.items) - 1:
        return False
    return all(state.items[at].kind in ("name", "cue") for at in (index - 1, index + 1))


def _refuse_every(state: State) -> None:
    """ "whose orders were all delivered" asks for every one of them, not for one."""
    for before, item in itertools.pairwise(state.items):
        if (
            item.lower == "all"
            and item.free
            and before.lower in ("are", "were", "is", "was", "have", "been", "had", "has")
        ):
            raise Unsure("a condition on every one of several rows is not read here", "Ask for those that have none.")


def _table(state: State, index: int) -> None:
    """The first noun is the subject; others must have something to do with it."""
    draft = state.draft
    table = state.table(index)
    verb = state.items[index].verb
    state.use(index, why="table")
    if verb and state.says_role(index):
        return
    if not draft.measures and draft.subject is None and not verb:
        draft.subject = Key(table=table)
        return
    draft.mentioned.add(table)


def _verb(state: State, index: int) -> None:
    """ "loans that were returned": a date that may be missing is not; one that is always there says nothing."""
    senses = [s for s in state.items[index].senses if s.kind == "column" and s.column]
    ranked = sorted(((state.rank(sense), sense) for sense in senses), key=lambda pair: -pair[0])
    if not ranked or ranked[0][0] < 0.5 or (len(ranked) > 1 and ranked[1][0] > ranked[0][0] - 0.04):
        return
    sense = ranked[0][1]
    ref = Ref(sense.table, sense.column or "")
    state.use(index, why="verb")
    if state.column_info(ref).is_date and any(key.bucket for key in state.draft.groups):
        state.draft.bucket_ref = ref
        return
    if state.items[index].lower.endswith(" by"):
        state.draft.said_columns.append(ref)
    subject = state.subject_table()
    if subject is not None and ref.table not in (subject, *state.anchors):
        state.draft.mentioned.add(ref.table)
        state.draft.assumptions.append(f"{state.items[index].text} means that {state.info(ref.table).title} has a row")
    act = any(one.how == "act" and (one.table, one.column) == (ref.table, ref.column) for one in senses)
    if (act or state.column_info(ref).is_date) and not state.column_info(ref).column.not_null:
        state.draft.predicates.append(Predicate(ref, "null", negated=True))
        state.draft.assumptions.append(f"{state.items[index].text} means that {ref.column} is set")


def _rows_before_column(state: State) -> None:
    """ "employees salary > 5000": the plural in front of the column says whose rows are listed."""
    for index, item in enumerate(state.items):
        first, _, rest = item.lower.partition(" ")
        if state.role(index) != "column" or not rest or singular(first) == first or item.used == "projection":
            continue
        tables = {
            sense.table for sense in item.of_kind("column") if state.info(sense.table).words[-1] == singular(first)
        }
        if len(tables) == 1:
            state.draft.subject = Key(table=tables.pop())
            return


def _column_subject(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and state.role(index) == "column":
            draft = state.draft
            draft.subject = state.key_at(index)
            state.use(index, why="subject")
            return


def _says_nothing(state: State, index: int) -> bool:
    """ "registered patients": every row has that date; where it may be missing it is there."""
    following = state.skip(index + 1)
    while state.role(following) == "value":
        following = state.skip(following + 1)
    if not state.items[index].lower.endswith("ed") or state.role(following) != "table":
        return False
    table = state.table(following)
    found = [s.column for s in state.items[index].of_kind("column") if s.table == table and s.column]
    if len(found) != 1 or not state.lexicon.column(table, found[0]).is_date:
        return False
    if not state.lexicon.column(table, found[0]).column.not_null:
        state.draft.predicates.append(Predicate(Ref(table, found[0]), "null", negated=True))
    state.use(index, why="said")
    return True


def _column(state: State, index: int) -> None:
    if _says_nothing(state, index):
        return
    draft = state.draft
    ref = state.column(index, near=state.owner(index))
    if state.column_info(ref).is_date and any(key.bucket for key in draft.groups):
        draft.bucket_ref = ref
        state.use(index, why="bucket")
        return
    if any(order.ref == ref for order in draft.orders) or any(p.ref == ref for p in draft.predicates):
        state.use(index, why="column")
        filtered = any(p.ref == ref and p.operator in ("=", "in") for p in draft.predicates)
        if ref not in draft.projections and not draft.groups and not draft.measures and not filtered:
            draft.projections.append(ref)
            draft.with_subject = draft.with_subject or _asked_first(state, index)
        return
    if any(leaf.ref == ref for measure in draft.measures for leaf in measure.leaves()):
        state.use(index, why="column")
        return
    if draft.measures:
        tables = {key.table for key in draft.groups if key.table is not None}
        if draft.groups and (ref.table in tables or any(key.ref == ref for key in draft.groups)):
            state.use(index, why="column")
            if Key(ref=ref) not in draft.groups:
                draft.projections.append(ref)
            return
        raise Unsure(f'what "{state.items[index].text}" has to do with it is not clear')
    if not _is_shown(state, index):
        raise Unsure(f'what "{state.items[index].text}" has to do with it is not clear')
    state.use(index, why="column")
    if index and state.items[index - 1].lower in ("which", "what") and not draft.projections and not draft.orders:
        draft.distinct = True
    nouns = [i for i, role in enumerate(state.roles) if role == "table" and not state.items[i].verb]
    draft.with_subject = draft.with_subject or bool(nouns and index > nouns[0] + 1)
    draft.projections.append(ref)


def _asked_first(state: State, index: int) -> bool:
    """ "Which course has the most seats, and what is the seat number?": the course is asked for as well."""
    noun = next((i for i, role in enumerate(state.roles) if role == "table" and not state.items[i].verb), index)
    return noun < index and state.items[0].lower in ("which", "what", "who") and noun <= 2


def _is_shown(state: State, index: int) -> bool:
    """Columns to show stand before the noun ("names of customers"), right behind it, or behind "and their"."""
    nouns = [i for i, role in enumerate(state.roles) if role == "table" and not state.items[i].verb]
    if not nouns or index < nouns[0]:
        return True
    before = index - 1
    if before == nouns[0] or state.role(before) == "table":
        return True
    while before > nouns[0]:
        item = state.items[before]
        if item.lower in ("their", "its", "his", "her", "including", "showing", "show") or item.cue == "and":
            return True
        if item.text == "," and all(_listed(state, i) for i in range(before + 1, state.sentence_end(before))):
            return True
        if item.lower == "with" and all(_listed(state, i) for i in range(before + 1, index)):
            return state.column_info(state.column(index)).kind != "number"
        if item.kind != "filler" and item.text != "," and state.role(before) != "column":
            return False
        before -= 1
    return False


def _listed(state: State, index: int) -> bool:
    """Part of a mere list of columns: "..., name and date of birth"."""
    item = state.items[index]
    return state.role(index) in ("column", "table") or item.kind == "filler" or item.cue == "and" or item.text == ","
