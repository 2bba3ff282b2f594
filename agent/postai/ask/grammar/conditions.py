"""Reads conditions on columns in a range of items: values, quoted text, patterns, flags, missing, keys, comparisons."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from postai.ask.grammar.combining import combine
from postai.ask.grammar.comparisons import is_range, read_comparison
from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.literals import capital, inside_column, literal, unknown_name
from postai.ask.grammar.measures import countable
from postai.ask.grammar.nearness import explained_in_brackets, never_done, refuse_far
from postai.ask.grammar.patterns import PATTERN_CUES, read_pattern
from postai.ask.grammar.playing import of_role
from postai.ask.grammar.state import State
from postai.language.lexicon import Sense
from postai.language.tokens import key_of
from postai.language.word_set import word_set
from postai.language.words import stem

_PLACES = word_set("city town state country region province county district street address place location area zone")
# Columns that say of which kind a row is.
_KINDS = frozenset({"type", "kind", "category", "class", "genre", "classification"})


def conditions_in(state: State, low: int, high: int, near: int | None = None) -> list[Predicate]:
    """The conditions between two items; the items that they explain are marked."""
    joined_by_or: list[tuple[Predicate, int]] = []
    index = low
    while index < high:
        item = state.items[index]
        predicate: Predicate | None = None
        end = index + 1
        if item.free and item.taught:
            joined_by_or += [(one, index) for one in _taught(state, index)]
        if item.free and index in state.conditions:
            state.use(index, why="condition")
            joined_by_or += [(one, index) for one in state.conditions[index]]
            index += 1
            continue
        if item.free and (item.kind in ("quoted", "unknown") or state.role(index) == "value"):
            predicate, end = inside_column(state, index)
        if predicate is not None:
            pass
        elif item.free and item.cue in (
            "over",
            "at least",
            "under",
            "at most",
            "exactly",
            "unequal",
            "range",
            "more suffix",
            "less suffix",
        ):
            read = read_comparison(state, index, near)
            if read is not None and isinstance(read.found, Predicate):
                state.use(*read.used, why="comparison")
                predicate = read.found
        elif item.free and item.cue in PATTERN_CUES:
            predicate, end = read_pattern(state, index)
        elif item.free and item.cue == "named":
            predicate, end = _named(state, index, near)
        elif item.free and item.cue == "null":
            predicate = _missing(state, index, near)
        elif item.free and item.cue in ("not", "except"):
            predicate, end = _negated(state, index, high, near)
        elif item.free and (state.role(index) == "value" or item.kind == "quoted"):
            predicate = _value(state, index, near)
        elif item.free and is_range(state, index):
            read = read_comparison(state, index, near)
            if read is not None and isinstance(read.found, Predicate):
                state.use(*read.used, why="comparison")
                predicate, end = read.found, index + 3
        elif item.free and item.kind == "number" and not item.ordinal and not _continued(state, index):
            predicate = _key_number(state, index)
        elif item.free and state.role(index) == "column" and _has_some(state, index):
            ref = state.column(index, near=near)
            state.use(index, why="present")
            predicate = Predicate(ref, "null", negated=True)
        elif item.free and item.kind == "unknown" and capital(state, index):
            predicate, end = _literal_after_column(state, index, high)
            if predicate is None:
                predicate, end = unknown_name(state, index)
        if predicate is not None:
            predicate = of_role(state, predicate, index)
            joined_by_or.append((predicate, index))
        index = max(end, index + 1)
    return combine(state, joined_by_or)


# -- one kind each ----------------------------------------------------------------------------------------------


def _taught(state: State, index: int) -> tuple[Predicate, ...]:
    """A term that a person defined by conditions."""
    item = state.items[index]
    if len(item.taught) > 1 and any(other.cue == "or" for other in state.items):
        raise Unsure(f'what "or" joins with "{item.text}" is not clear')
    state.use(index, why="taught")
    return item.taught


def _value(state: State, index: int, near: int | None, negated: bool = False) -> Predicate | None:
    """A stored value, chosen by the column named beside it, else by the nearest table."""
    item = state.items[index]
    if explained_in_brackets(state, index):
        return None
    senses = [sense for sense in item.senses if sense.kind == "value"]
    if not senses:
        if item.kind == "quoted":
            return _unknown_literal(state, index, item.text, negated)
        raise Unsure(f'"{item.text}" is not a known value')
    senses = _no_person_behind_place(state, index, senses)
    beside = _beside(state, index)
    if beside is not None:
        where, columns, tables = beside
        fitting = [s for s in senses if (s.table, s.column) in columns] or [s for s in senses if s.table in tables]
        if fitting:
            ref, sense = _choose(state, item.text, _of_kind(state, index, fitting), near)
            if (ref.table, ref.column) in columns:
                state.use(where, why="value")
            state.use(index, why="value")
            return Predicate(ref, "=", _stored(sense), negated)
        if item.kind == "quoted" and columns:
            return _unknown_literal(state, index, item.text, negated)
    _contradicted(state, index)
    refuse_far(state, index, senses)
    ref, sense = _choose(state, item.text, _of_kind(state, index, senses), near)
    state.use(index, why="value")
    return Predicate(ref, "=", _stored(sense), negated)


def _of_kind(state: State, index: int, senses: list[Sense]) -> list[Sense]:
    """ "topical drugs": right before its noun a value says of which kind it is, when only one column holds kinds."""
    following = index + 1
    if state.role(following) != "table" or state.items[following].verb:
        return senses
    table = state.table(following)
    kinds = [
        sense
        for sense in senses
        if sense.table == table and state.lexicon.column(sense.table, sense.column or "").words[-1] in _KINDS
    ]
    rivals = {(sense.table, sense.column) for sense in senses} - {(sense.table, sense.column) for sense in kinds}
    if len(kinds) != 1 or not rivals:
        return senses
    state.draft.confidence = min(state.draft.confidence, 0.8)
    return kinds


def _no_person_behind_place(state: State, index: int, senses: list[Sense]) -> list[Sense]:
    """ "in Paris": a town rather than a person of that name."""
    if index == 0 or state.items[index - 1].lower not in ("in", "from", "at", "to"):
        return senses
    person = {"first", "last", "surname", "forename", "full"}
    others = [s for s in senses if not person & set(state.lexicon.column(s.table, s.column or "").words)]
    return others or senses


def _contradicted(state: State, index: int) -> None:
    """ "the program mathematics": a noun right before a value that cannot hold it speaks against the value."""
    before = index - 1
    if before >= 0 and state.items[before].lower in ("of", "named", "="):
        before -= 1
    if (
        before < 0
        or state.items[before].plural
        or state.items[before].verb
        or state.role(before) not in ("table", "column")
    ):
        return
    held = {s.table for s in state.items[index].senses if s.kind == "value"}
    following = state.role(index + 1)
    if following not in ("table", "column") and not held & {s.table for s in state.items[before].senses}:
        raise Unsure(f'"{state.items[index].text}" is no known {state.items[before].text}')


def _stored(sense: Sense) -> tuple[str | bool | int, ...]:
    assert sense.value is not None
    return (sense.value,)


def _choose(state: State, text: str, senses: list[Sense], near: int | None) -> tuple[Ref, Sense]:
    """The best value among several columns that hold it."""
    ranked = sorted(((state.rank(sense, near=near), sense) for sense in senses), key=lambda pair: -pair[0])
    score, best = ranked[0]
    for other_score, other in ranked[1:]:
        if other_score <= score - 0.04:
            break
        same_column = (other.table, other.column) == (best.table, best.column)
        if same_column and other.value != best.value:
            raise Unsure(f'"{text}" could mean several values', "Put the exact value in quotes.")
        if not same_column and not state._same_by_join(best, other):
            names = " or ".join(f"{state.info(s.table).table.name}.{s.column}" for s in (best, other))
            pairs = tuple((s.table, s.column or "") for s in (best, other))
            raise Unsure(f'"{text}" is a value of {names}', "Name the column with the value.", pairs)
    if score <= 0:
        raise Unsure(f'"{text}" is a value of a table that the question has nothing to do with')
    if best.how == "stem" or best.score < 0.8:
        state.draft.confidence = min(state.draft.confidence, 0.85)
    assert best.column is not None
    return Ref(best.table, best.column), best


def _beside(state: State, index: int) -> tuple[int, set[tuple[int, str | None]], set[int]] | None:
    """The column or table named right beside a value: "status cancelled", "the state of Texas", "Toys category"."""
    before = index - 1
    while before >= 0 and (state.items[before].kind == "filler" or state.items[before].cue in ("exactly", "named")):
        before -= 1
    after = index + 1
    for position in (before, after):
        if 0 <= position < len(state.items):
            item = state.items[position]
            columns = {(s.table, s.column) for s in item.senses if s.kind == "column"}
            tables = {s.table for s in item.senses if s.kind == "table"}
            if (columns or tables) and item.kind == "name" and not item.verb:
                held = {(s.table, s.column) for s in state.items[index].senses if s.kind == "value"}
                if position == after and not (columns & held) and not tables & {table for table, _ in held}:
                    continue
                if (
                    position == before
                    and state.items[index].kind != "quoted"
                    and not (columns & held)
                    and not tables & {t for t, _ in held}
                ):
                    continue
                return position, columns, tables
    return None


def _unknown_literal(state: State, index: int, text: str, negated: bool = False) -> Predicate:
    """A quoted text that is no known value: of the column before it, or the name of the thing before it."""
    before = index - 1
    while before >= 0 and (
        state.items[before].kind == "filler"
        or state.items[before].cue in ("exactly", "named")
        or state.items[before].text == "="
    ):
        before -= 1
    if before >= 0 and state.role(before) == "column":
        ref = state.column(before, lambda info: info.kind in ("text", "enum", "other"))
        state.use(before, index, why="value")
    elif before >= 0 and state.role(before) == "table":
        ref = _label(state, state.table(before))
        state.use(index, why="value")
    elif index + 1 < len(state.items) and state.role(index + 1) in ("column", "table"):
        after = index + 1
        if state.role(after) == "column":
            ref = state.column(after, lambda info: info.kind in ("text", "enum", "other"))
            state.use(after, index, why="value")
        else:
            ref = _label(state, state.table(after))
            state.use(index, why="value")
    else:
        raise Unsure(f'which column holds "{text}" is not clear', "Name the column with the value.")
    exact = _known_value(state, ref, text)
    for position in range(before + 1, index):
        if state.items[position].cue in ("exactly", "named"):
            state.use(position, why="value")
    return Predicate(ref, "=", (exact or text,), negated, fold=exact is None)


def _known_value(state: State, ref: Ref, text: str) -> str | None:
    """The stored spelling; Unsure when all values of the column are known and this is none of them."""
    exact = state.lexicon.stored.get((ref.table, ref.column), {}).get(text.lower())
    if exact is not None:
        return exact
    if (ref.table, ref.column) in state.lexicon.complete:
        senses = [s for s in state.lexicon.senses(key_of(text)) if (s.table, s.column) == (ref.table, ref.column)]
        if not senses:
            raise Unsure(f'{state.info(ref.table).table.name}.{ref.column} holds no "{text}"')
    statistics = state.column_info(ref).column.statistics
    known = (*statistics.most_common, *statistics.histogram) if statistics is not None else ()
    if len(known) > 5 and " " not in text and all(" " in value for value in known):
        raise Unsure(f'no {ref.column} is a single word like "{text}"', "Write the whole name.")
    return None


def _label(state: State, table: int) -> Ref:
    labels = state.info(table).labels
    if len(labels) != 1:
        raise Unsure(f"rows of {state.info(table).table.name} have no single name", "Name the column with the value.")
    return Ref(table, labels[0])


def _named(state: State, index: int, near: int | None) -> tuple[Predicate, int]:
    """customers named "Ann" · the product called Desk Lamp"""
    at = state.skip(index + 1)
    if at >= len(state.items):
        raise Unsure("the name is missing")
    before = state.skip_back(index - 1)
    if before >= 0 and state.role(before) == "column":
        ref = state.column(before)
        state.use(before, why="value")
    else:
        table = state.table(before) if before >= 0 and state.role(before) == "table" else near
        if table is None:
            raise Unsure("what is named so is not clear")
        ref = _label(state, table)
    text, end = literal(state, at)
    _known_value(state, ref, text)
    state.use(index, why="value")
    for position in range(at, end):
        state.items[position].used = "value"
    return Predicate(ref, "=", (text,), fold=True), end


def _place(state: State, index: int) -> bool:
    """Whether the word names a column that says where something is."""
    columns = [state.lexicon.column(s.table, s.column or "") for s in state.items[index].of_kind("column")]
    return any(_PLACES & set(column.words) for column in columns)


def _literal_after_column(state: State, index: int, high: int) -> tuple[Predicate | None, int]:
    """An unknown capitalised word right behind a column: city of Springfield, symbol ACME."""
    before = state.skip_back(index - 1)
    if before < 0 or state.role(before) != "column":
        return None, index + 1
    if state.items[index - 1].lower in ("in", "at", "on") and not _place(state, before):
        return None, index + 1  # "properties in Mill Street": where they are, not what they are
    ref = state.column(before)
    info = state.column_info(ref)
    if info.kind != "text" or info.is_id:
        return None, index + 1
    text, end = literal(state, index)
    _known_value(state, ref, text)
    state.use(before, why="value")
    for position in range(index, min(end, high)):
        state.items[position].used = "value"
    return Predicate(ref, "=", (text,), fold=True), end


def _has_some(state: State, index: int) -> bool:
    """ "with a coupon code", "have an email": a column that may be missing is there."""
    before = index - 1
    if before < 1 or state.items[before].lower not in ("a", "an", "any", "some"):
        return False
    if state.items[before - 1].lower not in ("with", "have", "has", "had", "used", "use", "using", "having", "got"):
        return False
    following = index + 1
    if following < len(state.items) and (
        (state.items[following].cue and state.items[following].cue not in ("and", "or", "not", "each", "by"))
        or state.items[following].lower == "of"
        or state.role(following) == "value"
    ):
        return False
    try:
        return not state.column_info(state.column(index)).column.not_null
    except Unsure:
        return False


def _missing(state: State, index: int, near: int | None) -> Predicate | None:
    """missing email · whose phone is null"""
    for position in (state.skip_back(index - 1), state.skip(index + 1)):
        if 0 <= position < len(state.items) and state.role(position) == "column":
            ref = state.column(position, near=near)
            negated = position < index and any(state.items[i].cue == "not" for i in range(position + 1, index))
            state.use(position, index, why="missing")
            return Predicate(ref, "null", negated=negated)
    return None


def _negated(state: State, index: int, high: int, near: int | None) -> tuple[Predicate | None, int]:
    """not cancelled · without an email · except Germany"""
    at = state.skip(index + 1)
    while at < high and state.items[at].kind == "generic":
        at = state.skip(at + 1)
    if at >= high:
        return None, index + 1
    item = state.items[at]
    column_between = at
    if state.role(at) in ("column", "table") and at + 1 < high and state.role(at + 1) == "value" and not item.verb:
        column_between, at = at, at + 1
    if at in state.conditions and state.items[at].free:
        if len(state.conditions[at]) != 1:
            raise Unsure("what is denied is not clear")
        state.use(index, at, why="negation")
        state.use_range(index + 1, column_between, "negation")
        told = state.conditions[at][0]
        return replace(told, negated=not told.negated), at + 1
    if state.role(at) == "value" or state.items[at].kind == "quoted":
        predicate = _value(state, at, near, negated=True)
        if predicate is None:
            raise Unsure("what is denied is not clear")
        if at + 1 < len(state.items) and state.items[at + 1].lower in ("ones", "one"):
            state.use(at + 1, why="negation")
        _refuse_progress(state, predicate, at)
        state.use(index, why="negation")
        state.use_range(index + 1, column_between, "negation")
        return predicate, at + 1
    if state.role(at) == "verb":
        if never_done(state, index, at, near):
            return None, at + 1
        senses = [
            s
            for s in item.senses
            if s.kind == "column" and s.column and not state.lexicon.column(s.table, s.column).column.not_null
        ]
        ranked = sorted(((state.rank(sense, near=near), sense) for sense in senses), key=lambda pair: -pair[0])
        if ranked and ranked[0][0] > 0.5 and (len(ranked) == 1 or ranked[1][0] < ranked[0][0] - 0.04):
            state.use(index, at, why="negation")
            return Predicate(Ref(ranked[0][1].table, ranked[0][1].column or ""), "null"), at + 1
        return None, index + 1
    if state.role(at) == "column" and state.items[index].lower not in ("except", "excluding"):
        ref = state.column(at, near=near)
        info = state.column_info(ref)
        if info.column.not_null or info.kind == "boolean":
            raise Unsure(f'what "{state.items[index].text} {item.text}" means is not clear')
        state.use(index, at, why="negation")
        return Predicate(ref, "null"), at + 1
    return None, index + 1


def _refuse_progress(state: State, predicate: Predicate, at: int) -> None:
    """ "not shipped": an order that is delivered was shipped too; only final states can be denied with certainty."""
    labels = list(state.column_info(predicate.ref).column.enum_labels) or list(
        state.lexicon.stored.get((predicate.ref.table, predicate.ref.column), {}).values()
    )
    value = str(predicate.values[0])
    passing = stem(value.lower()) in {
        "ship",
        "sent",
        "send",
        "paid",
        "pay",
        "pack",
        "process",
        "confirm",
        "dispatch",
        "approv",
        "book",
        "start",
    }
    done = {"deliver", "complet", "return", "refund", "close", "clos", "finish", "receiv", "arriv", "fulfill", "fulfil"}
    if passing and any(stem(label.lower()) in done for label in labels):
        raise Unsure(
            f'whether "not {state.items[at].text}" leaves out later states too is not clear',
            f"Name the states you mean: {', '.join(labels[:8])}.",
        )


def _continued(state: State, index: int) -> bool:
    """ "1000 or more": the words behind the number say how it is compared."""
    return state.cue(index + 1) in ("more suffix", "less suffix")


def _key_number(state: State, index: int) -> Predicate | None:
    """order 1001 · customer id 42 · the review with id 3 · with 5 stars"""
    item = state.items[index]
    after = index + 1
    if (
        after < len(state.items)
        and state.role(after) == "column"
        and state.items[after].free
        and item.number is not None
    ):
        try:
            ref = state.column(after, countable)
        except Unsure:
            return None
        state.use(index, after, why="number")
        return Predicate(ref, "=", (item.number,))
    before = index - 1
    while before >= 0 and (
        state.items[before].kind == "filler" or state.items[before].lower in ("number", "#", "=", "no")
    ):
        before -= 1
    if before < 0:
        return None
    item = state.items[index]
    number = item.number if item.number is not None else Decimal(0)
    if number != int(number) or item.unit:
        return None
    if state.role(before) == "column":
        try:
            ref = state.column(before, lambda info: info.kind == "number")
        except Unsure:
            return None
        state.use(before, index, why="key")
        state.use_range(before + 1, index, "key")
        return Predicate(ref, "=", (int(number),))
    if (
        state.role(before) == "table"
        and not state.items[before].plural
        and not state.items[before].verb
        and before == index - 1
    ):
        info = state.info(state.table(before))
        if len(info.key) == 1 and info.column(info.key[0]).kind == "number":
            state.use(index, why="key")
            return Predicate(Ref(info.index, info.key[0]), "=", (int(number),))
    return None
