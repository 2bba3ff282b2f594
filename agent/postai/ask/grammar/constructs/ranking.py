"""top 5 customers by revenue · which product has the most reviews · the 3 cheapest products · the most common city"""

from __future__ import annotations

from postai.ask.grammar.dating import property_column
from postai.ask.grammar.draft import Key, Measure, OrderBy, Predicate, Ref, Unsure
from postai.ask.grammar.measures import Parsed, additive, read_measure
from postai.ask.grammar.state import State


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if not item.free:
            continue
        if item.cue == "top" and not (item.senses and state.role(index) == "column"):
            _top(state, index)
        elif item.superlative is not None and _property(state, index):
            continue
        elif item.cue in ("most common", "least common"):
            _most_common(state, index)
        elif item.cue in ("most", "least", "highest", "lowest"):
            _superlative(state, index)


def _number_before(state: State, index: int) -> tuple[int | None, int | None]:
    """A count right before: (item, number)."""
    before = state.skip_back(index - 1)
    if (
        before >= 0
        and state.items[before].kind == "number"
        and state.items[before].free
        and not state.items[before].ordinal
    ):
        return before, int(state.items[before].number or 0)
    return None, None


def take_ordinal(state: State, index: int) -> None:
    """ "the second highest", "third most expensive": the rows before it are left out."""
    before = state.skip_back(index - 1)
    if before < 0 or not state.items[before].ordinal or not state.items[before].free:
        return
    state.use(before, why="ranking")
    state.draft.offset = int(state.items[before].number or 1) - 1


def set_limit(state: State, number: int | None, plural: bool) -> None:
    """Set how many rows are wanted: one of a singular noun; a plural without a number is a doubt."""
    if number is None and plural:
        raise Unsure("how many rows are wanted is not clear", 'Say a number: "top 10 ...".')
    if state.draft.limit is not None:
        raise Unsure("the question ranks twice")
    state.draft.limit = number if number is not None else 1


def ranked_key(state: State, at: int) -> tuple[Key, tuple[int, ...], int]:
    """What is ranked: the last of "product categories", "customer countries"."""
    if state.role(at) not in ("table", "column"):
        if at < len(state.items) and state.items[at].bucket:
            return Key(bucket=state.items[at].bucket), (at,), at + 1
        raise Unsure("what is ranked is not clear")
    following = at + 1
    compound = state.role(at) == "table" and not state.items[at].plural and state.role(following) in ("table", "column")
    if compound and not state.items[following].verb and state.items[following].free:
        first = state.table(at)
        if state.role(following) == "column":
            return Key(ref=state.column(following)), (at, following), following + 1
        second = state.table(following)
        if state.lexicon.graph.distance(first, second) == 1:
            return Key(table=second), (at, following), following + 1
    return state.key_at(at), (at,), at + 1


def _top(state: State, index: int) -> None:
    descending = state.items[index].lower != "bottom"
    at = state.skip(index + 1)
    number: int | None = None
    used = [index]
    if at < len(state.items) and state.items[at].kind == "number":
        number = int(state.items[at].number or 0)
        used.append(at)
        at = state.skip(at + 1)
    while at < len(state.items) and (state.role(at) == "value" or state.cue(at) == "distinct"):
        if state.cue(at) == "distinct":
            used.append(at)
        at = state.skip(at + 1)
    combined = _combination(state, at)
    if combined is not None:
        used += range(at, combined + 1)
        at = state.skip(combined + 1)
    key, key_used, end = ranked_key(state, at)
    further: list[Key] = []
    while combined is not None and state.cue(end) == "and":
        other, other_used, after = ranked_key(state, state.skip(end + 1))
        further.append(other)
        used += [end, *other_used]
        end = after
    plural = state.items[key_used[-1]].plural or combined is not None
    measure_at = _measure_behind(state, end)
    if measure_at is None and combined is None and _ordered(state, key):
        state.use(*used, *key_used, why="ranking")
        set_limit(state, number, plural)
        return
    if measure_at is None:
        raise Unsure("by what they are ranked is not clear", 'Say "by revenue", "by number of orders", ...')
    cue_at, start = measure_at
    parsed = read_measure(state, start, bare=True, superlative=True)
    if parsed is None:
        raise Unsure("by what they are ranked is not clear")
    if state.items[cue_at].cue in ("lowest", "least"):
        descending = not descending
    state.use(*used, *key_used, cue_at, *parsed.used, why="ranking")
    set_limit(state, number, plural)
    _rank(state, key, parsed.measure, descending)
    state.draft.groups += [one for one in further if one not in state.draft.groups]
    _second_measure(state, parsed.end, descending)


def _combination(state: State, at: int) -> int | None:
    """ "combinations of state and type": the index of "of"; each pair is ranked."""
    words = ("combination", "combinations", "pair", "pairs")
    if at + 1 < len(state.items) and state.items[at].lower in words and state.items[at + 1].lower == "of":
        return at + 1
    return None


def _ordered(state: State, key: Key) -> bool:
    """ "the top 5 insurance types sorted by lowest average score": what they are sorted by ranks them."""
    draft = state.draft
    if len(draft.orders) != 1:
        return False
    order = draft.orders[0]
    if order.ref is not None:
        if key.table != order.ref.table:
            return False
        draft.subject = draft.subject or key
        return True
    if order.measure is None or order.measure.kind == "plain":
        return False
    if key not in draft.groups:
        draft.groups.append(key)
    if order.measure not in draft.measures:
        draft.measures.append(order.measure)
    return True


def _second_measure(state: State, at: int, descending: bool) -> None:
    """ "by number of orders and total revenue": the second decides between equals."""
    if state.cue(at) != "and":
        return
    parsed = read_measure(state, at + 1)
    if parsed is None or parsed.measure.kind == "plain":
        return
    state.use(at, *parsed.used, why="ranking")
    state.draft.measures.append(parsed.measure)
    state.draft.orders.append(OrderBy(measure=parsed.measure, descending=descending))


def _measure_behind(state: State, end: int) -> tuple[int, int] | None:
    """The word that introduces the measure, and where the measure starts."""
    for at in range(end, state.sentence_end(end)):
        cue = state.cue(at)
        if cue in ("by", "in terms of", "highest", "lowest", "most", "least"):
            start = at + 1
            if cue == "by" and state.role(state.skip(start)) == "value":
                continue
            inner = state.skip(start)
            if cue == "by" and state.cue(inner) in ("highest", "lowest", "most", "least"):
                return inner, inner + 1
            return at, start
    return None


def _shown_total(state: State, key: Key, measure: Measure) -> Measure:
    """ "Top 2 towns by fee. Return the town and the total fee": the number that is shown is the one meant."""
    if measure.kind != "plain" or (key.ref is not None and state.column_info(key.ref).kind not in ("text", "enum")):
        return measure
    shown = [one for one in state.draft.projections
             if isinstance(one, Measure) and one.kind == "aggregate" and one.ref == measure.ref]  # fmt: skip
    return shown[0] if len(shown) == 1 else measure


def _rank(state: State, key: Key, measure: Measure, descending: bool) -> None:
    if state.draft.subject is not None and state.draft.subject != key:
        raise Unsure("what is ranked is not clear")
    own = key.table if key.table is not None else None
    measure = _shown_total(state, key, measure)
    if measure.kind == "plain" and measure.ref is not None:
        if measure.ref.table == own:
            state.draft.subject = key
            state.draft.orders.append(OrderBy(ref=measure.ref, descending=descending))
            return
        ref = measure.ref
        words = set(state.column_info(ref).words)
        if words & {"rating", "score", "star", "stars"} and key.ref is None:
            measure = Measure("aggregate", ref=ref, function="avg")
            state.draft.assumptions.append("the rating is the average rating")
            state.draft.confidence = min(state.draft.confidence, 0.85)
        elif key.ref is not None and key.ref.table == ref.table:
            if state.draft.limit == 1 and not words & {
                "amount",
                "total",
                "quantity",
                "revenue",
                "balance",
                "count",
                "value",
            }:
                state.draft.subject = key
                state.draft.orders.append(OrderBy(ref=ref, descending=descending))
                state.draft.confidence = min(state.draft.confidence, 0.75)
                return
            if not additive(state.column_info(ref)):
                raise Unsure("whether the highest, the average or the total is meant is not clear")
            measure = _added_up(state, ref)
        elif (key.table is not None or key.bucket) and additive(state.column_info(ref)):
            measure = _added_up(state, ref)
        else:
            raise Unsure("whether the highest, the average or the total is meant is not clear")
    state.draft.subject = key
    if key not in state.draft.groups:
        state.draft.groups.append(key)
    state.draft.measures.append(measure)
    state.draft.orders.append(OrderBy(measure=measure, descending=descending))


def _added_up(state: State, ref: Ref) -> Measure:
    state.draft.assumptions.append(f"{ref.column} of several rows is added up")
    state.draft.confidence = min(state.draft.confidence, 0.8)
    return Measure("aggregate", ref=ref, function="sum")


def _subject_near(state: State, index: int) -> tuple[Key, tuple[int, ...], int, int | None, int | None]:
    """What a superlative ranks: the last noun before it that is not possessed, with a number in front."""
    nouns = [i for i in range(index) if state.role(i) in ("table", "column") and not state.items[i].verb]
    ranked = [i for i in nouns if _is_ranked(state, (i,)) and state.role(i) == "table"]
    # "for each category the product with the highest revenue": the product is ranked.
    first = ranked[0] if ranked and nouns[0] < ranked[0] and not _is_ranked(state, (nouns[0],)) else 0
    for at in range(first, index):
        if state.is_end(at):
            continue
        item = state.items[at]
        bucket = item.bucket and item.free and state.role(at) != "table"
        if bucket or (state.role(at) in ("table", "column") and not item.verb and item.cue is None):
            if not bucket and state.role(at) == "column":
                # "the names of the customers with the most orders": the table behind is what is ranked.
                later = next(
                    (i for i in range(at + 1, index) if state.role(i) == "table" and not state.items[i].verb), None
                )
                if later is not None:
                    at = later
            if bucket and not any(
                s.kind == "column" and not state.lexicon.column(s.table, s.column or "").is_date for s in item.senses
            ):
                return Key(bucket=item.bucket), (at,), at + 1, *_number_before(state, at)
            key, used, end = ranked_key(state, at)
            number_at, number = _number_before(state, used[0])
            return key, used, end, number_at, number
    who = next((at for at in range(index) if state.items[at].lower == "who"), None)
    people = {sense.table for sense in state.lexicon.senses("person") if sense.kind == "table"}
    if who is not None and len(people) == 1:
        return Key(table=people.pop()), (who,), who + 1, None, None
    raise Unsure("what is ranked is not clear")


def _superlative(state: State, index: int) -> None:
    """the most orders · the highest total revenue · spent the most"""
    descending = state.items[index].cue in ("most", "highest")
    lower = state.items[index].lower
    try:
        key, key_used, _, number_at, number = _subject_near(state, index)
    except Unsure:
        if state.items[index].cue in ("highest", "lowest"):
            _nth_value(state, index, descending)
            return
        raise
    if "number of" in lower or "count of" in lower or state.items[index].cue in ("most", "least"):
        superlative = True
    else:
        superlative = False
    parsed = read_measure(state, index + 1, bare=True, superlative=superlative)
    if parsed is None:
        if state.items[index].cue in ("highest", "lowest") and not _is_ranked(state, key_used):
            return
        parsed = _measure_before(state, index)
        if parsed is None:
            raise Unsure(f'"{state.items[index].text}" of what is not clear')
    elif state.items[index].cue in ("highest", "lowest") and not _is_ranked(state, key_used):
        return
    if key.table is not None and parsed.measure.kind == "count" and parsed.measure.table == key.table:
        raise Unsure("what is ranked is not clear")
    state.use(index, *key_used, *parsed.used, why="ranking")
    if number_at is not None:
        state.use(number_at, why="ranking")
    take_ordinal(state, index)
    every = number is None and state.items[key_used[-1]].plural and _told_for_each(state, parsed.end)
    if every:
        state.draft.assumptions.append("all of them are listed, the first ones on top")
    else:
        set_limit(state, number, state.items[key_used[-1]].plural)
    _rank(state, key, parsed.measure, descending)


def _told_for_each(state: State, at: int) -> bool:
    """ "Which cities have the most shops, and how many shops are in each city?": each of them is asked for."""
    counted = any(state.cue(i) == "count" for i in range(at, len(state.items)))
    return counted and any(state.items[i].cue == "each" for i in range(at, len(state.items)))


def _nth_value(state: State, index: int, descending: bool) -> None:
    """ "the second highest salary": of the different values, none of which is the row of somebody."""
    before = state.skip_back(index - 1)
    at = state.skip(index + 1)
    if before < 0 or not state.items[before].ordinal or state.role(at) != "column":
        return
    ref = state.column(at, lambda info: info.is_date or (info.kind == "number" and not info.is_id))
    take_ordinal(state, index)
    state.use(index, at, why="ranking")
    set_limit(state, None, plural=False)
    state.draft.subject = Key(ref=ref)
    state.draft.distinct = True
    state.draft.orders.append(OrderBy(ref=ref, descending=descending))


def _is_ranked(state: State, key_used: tuple[int, ...]) -> bool:
    """ "which city has the highest ..." ranks cities; "for each city the highest ..." does not."""
    before = state.skip_back(key_used[0] - 1)
    return not (before >= 0 and state.items[before].cue in ("each", "by"))


def _measure_before(state: State, index: int) -> Parsed | None:
    """ "spent the most", "ordered the most": the verb before says what is added up."""
    before = state.skip_back(index - 1)
    if before < 0:
        return None
    item = state.items[before]
    if item.verb and item.free and state.role(before) == "table" and "often" in state.items[index].lower:
        return Parsed(Measure("count", state.table(before)), index + 1, (before,))
    used = item.lower in ("used", "use", "uses") and "often" in state.items[index].lower
    subject = next((i for i in range(before) if state.role(i) == "table"), None)
    if used and subject is not None:
        children = [s.target for s in state.lexicon.graph.steps.get(state.table(subject), ()) if not s.up]
        if len(children) == 1:
            return Parsed(Measure("count", children[0]), index + 1, (before,))
    if item.concept and item.free:
        return Parsed(Measure("money", concept=item.concept), index + 1, (before,))
    return None


# -- most expensive, latest, oldest -----------------------------------------------------------------------------


def _property(state: State, index: int) -> bool:
    """Adjective superlatives; False = the word is left to other readings ("largest number of")."""
    direction, what = state.items[index].superlative or ("", "")
    at = state.skip(index + 1)
    number_after = None
    if state.cue(at) in ("sum", "avg", "count") and state.items[index].cue is not None:
        return False  # "the largest total area"
    if at < len(state.items) and state.items[at].kind == "number" and state.items[at].free:
        number_after, at = at, state.skip(at + 1)
    while at < len(state.items) and (state.role(at) == "value" or state.items[at].used == "remark"):
        at = state.skip(at + 1)
    if at < len(state.items) and state.role(at) == "table" and not state.items[at].verb:
        key, used, _ = ranked_key(state, at)
    elif at < len(state.items) and state.role(at) == "column" and state.items[index].cue is not None:
        return False
    else:
        before = [i for i in range(index) if state.role(i) == "table" and not state.items[i].verb]
        if not before or (at < len(state.items) and state.role(at) == "column"):
            return False
        key, used, _ = ranked_key(state, before[0])
    if key.table is None:
        return False
    _refuse_possessed(state, index, key.table)
    number_at, number = _number_before(state, min(index, used[0]))
    if number_after is not None:
        number_at, number = number_after, int(state.items[number_after].number or 0)
    by = _by_column(state, used[-1] + 1, key.table)
    target = by[1] if by is not None else property_column(state, key.table, what)
    if target is None:
        raise Unsure(f'what "{state.items[index].text}" means for {state.info(key.table).table.name} is not clear')
    state.use(index, *used, *(by[0] if by is not None else ()), why="ranking")
    if number_at is not None:
        state.use(number_at, why="ranking")
    take_ordinal(state, index)
    set_limit(state, number, state.items[used[-1]].plural)
    descending = direction == "desc"
    if isinstance(target, Measure):
        _rank(state, key, target, descending)
        return True
    state.draft.subject = key
    info = state.column_info(target)
    if what == "@age" and not info.is_date and "year" not in info.words:
        descending = not descending
    state.draft.orders.append(OrderBy(ref=target, descending=descending))
    return True


def _by_column(state: State, at: int, table: int) -> tuple[tuple[int, int], Ref] | None:
    """ "the 3 largest paintings by height": the column that is meant is named."""
    column = state.skip(at + 1)
    if state.cue(at) not in ("by", "in terms of") or state.role(column) != "column" or not state.items[column].free:
        return None
    ref = state.column(column, near=table)
    info = state.column_info(ref)
    return ((at, column), ref) if ref.table == table and info.kind == "number" and not info.is_id else None


def _refuse_possessed(state: State, index: int, table: int) -> None:
    """ "suppliers with the cheapest product", "customers whose first order": the rows asked for are others."""
    for at in range(index):
        if state.role(at) == "table" and not state.items[at].verb and state.table(at) != table:
            before = state.skip_back(at - 1)
            if not (before >= 0 and state.items[before].cue in ("each", "by")):
                raise Unsure(f"whether rows of {state.info(state.table(at)).table.name} are asked for is not clear")


def _most_common(state: State, index: int) -> None:
    """the most common city of customers · most frequent diagnosis"""
    at = state.skip(index + 1)
    if state.role(at) not in ("column", "table"):
        nouns = [i for i in range(index) if state.role(i) in ("column", "table") and not state.items[i].verb]
        at = nouns[-1] if nouns and state.skip(nouns[-1] + 1) == index else at
    number_at, number = _number_before(state, min(index, at))
    if state.role(at) not in ("column", "table"):
        raise Unsure(f'"{state.items[index].text}" of what is not clear')
    key, used, end = ranked_key(state, at)
    if "popular" in state.items[index].lower and key.table is not None:
        raise Unsure("by what popularity is measured is not clear", 'Say "by number of orders", ...')
    counted: int | None = None
    if key.ref is not None and key.ref.table not in state.anchors and state.anchors:
        counted = state.anchors[0]
    elif key.ref is not None:
        counted = key.ref.table
    else:
        later = [
            i for i in range(end, state.sentence_end(end)) if state.role(i) == "table" and state.table(i) != key.table
        ]
        counted = state.table(later[0]) if later else None
    if counted is None:
        raise Unsure(f'"{state.items[index].text}" among what is not clear')
    state.use(index, *used, why="ranking")
    if number_at is not None:
        state.use(number_at, why="ranking")
    take_ordinal(state, index)
    set_limit(state, number, state.items[used[-1]].plural)
    if key.ref is not None and not state.column_info(key.ref).column.not_null:
        there = Predicate(key.ref, "null", negated=True)
        state.draft.predicates += [there] if there not in state.draft.predicates else []
    _rank(state, key, Measure("count", counted), state.items[index].cue == "most common")
