"""per country · by month · for each customer · in each region and year · monthly revenue"""

from __future__ import annotations

from postai.ask.grammar.cues import ADJECTIVE_BUCKETS
from postai.ask.grammar.draft import Key, Measure, Ref, Unsure
from postai.ask.grammar.measures import additive, countable
from postai.ask.grammar.state import State
from postai.language.dates import UNITS
from postai.language.words import is_plural, singular

_PARTICIPLE_ENDINGS = ("ed", "en", "de", "id", "ght", "nt", "ld")


def apply(state: State) -> None:
    _for_theirs(state)
    for index in list(state.find_cues("each", "by")):
        if state.items[index].free:
            _group(state, index)
    for index, item in enumerate(state.items):
        if item.free and item.bucket and item.lower in ADJECTIVE_BUCKETS and state.role(index) == "":
            state.draft.groups.append(Key(bucket=item.bucket))
            state.use(index, why="group")


def _group(state: State, cue: int) -> None:
    at = state.skip(cue + 1)
    if at >= len(state.items):
        return
    if state.items[cue].cue == "by" and _agent(state, cue, at):
        state.use(cue, why="agent")
        return
    if state.items[at].free and state.items[at].period is not None and (unit := _unit_of_period(state, at)):
        key = Key(bucket=unit)  # "in each of the last 8 weeks": the period itself is read as a condition
        if key not in state.draft.groups:
            state.draft.groups.append(key)
        state.use(cue, why="group")
        return
    keys = 0
    while at < len(state.items):
        at = _described(state, at)
        item = state.items[at]
        if item.free and state.cue(at) == "distinct":
            state.use(at, why="group")
            at = state.skip(at + 1)
            continue
        role = state.role(at)
        if not item.free or (role not in ("table", "column") and not item.bucket):
            break
        key, end = _key(state, at)
        keys += 1
        if _only_denominator(state, cue, key):
            pass
        elif key == state.draft.subject or key in state.draft.groups:
            pass  # "... per region? Return the top 2 regions": each region is one row
        elif state.draft.limit is not None:
            state.draft.partition.append(key)
        else:
            state.draft.groups.append(key)
        at = end
        joint = state.skip(at)
        if joint < len(state.items) and (state.items[joint].cue == "and" or state.items[joint].text == ","):
            following = state.skip(joint + 1)
            if state.cue(following) in ("each", "by"):
                state.use(joint, following, why="group")
                following = state.skip(following + 1)
            qualified = state.items[joint].text == "," and state.items[joint + 1].lower == "for"
            if following < len(state.items) and _is_key(state, following) and not qualified:
                state.use(joint, why="group")
                at = following
                continue
        break
    if keys:
        state.use(cue, why="group")
        _implied_count(state, cue)
    elif state.items[cue].cue == "each":
        raise Unsure(f'"{state.items[at].text if at < len(state.items) else ""}" is nothing to group by')


def _described(state: State, at: int) -> int:
    """ "each full-time vet": the noun behind the values that describe it, which stay conditions."""
    noun = at
    while noun < len(state.items) and state.role(noun) == "value" and state.items[noun].free:
        noun += 1
    named = noun > at and state.role(noun) == "table" and state.items[noun].free and not state.items[noun].verb
    return noun if named else at


def _for_theirs(state: State) -> None:
    """ "For customers with at least 5 orders, what is their success rate?": for each of them"""
    if state.word(0) != "for" or state.draft.groups or not state.draft.measures:
        return
    comma = next((at for at, item in enumerate(state.items) if item.text == ","), None)
    noun = state.skip(1)
    if comma is None or state.role(noun) != "table" or not state.items[noun].plural or not state.items[noun].free:
        return
    if any(item.lower == "their" for item in state.items[comma:]):
        state.draft.groups.append(Key(table=state.table(noun)))
        state.use(noun, why="group")


def _unit_of_period(state: State, at: int) -> str | None:
    """The unit of "of the last 8 weeks"; None for a period that is no row of units."""
    words = state.items[at].lower.split()
    units = [singular(word) for word in words if singular(word) in UNITS]
    return units[0] if units and any(word != singular(word) and singular(word) in UNITS for word in words) else None


def _implied_count(state: State, cue: int) -> None:
    """ "orders per country" asks for their number."""
    draft = state.draft
    before = state.skip_back(cue - 1)
    if draft.measures or draft.limit is not None or draft.subject is not None or draft.projections:
        return
    if state.items[0].lower in ("which", "who", "what", "list", "show"):
        return
    nouns = [
        i
        for i in range(cue)
        if state.role(i) in ("table", "column") and not state.items[i].verb and state.items[i].free
    ]
    if len(nouns) == 1 and nouns[0] <= before and state.role(nouns[0]) == "table" and state.items[nouns[0]].plural:
        table = state.table(nouns[0])
        state.use(nouns[0], why="measure")
        draft.measures.append(Measure("count", table))
        draft.assumptions.append(f"the number of {state.info(table).table.name} is meant")
        draft.confidence = min(draft.confidence, 0.85)
    elif nouns and nouns[-1] <= before and all(state.role(at) == "column" for at in nouns) and draft.groups:
        joint = range(nouns[0] + 1, nouns[-1])
        if len(nouns) > 1 and not all(_joins(state, at) or at in nouns for at in joint):
            return
        for at in nouns:
            _implied_sum(state, at)
        if len(nouns) > 1:
            state.use(*(at for at in joint if at not in nouns), why="measure")


def _joins(state: State, at: int) -> bool:
    return state.cue(at) == "and" or state.items[at].text == ","


def _implied_sum(state: State, at: int) -> None:
    """ "downtime minutes for each month": what adds up is added up."""
    draft = state.draft
    try:
        ref = state.column(at, countable)
    except Unsure:
        return
    keys = [state.column_info(key.ref) for key in draft.groups if key.ref is not None]
    numbers = [info for info in keys if info.kind == "number" and (additive(info) or is_plural(info.name))]
    by_row = bool(numbers) or any(key.table == ref.table for key in draft.groups)
    if by_row or not (additive(state.column_info(ref)) or state.items[at].plural):
        return
    state.use(at, why="measure")
    draft.measures.append(Measure("aggregate", ref=ref, function="sum"))
    draft.assumptions.append(f"the total of {ref.column} is meant")
    draft.confidence = min(draft.confidence, 0.85)


def _only_denominator(state: State, cue: int, key: Key) -> bool:
    """ "average amount per order" of a column of orders is just its average."""
    return state.items[cue].cue == "each" and any(
        measure.kind == "aggregate"
        and measure.function == "avg"
        and measure.ref is not None
        and key.table == measure.ref.table
        for measure in [*state.draft.measures, *(m for m in state.draft.projections if isinstance(m, Measure))]
    )


def _is_key(state: State, index: int) -> bool:
    item = state.items[index]
    return (
        item.free
        and item.cue is None
        and (state.role(index) in ("table", "column") or bool(item.bucket))
        and not item.verb
    )


def _key(state: State, at: int) -> tuple[Key, int]:
    item = state.items[at]
    if item.bucket and state.role(at) != "column":
        state.use(at, why="group")
        return Key(bucket=item.bucket), at + 1
    if item.bucket and state.role(at) == "column":
        ref = _named_column(state, at)
        if ref is None:
            state.use(at, why="group")
            return Key(bucket=item.bucket), at + 1
    following = at + 1
    if state.role(at) == "table" and following < len(state.items) and state.items[following].free:
        first = state.table(at)
        if state.role(following) == "table" and not state.items[following].verb:
            second = state.table(following)
            if state.lexicon.graph.distance(first, second) == 1:
                state.use(at, following, why="group")
                return Key(table=second), following + 1
        if state.role(following) == "column" and state.items[following].cue is None:
            key = Key(ref=state.column(following))
            state.use(at, following, why="group")
            return key, following + 1
    key = state.key_at(at)
    state.use(at, why="group")
    end = at + 1
    # "for each region of the country": stop here; "each month of 2024" is left to the period.
    return key, end


def _named_column(state: State, at: int) -> Ref | None:
    """A column that is really called "date" or "month" and is not of a date type (which would be a bucket)."""
    try:
        ref = state.column(at)
    except Unsure:
        return None
    return None if state.column_info(ref).is_date or ref.table != state.subject_table() else ref


def _agent(state: State, cue: int, at: int) -> bool:
    """ "written by users from Spain": by names who did it, not a group."""
    before = cue - 1
    behind = state.skip(at + 1, "named")
    if state.role(at) in ("table", "column") and not state.items[at].plural and state.role(behind) == "value":
        return True
    if state.role(at) == "value" or state.items[at].kind in ("quoted", "number"):
        return True
    said = state.items[before] if before >= 0 else None
    done = said is not None and (said.verb or said.kind in ("generic", "unknown") or " " in said.lower)
    verb = done and said is not None and said.lower.endswith(_PARTICIPLE_ENDINGS)
    if state.role(at) != "table" or not state.items[at].plural:
        return False
    after = at + 1
    modified = after < len(state.items) and state.items[after].lower in (
        "with",
        "from",
        "who",
        "in",
        "that",
        "whose",
        "named",
        "of",
    )
    noun = state.role(before) == "table" and not said.verb if said is not None else False
    dated = after < len(state.items) and (state.items[after].verb or state.items[after].used == "period")
    return verb or modified or dated or (noun and after < len(state.items) and state.items[after].lower == "of")
