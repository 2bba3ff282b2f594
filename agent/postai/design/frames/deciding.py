"""Turns what was told of two things into keys and tables between them."""

from __future__ import annotations

from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.frames.grammar import PARTICLES
from postai.design.frames.world import Act, Link, World
from postai.design.relations import MANY_MANY, NOMINALS, Relation, junction, nominals, refer
from postai.language.word_set import word_set

Pair = frozenset[str]

_TAKES_PART = word_set("""
    appear fly attend enrol enroll join participate follow like speak know use star play perform work compete vote
    sign subscribe rate review tag learn visit depend cite sponsor accompany collaborate cover share run_ go pass supply
    treat sell stock enter start_ feature sing dance act
    """)
_INSIDE = word_set("in on at along to from under against near about within into over of for with by")


def decide(world: World) -> None:
    """Make the keys and tables that all clauses together call for."""
    _adopt(world)
    grouped: dict[Pair, list[Link]] = {}
    for one in world.links:
        grouped.setdefault(frozenset((one.a, one.b)), []).append(one)
    for pair, found in grouped.items():
        if len(pair) == 1:
            _self(world, found)
    rest = {pair: found for pair, found in grouped.items() if len(pair) == 2}
    for pair, found in rest.items():
        apart = _reserved(world, pair, found)
        if apart:
            rest[pair] = [one for one in found if not any(one is other for other in apart)]
            _pair(world, apart)
    rest = {pair: found for pair, found in rest.items() if found}
    carried = {pair: carrier for pair, found in rest.items() if (carrier := _carrier(world, pair, found)) is not None}
    for pair, found in rest.items():
        if pair in carried:
            for one in found:
                for value in one.attributes:
                    world.put(world.ground.draft.tables[carried[pair]], value)
            if not any(not one.many for one in found):
                continue
            found = [one for one in found if not one.many]
        _pair(world, found)
    for x, y, values in world.pairs:
        _pair_values(world, x, y, values)


def _reserved(world: World, pair: Pair, found: list[Link]) -> list[Link]:
    """What is done besides what has a table of its own: members borrow items, a loan, and reserve them too."""
    apart = [one for one in found if one.many and one.lemma in _ALSO_DONE]
    acts = [one for one in world.acts if pair <= set(one.tables)]
    named = {one.lemma for one in acts if _event_of(world, one) is not None}
    if not apart or not named or named & {one.lemma for one in apart}:
        return []
    return apart


_ALSO_DONE = word_set("reserve like favourite favorite bookmark rate review follow")


def _table(world: World, name: str) -> Table:
    return world.ground.draft.tables[name]


# Events --------------------------------------------------------------------------------------------------------------


def _adopt(world: World) -> None:
    """Events get keys to who and what takes part: "guests book rooms", a booking."""
    for act in world.acts:
        event = _event_of(world, act)
        if event is None:
            continue
        if _settled(world, event, act):
            continue
        for name in act.tables:
            if only_done(world, name):
                world.links[:] = [one for one in world.links if name not in (one.a, one.b)]
                continue
            if (
                name != event.name
                and not any({one.a, one.b} == {event.name, name} for one in world.links)
                and not _through_parts(world, event, name)
            ):
                world.links.append(Link(event.name, name, lemma="belong", number=act.number))
        for one in [one for one in world.links if one.number == act.number and {one.a, one.b} <= set(act.tables)]:
            world.links.remove(one)
            for value in one.attributes:
                world.put(event, value)
    for table in list(world.ground.draft.tables.values()):
        if any(table.name in (one.a, one.b) for one in world.links) or any(
            table.name in one[:2] for one in world.pairs
        ):
            continue
        near = [
            act
            for act in world.acts
            if table.name not in act.tables and len(act.tables) > 1 and _follows(world, table, act)
        ]
        if near:
            for name in near[-1].tables:
                world.links.append(Link(table.name, name, lemma="belong", number=near[-1].number))


def _settled(world: World, event: Table, act: Act) -> bool:
    """Whether an act says of one what it belongs to, and the event has its keys without it: "works in one office"."""
    told = [one for one in world.links if one.number == act.number]
    held = {one.b for one in world.links if one.a == event.name and not one.many and one.lemma == "belong"}
    return (
        bool(told)
        and not any(one.many for one in told)
        and len(held) > 1
        and bool(held & set(act.tables) and set(act.tables) - held)
    )


def _through_parts(world: World, event: Table, name: str) -> bool:
    """Whether what is done has parts that name the thing: an order contains items, each with a dish."""
    parts = {one.b for one in world.links if one.a == event.name and one.many and not one.vague}
    return any(one.a in parts and one.b == name and not one.many for one in world.links)


DONE = frozenset(word for words in NOMINALS.values() for word in words.split())


def only_done(world: World, name: str) -> bool:
    """Whether a table is but what is done, under another name: "cachers log their visits"."""
    table = _table(world, name)
    bare = all(one.fixed for one in table.columns.values()) and table.noun not in world.names.defined
    told = any(one.a == name and not one.many and one.lemma != "have" for one in world.links)
    return bare and not told and table.noun[-1] in DONE


def _event_of(world: World, act: Act) -> Table | None:
    names = set(nominals(act.lemma)) | {act.lemma}
    for table in world.ground.draft.tables.values():
        if table.name in act.tables:
            continue
        head = table.noun[-1]
        if len(table.noun) == 1 and head.startswith(act.lemma) and head[len(act.lemma) :] in PARTICLES:
            return table
        if head in names or (
            len(act.lemma) > 4
            and head.startswith(act.lemma[:-1])
            and head != act.lemma[:-1] + "er"
            and not head.endswith(("er", "or"))
        ):
            return table
    return None


def _follows(world: World, table: Table, act: Act) -> bool:
    """Whether a thing without any key is spoken of right behind what is done."""
    for clause in world.clauses[act.number + 1 : act.number + 3]:
        words = {one.lower() for one in (*clause.lead, *clause.subject)}
        if table.noun[-1] in words and clause.sentence - act.sentence <= 1:
            return True
    return False


# Pairs ---------------------------------------------------------------------------------------------------------------


def _carrier(world: World, pair: Pair, found: list[Link]) -> str | None:
    """The third table that joins two things where nothing else does; None = there is none."""
    if any(not one.many for one in found):
        return None
    a, b = sorted(pair)
    both = {(one.a, one.b) for one in found if one.many and not one.vague}
    if len(both) == 2:
        events = [_event_of(world, act) for act in world.acts if pair <= set(act.tables)]
        return next((one.name for one in events if one is not None and one.name not in pair), None)
    for table in world.ground.draft.tables:
        if table in pair:
            continue
        ends = {one.b for one in world.links if one.a == table and not one.many} | {
            one.a for one in world.links if one.b == table and one.many and not one.vague
        }
        if {a, b} <= ends:
            lemmas = {one.lemma for one in found}
            acts = [
                act for act in world.acts if pair <= set(act.tables) and act.number in {one.number for one in found}
            ]
            event = any(_names_event(world, table, one) for one in lemmas if one)
            beside = any(table in act.tables or _next_clause(world, _table(world, table), act) for act in acts)
            located = all(one.prep or one.lemma in _TAKES_PART for one in found)
            if event or beside or (not both and located and pair not in world.ground.pairing.once):
                return table
    return None


def _next_clause(world: World, table: Table, act: Act) -> bool:
    """Whether a thing is spoken of in the same sentence behind what is done, or begins the next one."""
    for clause in world.clauses[act.number + 1 : act.number + 4]:
        words = {one.lower() for one in (*clause.lead, *clause.subject)}
        near = clause.sentence == act.sentence or clause is world.clauses[act.number + 1]
        if near and table.noun[-1] in words:
            return True
    return False


def _names_event(world: World, name: str, lemma: str) -> bool:
    return _table(world, name).noun[-1] in nominals(lemma)


def _pair(world: World, found: list[Link]) -> None:
    for one in [one for one in found if one.apart]:
        found = [other for other in found if other is not one]
        a, b = _table(world, one.a), _table(world, one.b)
        between = junction(
            world.ground.draft, a, b, Relation(one.a, one.b, True, lemma=one.lemma), world.ground.pairing
        )
        for value in one.attributes:
            world.put(between, value)
        if not found:
            return
    beside = [one for one in found if one.vague and one.lemma in _BESIDE]
    others = [one for one in found if one not in beside]
    if (
        beside
        and others
        and (
            any(not one.many for one in others)
            or {(one.a, one.b) for one in others} == {(one.a, one.b) for one in beside}
        )
    ):
        _pair(world, beside)
        _pair(world, others)
        return
    ones = [one for one in found if not one.many]
    manies = [one for one in found if one.many]
    values = [value for one in found for value in one.attributes]
    directions = {(one.a, one.b) for one in manies}
    single = {(one.a, one.b) for one in ones}
    if ones:
        holder = _to_one(world, ones, single, directions)
        for value in values:
            world.put(holder, value)
        return
    firm = [one for one in manies if not one.vague]
    if values and len(directions) == 1 and _bare(world, manies[0].b) and not (firm and firm[0].apart):
        child = _table(world, manies[0].b)
        refer(child, _table(world, manies[0].a), required=True)
        for value in values:
            world.put(child, value)
        return
    if len(directions) == 2 or _shares(world, firm or manies, values):
        first = firm[0] if firm else manies[0]
        lemma = next((one.lemma for one in manies if one.lemma in NOMINALS or one.lemma in MANY_MANY), first.lemma)
        table = junction(
            world.ground.draft,
            _table(world, first.a),
            _table(world, first.b),
            Relation(first.a, first.b, True, lemma=lemma),
            world.ground.pairing,
        )
        for value in values:
            world.put(table, value)
        return
    one = (firm or manies)[0]
    inside = one.vague and one.prep in _INSIDE
    inner, outer = (one.a, one.b) if inside else (one.b, one.a)
    refer(_table(world, inner), _table(world, outer), required=True)
    for value in values:
        world.put(_table(world, inner), value)


_BESIDE = word_set(
    "like favourite favorite bookmark follow rate vote review attend join participate subscribe watch share"
)
_MAKING = word_set(
    "place give make submit file write leave post send put cast create report raise issue donate open start upload sign"
)


def _bare(world: World, name: str) -> bool:
    """Whether nothing else is known of a thing."""
    table = _table(world, name)
    return (
        table.noun not in world.names.defined
        and all(one.fixed for one in table.columns.values())
        and sum(name in (one.a, one.b) for one in world.links) == 1
    )


def _shares(world: World, manies: list[Link], values: list[Attribute]) -> bool:
    """Whether what is only told from one side goes both ways: "astronauts fly on missions"."""
    one = manies[0]
    pair = frozenset((one.a, one.b))
    if pair in world.ground.pairing.once:
        return True
    if one.vague and one.lemma in _MAKING and not one.prep:
        return False
    if one.vague:
        return (
            one.lemma in _TAKES_PART or (one.lemma in MANY_MANY and one.lemma not in ("place", "buy")) or bool(values)
        )
    if values or one.lemma == "belong":
        return True
    target = _table(world, one.b)
    owned = any(
        not two.many and not two.optional and two.a == one.b and two.b != one.a and two.lemma in ("belong", "lie")
        for two in world.links
    ) or any(
        two.many
        and two.b == one.b
        and two.a != one.a
        and not two.vague
        and two.lemma in ("have", "contain", "own", "include", "consist")
        for two in world.links
    )
    if one.lemma in (
        "use",
        "need",
        "require",
        "wear",
        "serve",
        "speak",
        "list",
        "cover",
        "play",
        "study",
        "take_",
        "attend",
        "know",
        "visit",
        "carry",
        "tag",
        "include",
        "feature",
    ):
        return target.noun in world.names.defined
    return one.lemma in ("have", "contain") and owned and target.noun in world.names.defined


def _to_one(world: World, ones: list[Link], single: set[tuple[str, str]], directions: set[tuple[str, str]]) -> Table:
    roled = [one for one in ones if one.role]
    plainly = {(one.a, one.b) for one in ones if not one.role}
    if len(single) == 2 and len(plainly) == 1 and roled:
        for one in roled:
            refer(_table(world, one.a), _table(world, one.b), required=not one.optional, role=one.role)
        ones = [one for one in ones if not one.role]
        single = plainly
    if len(single) == 2:
        holder = min(ones, key=lambda one: (one.optional, one.lemma == "have", one.a))
        rule = refer(_table(world, holder.a), _table(world, holder.b), required=not holder.optional)
        _table(world, holder.a).add_unique(rule.columns)
        return _table(world, holder.a)
    first = ones[0]
    back = (first.b, first.a) in directions
    forward = [
        one
        for one in ones
        if one.sole
        and (
            (one.optional and one.lemma in ("have", "hold", "own", "cast", "give", "submit", "write", "make"))
            or (one.lemma == "have" and _alone(world, one))
        )
    ]
    if forward and not back and not any(one.role for one in ones):
        rule = refer(_table(world, first.b), _table(world, first.a), required=True)
        _table(world, first.b).add_unique(rule.columns)
        return _table(world, first.b)
    roles = [one for one in ones if one.role]
    plain = [one for one in ones if not one.role]
    if len({one.role for one in roles}) < 2 and plain and roles:
        roles, plain = [], ones
    elif len(roles) > 1:
        plain = []
    optional = any(one.optional for one in plain)
    if plain:
        refer(_table(world, first.a), _table(world, first.b), required=not optional, must=not optional)
    names = []
    for one in roles:
        rule = refer(_table(world, one.a), _table(world, one.b), required=not one.optional, role=one.role)
        names.append(rule.columns[0])
    return _table(world, first.a)


def _alone(world: World, one: Link) -> bool:
    """Whether what a thing has is told of in no sentence of its own: "a user has exactly one profile with a bio"."""
    return _table(world, one.b).noun not in world.names.defined and bool(_table(world, one.b).columns.keys() - {"id"})


def _self(world: World, found: list[Link]) -> None:
    several = [one for one in found if one.many]
    for one in found:
        table = _table(world, one.a)
        if one.many:
            continue
        refer(table, table, required=False, role=one.role or ("parent",))
    if several and not any(not one.many for one in found):
        one = several[0]
        table = junction(
            world.ground.draft,
            _table(world, one.a),
            _table(world, one.a),
            Relation(one.a, one.a, True, lemma=one.lemma),
            world.ground.pairing,
        )
        for value in one.attributes:
            world.put(table, value)


def _own_unique(table: Table) -> bool:
    """Whether a thing is known by a value of its own, whatever it belongs to: a skill with a unique name."""
    keys = {name for rule in table.rules if rule.kind == "foreign" for name in rule.columns}
    return any(rule.kind == "unique" and not keys & set(rule.columns) for rule in table.rules)


def _pair_values(world: World, x: str, y: str, values: list[Attribute]) -> None:
    """Values of a pair: of the table between them, or of the one that belongs to the other."""
    draft = world.ground.draft
    a, b = _table(world, x), _table(world, y)
    between = next(
        (one for one in draft.tables.values() if one is not a and one is not b and one.keys_to(x) and one.keys_to(y)),
        None,
    )
    target = between
    if (
        target is None
        and a.keys_to(y)
        and not any(one.many and one.a == y and one.vague for one in world.links)
        and not (_own_unique(a) and not any(one.a == x and one.b == y for one in world.links))
    ):
        target = a
    if target is None:
        for holder, owner in ((a, b), (b, a)):
            for rule in holder.keys_to(owner.name):
                holder.rules.remove(rule)
                holder.columns.pop(rule.columns[0], None)
        target = junction(draft, a, b, Relation(x, y, True), world.ground.pairing)
    for value in values:
        world.put(target, value)
