"""Reads lists of what to show: "the customer name, the city and the number of orders", "first name and salary of"."""

from __future__ import annotations

from dataclasses import dataclass, field

from postai.ask.grammar.draft import Key, Measure, Ref, Unsure
from postai.ask.grammar.measures import read_measure
from postai.ask.grammar.state import State
from postai.language.tokens import key_of
from postai.language.word_set import word_set
from postai.language.words import singular

Entry = Ref | Key | Measure

_PASSED = frozenset({"both", "list", "only", "respective", "respectively", "corresponding", "just"})
_NAMES = frozenset({"name", "names", "full name", "full names"})
_KEYS = frozenset({"id", "ids", "identifier", "identifiers"})
_NUMBERS = word_set(
    "count counts number numbers total totals average averages percentage percentages ratio ratios sum sums"
)
_BELONGING = ("of", "for", "from", "in", "belonging to")
_AGGREGATES = ("sum", "avg", "count", "min", "max", "median", "highest", "lowest", "distinct", "how much", "measure")


@dataclass(slots=True)
class Wanted:
    """A list of things to show.

    Attributes:
        entries: what to show, in order.
        used: items that the list explains.
        end: index of the first item behind it.
        distinct: whether only different ones are wanted.
        owners: tables that "of" named inside the list, the first one first.
    """

    entries: list[Entry] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    end: int = 0
    distinct: bool = False
    owners: list[int] = field(default_factory=list)

    @property
    def columns(self) -> list[Ref]:
        return [entry for entry in self.entries if isinstance(entry, Ref)]

    @property
    def measures(self) -> list[Measure]:
        return [entry for entry in self.entries if isinstance(entry, Measure)]


def read_list(state: State, start: int, end: int, near: int | None = None, *, again: bool = False) -> Wanted:
    """The longest list that starts at an item; nothing is marked yet.

    Args:
        end: index behind the last item that may belong to it.
        near: table that columns without a table of their own are taken from.
        again: a further sentence, in which "the count" is the number that was asked for before.

    Raises:
        Unsure: a word of the list names two columns equally well.
    """
    wanted = Wanted(end=start)
    owner = _owner_of_all(state, start, end) if near is None else near
    at, pending = start, []
    while at < end:
        item = state.items[at]
        if item.used not in (None, "remark") and item.kind not in ("filler", "symbol"):
            break
        joint = item.text in (",", ":") or item.cue in ("and", "distinct") or item.lower in _PASSED
        if joint or (item.kind == "filler" and item.lower not in _BELONGING):
            wanted.distinct = wanted.distinct or item.cue == "distinct"
            pending.append(at)
            at += 1
            continue
        done = wanted.entries and not pending and (item.verb or item.kind == "generic")
        if done and at + 1 < end and (state.items[at + 1].text == "," or state.cue(at + 1) == "and"):
            at += 1  # "number of drugs prescribed, and ...": what is done with them is read elsewhere
            continue
        found = _again(state, at, end) if again else None
        found = found or _entry(state, at, end, owner)
        if found is None:
            break
        entries, used, after = found
        wanted.owners += [state.table(i) for i in used[1:] if state.role(i) == "table" and i > at]
        at = after
        if wanted.entries and not _joined(state, pending):
            break
        wanted.entries += [entry for entry in entries if entry not in wanted.entries]
        wanted.used += [*pending, *used]
        wanted.end, pending = at, []
        if owner is None and entries and isinstance(entries[0], Ref):
            owner = entries[0].table
    return wanted


def _again(state: State, at: int, end: int) -> tuple[list[Entry], list[int], int] | None:
    """ "Return the name and the count": a number without a noun is the one asked for before."""
    behind = at + 1
    if state.items[at].lower not in _NUMBERS or (
        behind < end and state.items[behind].text != "," and state.items[behind].cue != "and"
    ):
        return None
    return [], [at], behind


def _joined(state: State, pending: list[int]) -> bool:
    """Whether a comma or an "and" stands between two entries."""
    return any(state.items[at].text in (",", ":") or state.items[at].cue == "and" for at in pending)


def _owner_of_all(state: State, start: int, end: int) -> int | None:
    """ "first name, last name and salary of the employees": the noun behind the first "of" owns what has no other."""
    for at in range(start, end):
        if state.items[at].lower in ("of", "for", "from"):
            noun = _noun_behind(state, at, end)
            if noun is not None:
                return state.table(noun)
            if state.role(state.skip(at + 1)) == "column":
                continue
            return None
        if state.items[at].cue in ("order by", "over", "under", "at least", "at most"):
            return None
    return None


def _noun_behind(state: State, at: int, end: int) -> int | None:
    """The table named behind "of", past articles and "each"; None = something else stands there."""
    index = at + 1
    while index < end and (
        state.items[index].kind == "filler"
        or state.items[index].cue in ("each", "distinct")
        or (state.role(index) == "value" and index + 1 < end)
        or state.items[index].kind == "number"
        or state.items[index].used == "remark"
    ):
        index += 1
    if index < end and state.role(index) == "table" and not state.items[index].verb:
        following = index + 1
        if state.role(following) == "column" and not state.items[index].plural:
            return None
        return index
    return None


def _entry(state: State, at: int, end: int, owner: int | None) -> tuple[list[Entry], list[int], int] | None:
    """One thing to show: what it is, the items it explains, and the index behind it."""
    item = state.items[at]
    if state.cue(at) in _AGGREGATES and (parsed := read_measure(state, at)) is not None and parsed.end <= end:
        return [parsed.measure], list(parsed.used), parsed.end
    if item.bucket and state.role(at) != "column":
        return [Key(bucket=item.bucket)], [at], at + 1
    shortened = _shortened(state, at, end, owner)
    if shortened is not None:
        return shortened
    possessor = state.role(at) == "table" and not item.verb and at + 1 < end
    if possessor and (state.role(at + 1) == "column" or _is_name(state, at + 1)):
        refs = _columns(state, at + 1, state.table(at))
        return refs, [at, at + 1], at + 2
    if state.role(at) == "column" or _is_name(state, at):
        return _plain(state, at, end, owner)
    parsed = read_measure(state, at) if item.cue is None or item.concept else None
    if parsed is not None and parsed.end <= end and parsed.measure.kind != "count":
        return [parsed.measure], list(parsed.used), parsed.end
    if parsed is not None and parsed.measure.kind == "count" and len(parsed.used) > 1 and parsed.end <= end:
        return [parsed.measure], list(parsed.used), parsed.end
    if state.role(at) == "table" and not item.verb:
        return [Key(table=state.table(at))], [at], at + 1
    return None


def _shortened(state: State, at: int, end: int, owner: int | None) -> tuple[list[Entry], list[int], int] | None:
    """ "first and last name", "open, high and close price": the last noun belongs to each of the words."""
    words: list[int] = [at]
    index = at + 1
    while index < end and len(words) < 5:
        joint = index
        while index < end and (state.items[index].text == "," or state.items[index].cue in ("and", "or")):
            index += 1
        if index == joint or index >= end:
            return None
        full = state.items[index].lower.split()
        if state.role(index) == "column" and len(full) > 1:
            return _with_noun(state, words, index, full[-1], owner)
        words.append(index)
        index += 1
    return None


def _with_noun(
    state: State, words: list[int], last: int, noun: str, owner: int | None
) -> tuple[list[Entry], list[int], int] | None:
    """The columns that each word names together with the noun of the last one, all of one table."""
    final = state.column(last, near=owner)
    found: list[Entry] = []
    for at in words:
        item = state.items[at]
        if not item.free or len(item.lower.split()) > 1:
            return None
        senses = state.lexicon.senses(key_of(f"{item.lower} {noun}"))
        mine = [sense for sense in senses if sense.kind == "column" and sense.table == final.table]
        if not mine or mine[0].score < 0.9 or mine[0].column is None:
            return None
        found.append(Ref(final.table, mine[0].column))
    return [*found, final], [*range(words[0], last + 1)], last + 1


def _is_name(state: State, at: int) -> bool:
    return at < len(state.items) and state.items[at].lower in _NAMES | _KEYS and state.items[at].free


def _plain(state: State, at: int, end: int, owner: int | None) -> tuple[list[Entry], list[int], int]:
    """A column, and the noun that owns it when only this one is meant: "name of the customer and ..."."""
    used, after = [at], at + 1
    table = owner
    if after < end and state.items[after].lower in ("of", "for"):
        noun = _noun_behind(state, after, end)
        if noun is not None:
            table = state.table(noun)
            behind = state.skip(noun + 1)
            own = behind < end and (state.items[behind].text == "," or state.items[behind].cue == "and")
            own = (own and _list_goes_on(state, behind, end)) or _possessed(state, after, noun)
            if own and all(state.items[i].kind == "filler" for i in range(after, noun)):
                used += [*range(after, noun + 1)]
                after = noun + 1
    return _columns(state, at, table), used, after


def _possessed(state: State, low: int, high: int) -> bool:
    """ "of their department": the noun belongs to another one."""
    return any(state.items[at].lower in ("their", "its", "his", "her") for at in range(low, high))


def _list_goes_on(state: State, joint: int, end: int) -> bool:
    """Whether another thing to show stands behind a comma or an "and"."""
    at = joint
    while at < end and (
        state.items[at].kind == "filler" or state.items[at].text == "," or state.items[at].cue in ("and", "distinct")
    ):
        at += 1
    return at < end and (
        state.role(at) == "column"
        or state.cue(at) in _AGGREGATES
        or state.role(at + 1) == "column"
        or _is_name(state, at)
    )


def _columns(state: State, at: int, owner: int | None) -> list[Entry]:
    """The columns a word stands for: "name" of a person with two names means both of them."""
    word = state.items[at].lower
    table = owner if owner is not None else state.owner(at)
    if table is None and state.anchors and word in _NAMES | _KEYS:
        table = state.anchors[0]
    if table is not None and word in _NAMES | _KEYS:
        info = state.info(table)
        named = info.labels if word in _NAMES else info.key
        plain = [column for column in info.columns if column.own == (word.rstrip("s"),) and word in _NAMES]
        if plain:
            return [Ref(table, plain[0].name)]
        if named:
            return [Ref(table, column) for column in named]
    if state.role(at) != "column":
        raise Unsure(f'which "{state.items[at].text}" is meant is not clear')
    return [_said_before(state, at) or state.column(at, near=table)]


def _said_before(state: State, at: int) -> Ref | None:
    """ "the easiness scores ... Show courses and scores": a longer name before says which of them is meant."""
    if state.owner(at) is not None:
        return None
    mine = {(sense.table, sense.column): sense.score for sense in state.items[at].of_kind("column")}
    if len(mine) < 2:
        return None
    words = set(state.items[at].lower.split())
    for index in range(at):
        item = state.items[index]
        if state.role(index) != "column" or item.lower == state.items[at].lower:
            continue
        named = {singular(word) for word in item.lower.split()}
        if {singular(word) for word in words} < named:
            ref = state.column(index)
            if (ref.table, ref.column) in mine:
                return ref
    return None
