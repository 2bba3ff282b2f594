"""goals scored at each venue · drivers who drive electric vehicles · matches did each referee lead: the join says it"""

from __future__ import annotations

from postai.ask.grammar.column_doubts import done_to
from postai.ask.grammar.draft import Predicate, Ref
from postai.ask.grammar.links import is_link
from postai.ask.grammar.state import State
from postai.language.edges import Edge
from postai.language.relating import NEUTRAL, Bond, bond_of, does, inflected
from postai.language.word_set import word_set
from postai.language.words import stem

_BE = word_set("is are was were be been being get gets got")
_HAVE = word_set("have has had having")
_DO = word_set("do does did")
_WHO = word_set("who whom that which")
_BEFORE = _BE | _HAVE | _DO | _WHO | word_set("ever also they it he she each every all usually actually")
_PASSED = frozenset(
    {"each", "by", "over", "at least", "at most", "exactly", "under", "most", "least", "count", "distinct"}
)
# "are employed part-time", "is classified as premium": the value says it all.
_CALLED = word_set("""
    employed classified categorized categorised marked labelled labeled flagged considered designated tagged described
    deemed listed
    """)
_TRUST: dict[Bond, float] = {"plain": 0.85, "use": 0.8, "open": 0.75}


def apply(state: State) -> None:
    """Verbs that name nothing in the schema and say only how two of its tables belong together become harmless."""
    for index, item in enumerate(state.items):
        if item.kind == "unknown" and item.free and " " not in item.lower and item.text == item.lower:
            _verb(state, index)


def done(state: State) -> None:
    """ "the total amount paid": where the number is one of payments, being paid is no further condition."""
    for index, item in enumerate(state.items):
        table = done_to(state, index) if state.role(index) == "column" and not item.free else None
        if table is None or not state.items[index + 1].free:
            continue
        refs = {measure.ref for measure in state.draft.measures}
        if not any(ref is not None and ref.table == table for ref in refs):
            continue
        dates = [
            sense.column for sense in state.items[index + 1].of_kind("column") if sense.table == table and sense.column
        ]
        state.use(index + 1, why="done")
        if len(dates) == 1 and not state.info(table).column(dates[0]).column.not_null:
            state.draft.predicates.append(Predicate(Ref(table, dates[0]), "null", negated=True))


def _verb(state: State, index: int) -> None:
    word = state.items[index].lower
    base, bond = bond_of(word)
    left = _before(state, index)
    if left is None:
        return
    if _called(state, index, left):
        state.items[index].kind = "generic"
        return
    if bond == "more" or not base:
        return
    one = _table_of(state, left, bond)
    for right in (_behind(state, index), _asked_of(state, left)):
        other = _table_of(state, right, bond) if right is not None else None
        if one is None or right is None or other is None or not _reads_as_verb(state, index, left, right, bond):
            continue
        if _belong_together(state, index, base, bond, one, other):
            _explain(state, index, bond, one, other)
            return


def _explain(state: State, index: int, bond: Bond, one: int, other: int) -> None:
    state.items[index].kind = "generic"
    if state.word(index + 1) == "by":
        state.use(index + 1, why="agent")
    state.draft.confidence = min(state.draft.confidence, _TRUST[bond])
    word = state.items[index].lower
    titles = f"{state.info(one).title} and {state.info(other).title}"
    state.draft.assumptions.append(f'"{word}" is read as how {titles} belong together')


def _called(state: State, index: int, left: int) -> bool:
    """Whether the verb only says that a value behind it is true of the rows before it."""
    at = index + 1
    while at < len(state.items) and state.items[at].lower in ("as", "to", "be", "in"):
        at += 1
    if state.items[index].lower not in _CALLED or state.items[index - 1].lower not in _BE or state.role(at) != "value":
        return False
    return state.role(left) == "table" and any(s.table == state.table(left) for s in state.items[at].of_kind("value"))


def _before(state: State, index: int) -> int | None:
    """The noun that the verb is said of: right before it, or before "who", "were", "have" and the like."""
    at = index - 1
    while at >= 0 and (state.items[at].lower in _BEFORE or state.cue(at) == "not"):
        at -= 1
    noun = state.role(at) in ("table", "column") or (state.role(at) == "value" and state.items[at].plural)
    return at if at >= 0 and noun and not state.items[at].verb else None


def _behind(state: State, index: int) -> int | None:
    """The noun behind the verb, past prepositions, numbers, and values that describe the noun."""
    at, value = index + 1, None
    while at < len(state.items):
        item = state.items[at]
        if state.role(at) in ("table", "column"):
            return at
        if state.role(at) == "value" and item.kind != "quoted":
            value = at if value is None else value
        elif not (item.kind in ("filler", "number") or item.cue in _PASSED):
            break
        at += 1
    return value


def _asked_of(state: State, left: int) -> int | None:
    """ "how many matches did each referee lead": the object stands before "did"."""
    at = left - 1
    while at >= 0 and (state.items[at].kind == "filler" or state.items[at].cue == "each"):
        if state.items[at].lower in _DO | _HAVE:
            at = state.skip_back(at - 1)
            noun = at >= 0 and state.role(at) in ("table", "column") and not state.items[at].verb
            return at if noun else None
        at -= 1
    return None


def _reads_as_verb(state: State, index: int, left: int, right: int, bond: Bond) -> bool:
    """Not "customers have damaged parcels" nor "scored goals": there the word describes the noun behind it."""
    before = state.items[index - 1].lower
    direct = right == index + 1
    item = state.items[index]
    if not inflected(item.lower):
        plural = state.items[left].plural
        objects = state.role(right) == "table" and state.items[right].plural
        return before in _WHO or right < left or (plural and (objects or not direct))
    if before in _HAVE and direct:
        return False
    return not (direct and bond == "open" and not state.items[right].plural)


def _table_of(state: State, index: int, bond: Bond) -> int | None:
    """The table of a noun: the one it names, or that of the column or value that fits best."""
    if state.role(index) == "table":
        return state.table(index)
    kind = "column" if state.role(index) == "column" else "value"
    senses = state.items[index].of_kind(kind)
    if kind == "value":
        senses = tuple(s for s in senses if isinstance(s.value, str))
        if bond != "plain":
            senses = tuple(s for s in senses if s.column in state.info(s.table).labels)
    ranked = sorted(((state.rank(sense), sense) for sense in senses), key=lambda pair: -pair[0])
    if not ranked or (
        len(ranked) > 1 and ranked[1][0] > ranked[0][0] - 0.04 and ranked[1][1].table != ranked[0][1].table
    ):
        return None
    return ranked[0][1].table


def _belong_together(state: State, index: int, base: str, bond: Bond, one: int, other: int) -> bool:
    """Whether one way joins the tables, no column of theirs is called like the verb, and it fits the keys' roles."""
    graph = state.lexicon.graph
    if one == other or graph.distance(one, other) is None:
        return False
    paths = graph.paths(one, other)
    short = [path for path in paths if len(path) == len(paths[0])]
    between = {step.target for path in short for step in path} - {one, other}
    if bond == "use" and not any(is_link(state, table) for table in between):
        return False
    tables, said = {one, other, *between}, stem(state.items[index].lower)
    for table in tables:
        if any(not column.refers and said in map(stem, column.words) for column in state.info(table).columns):
            return False
    edges = [step.edge for path in short for step in path]
    return all(_fits(state, edge, base) for edge in edges)


def _fits(state: State, edge: Edge, base: str) -> bool:
    """ "films directed by each person" by director_id; a key that says another thing than the verb does not do."""
    own = {stem(word) for word in state.info(edge.child).words}
    if all(stem(word) in own for word in edge.role) or any(
        does(word, base) or stem(word) == stem(base) for word in edge.role
    ):
        return True
    others = [one for one in state.lexicon.graph.edges if (one.child, one.parent) == (edge.child, edge.parent)]
    return base in NEUTRAL and len(others) == 1 and not any(word.endswith(("er", "or")) for word in edge.role)
