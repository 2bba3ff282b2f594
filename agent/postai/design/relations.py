"""How two tables belong together: what sentences say is gathered, and becomes keys and junction tables at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from postai.design.details import Attribute
from postai.design.draft import Column, Draft, IndexDraft, Rule, Table, identity
from postai.design.nouns import column_name, plural
from postai.language.word_set import word_set

NOMINALS = {
    "cite": "citation", "refer": "referral", "reference": "reference", "recommend": "recommendation",
    "marry": "marriage", "mention": "mention", "nominate": "nomination", "endorse": "endorsement",
    "pick": "pickup", "drop": "dropoff", "enroll": "enrollment enrolment signup", "enrol": "enrolment enrollment",
    "borrow": "loan borrowing", "lend": "loan", "rent": "rental rent lease", "book": "booking",
    "reserve": "reservation", "subscribe": "subscription", "attend": "attendance attendee",
    "register": "registration", "participate": "participation", "purchase": "purchase", "buy": "purchase order",
    "follow": "follow", "like": "like", "rate": "rating", "review": "review", "vote": "vote",
    "comment": "comment", "apply": "application", "visit": "visit appointment", "order": "order",
    "assign": "assignment", "join": "membership", "member": "membership", "invite": "invitation", "bid": "bid",
    "donate": "donation", "pay": "payment", "treat": "treatment", "prescribe": "prescription",
    "perform": "performance", "favourite": "favourite", "favorite": "favorite", "bookmark": "bookmark",
    "adopt": "adoption", "submit": "submission", "transfer": "transfer", "deliver": "delivery",
    "inspect": "inspection", "sponsor": "sponsorship", "compete": "participation entry", "enter": "entry",
    "block": "block", "befriend": "friendship", "answer": "answer", "reply": "reply", "report": "report",
    "ship": "shipment", "employ": "employment", "hire": "hire rental", "play": "appearance", "supply": "supply",
    "work": "assignment", "charge": "charge", "groom": "grooming", "repair": "repair", "take": "",
    "watch": "view viewing", "read": "reading", "request": "request", "exhibit": "exhibit", "serve": "service",
    "view": "viewing", "open": "opening", "cook": "", "speak": "", "know": "", "sell": "sale",
    "sign": "signature", "train": "training", "start": "start",
}  # fmt: skip
"""What doing something is called, where that may be a table: a loan for borrow."""
MANY_MANY = word_set("""
    enroll enrol borrow rent book attend register participate follow like rate review vote apply take join
    member bid favourite favorite bookmark subscribe treat perform compete play watch read visit block befriend
    buy purchase speak know listen use sponsor supply stock work favour share tag star appear view
    """)
REPEATED = word_set(
    "borrow lend rent book reserve visit buy purchase pay order donate bid transfer inspect repair hire treat "
    "comment reply deliver ship watch charge groom adopt prescribe exhibit"
)
_NAMED = word_set(
    "enroll enrol follow like rate register participate join member subscribe attend bookmark favourite favorite "
    "block befriend borrow rent book reserve vote review start"
)
_SHARED = word_set("""
    tag label category genre skill language topic keyword hobby interest allergen ingredient permission amenity
    """)
_MAKING = word_set("cast give submit write hand place file send hold")
"""What somebody does makes the row: "a voter casts at most one vote"."""
_SELF_ROLES = {
    "follow": ("follower", "followed"), "block": ("blocker", "blocked"), "befriend": ("user", "friend"),
    "invite": ("inviter", "invitee"), "like": ("liker", "liked"), "refer": ("referrer", "referred"),
    "rate": ("rater", "rated"), "review": ("reviewer", "reviewed")
}  # fmt: skip


@dataclass
class Relation:
    """A has one or many B.

    Attributes:
        many: how many B one A may have.
        optional: "may have"; of a relation to one: the key may be empty.
        lemma: of the verb.
        role: what the key is called where not after the table.
        owner: said from the side that depends ("a permit belongs to an employee").
        attributes: of the relation itself.
        exact: "exactly one", "at most one": a number was said.
        doer: the participle where the related row is who did it: "approved" by.
    """

    a: str
    b: str
    many: bool
    optional: bool = False
    lemma: str = "have"
    role: tuple[str, ...] = ()
    owner: bool = False
    exact: bool = False
    attributes: list[Attribute] = field(default_factory=list)
    not_self: bool = False
    junction: tuple[str, ...] = ()
    shared: bool = False
    must: bool = False
    owned: bool = False
    doer: str = ""


Adds = Callable[[Table, Attribute], object]
"""Puts an attribute into a table."""


@dataclass
class Pairing:
    """What is said of pairs: only once, more than once, on delete."""

    once: set[frozenset[str]] = field(default_factory=set)
    repeated: set[frozenset[str]] = field(default_factory=set)
    deletes: list[tuple[str, str, str]] = field(default_factory=list)


Pairs = dict[frozenset[str], list[Relation]]
"""What was said of two tables."""


def nominals(lemma: str) -> tuple[str, ...]:
    """What doing something may be called: admission for admit, treatment for treat, rating for rate."""
    known = tuple(NOMINALS.get(lemma, "").split())
    if not lemma or lemma in _PLAIN_VERBS:
        return known
    base = lemma.removesuffix("e")
    made = (
        lemma,
        f"{lemma}ing",
        f"{base}ing",
        f"{lemma}ment",
        f"{lemma}ion",
        f"{base}ion",
        f"{base}ation",
        f"{base}al",
    )
    special = {"admit": "admission", "analyse": "analysis", "analyze": "analysis", "diagnose": "diagnosis"}.get(lemma)
    return (*known, *made, *((special,) if special else ()))


_PLAIN_VERBS = word_set("""
    have belong contain include consist own build do make refer be use place park house list stock state name
    """)


def key_column(target: Table, role: tuple[str, ...] = ()) -> str:
    """What a foreign key to a table is called."""
    return column_name((*(role or target.noun), "id"), target.noun)


def refer(
    holder: Table,
    target: Table,
    *,
    required: bool,
    role: tuple[str, ...] = (),
    said: bool = True,
    must: bool = False,
) -> Rule:
    """A foreign key of `holder`, which is made with its column and index where it is missing."""
    for one in holder.keys_to(target.name):
        if not role or one.columns[0] in (key_column(target, role), "_".join(role)):
            column = holder.columns[one.columns[0]]
            if said and not required and column.was is None and not column.required_said:
                column.required = False
            elif said and required and (column.was is None or must):
                column.required, column.required_said = True, True
            return one
    name = key_column(target, role)
    key = target.key or ("id",)
    kind = target.columns[key[0]].type if key[0] in target.columns else "bigint"
    found = holder.columns.get(name)
    if found is None:
        plain = holder.columns.get("_".join(role)) if role else None
        if plain is not None and plain.was is None:
            required = required and plain.required
            del holder.columns[plain.name]
        column = Column(name, kind, required=required, required_said=said and required)
        # Keys stand right behind the table's own key.
        at = sum(1 for one in holder.columns.values() if one.fixed or one.name.endswith("_id"))
        items = list(holder.columns.items())
        items.insert(at, (name, column))
        holder.columns = dict(items)
    elif found.was is not None and said and required:
        found.required = True
    rule = Rule("foreign", (name,), target=target.name, target_columns=key[:1])
    holder.rules.append(rule)
    return rule


def settle(draft: Draft, relations: list[Relation], pairing: Pairing, add_attribute: Adds) -> None:
    """Turn what was gathered into keys and junction tables.

    Args:
        add_attribute: puts an attribute into a table.
    """
    plain: Pairs = {}
    verbal: list[Relation] = []
    for one in relations:
        back = any(two.a == one.b and two.b == one.a and not two.many for two in relations)
        if one.role and not one.many and back and one.role[-1:] == draft.tables[one.b].noun[-1:] and one.a != one.b:
            one.role = ()  # "a parking permit" of which it is said that a permit belongs to one employee
        if one.role and not one.many:
            continue
        nominal = _nominal_table(draft, one) if one.many else None
        if one.junction or nominal is not None or one.a == one.b or (one.many and one.lemma in MANY_MANY):
            verbal.append(one)
        else:
            plain.setdefault(frozenset((one.a, one.b)), []).append(one)
    for one in relations:
        if one.role and not one.many:
            refer(draft.tables[one.a], draft.tables[one.b], required=not one.optional, role=one.role)
    plain = {pair: found for pair, found in plain.items() if not _carried(pair, found, relations)}
    # What is owned elsewhere can be contained in many.
    for pair, found in plain.items():
        verbs = [one for one in verbal if {one.a, one.b} == set(pair) and one.a != one.b]
        many = {(one.a, one.b) for one in found if one.many}
        if (
            verbs
            and all(one.many for one in found)
            and (
                len(many) == 2
                or any(one.lemma in ("take", "have") and one.many for one in found)
                or any((one.a, one.b) == (two.b, two.a) for one in verbs for two in found)
            )
        ):
            for one in found:
                verbs[0].attributes += one.attributes
            continue
        _settle_pair(draft, found, many, pairing, add_attribute, plain)
    for one in verbal:
        same = [two for two in plain.get(frozenset((one.a, one.b)), ()) if not two.many]
        if (
            same
            and one.many
            and one.lemma not in _NAMED
            and _nominal_table(draft, one) is None
            and not one.junction
            and one.a != one.b
        ):
            continue  # said the other way round as one-to-many
        _settle_verb(draft, one, pairing, add_attribute)


_PASSING = word_set("pass go run travel move collect get receive undergo visit lead see hear use process")


def _carried(pair: frozenset[str], found: list[Relation], relations: list[Relation]) -> bool:
    """Whether a third table joins two things: "a parcel passes through depots: for each stop store the depot"."""
    if len(pair) != 2 or not all(one.many and one.lemma in _PASSING for one in found):
        return False
    reached: dict[str, set[str]] = {}
    for one in relations:
        if not one.many and one.a not in pair and one.b in pair:
            reached.setdefault(one.a, set()).add(one.b)
    return any(ends == set(pair) for ends in reached.values())


def _nominal_table(draft: Draft, one: Relation) -> Table | None:
    for word in nominals(one.lemma):
        for table in draft.tables.values():
            if table.noun[-1] == word and table.name not in (one.a, one.b):
                return table
    return None


def _settle_pair(
    draft: Draft, found: list[Relation], many: set[tuple[str, str]], pairing: Pairing, add_attribute: Adds, plain: Pairs
) -> None:
    first = found[0]
    to_one = [one for one in found if not one.many]
    attributes = [each for one in found for each in one.attributes]
    if len(many) == 2 or (many and not to_one and _is_shared(draft, found, plain)):
        a, b = draft.tables[first.a], draft.tables[first.b]
        table = junction(draft, a, b, first, pairing)
        for each in attributes:
            add_attribute(table, each)
        return
    if to_one and len({(one.a, one.b) for one in to_one}) == 2:
        # One-to-one: the side that depends holds the key.
        holder = min(to_one, key=lambda one: (one.optional, not one.owner))
        rule = refer(draft.tables[holder.a], draft.tables[holder.b], required=not holder.optional)
        draft.tables[holder.a].add_unique(rule.columns)
        return
    if many:
        one_name, many_name = next(iter(many))
        optional = any(one.optional for one in to_one if one.a == many_name)
        refer(draft.tables[many_name], draft.tables[one_name], required=not optional, said=bool(to_one))
        for each in attributes:
            add_attribute(draft.tables[many_name], each)
        return
    for one in to_one:
        made = one.lemma in _MAKING and one.owned
        if (one.lemma == "have" or made) and one.exact and (one.optional or one.owned):
            # "A user has at most one profile": the profile holds the key.
            rule = refer(draft.tables[one.b], draft.tables[one.a], required=True)
            draft.tables[one.b].add_unique(rule.columns)
            for each in attributes:
                add_attribute(draft.tables[one.b], each)
            return
        same = [two for two in to_one if (two.a, two.b) == (one.a, one.b)]
        refer(draft.tables[one.a], draft.tables[one.b], required=not any(two.optional for two in same), must=one.must)
        for each in attributes:
            add_attribute(draft.tables[one.b if one.lemma == "have" else one.a], each)


def _is_shared(draft: Draft, found: list[Relation], plain: Pairs) -> bool:
    one = next(one for one in found if one.many)
    target = draft.tables[one.b]
    if one.shared or target.noun[-1] in _SHARED:
        return True
    if one.lemma in ("contain", "include", "feature"):
        owners = [
            pair
            for pair in plain
            if one.b in pair
            and one.a not in pair
            and any((two.b == one.b and two.many) or (two.a == one.b and not two.many) for two in plain[pair])
        ]
        if owners and target.noun[-1] not in ("item", "line", "entry", "row", "position"):
            return True
    return False


def junction(draft: Draft, a: Table, b: Table, one: Relation, pairing: Pairing) -> Table:
    """The table between two others for a relation, made where it is missing."""
    for table in draft.tables.values():
        if table.pair and set(table.pair) == {a.name, b.name} and (not one.junction or table.noun == one.junction):
            return table
    noun = one.junction
    if not noun and (one.lemma in _NAMED or (a.name == b.name and NOMINALS.get(one.lemma))):
        noun = (NOMINALS[one.lemma].split()[0],)
    if not noun:
        noun = (*a.noun, *b.noun)
    name = "_".join((*noun[:-1], plural(noun[-1])))
    known = draft.tables.get(name)
    if known is not None:
        return known
    table = draft.tables[name] = Table(name, noun, pair=(a.name, b.name))
    if a.name == b.name:
        roles = _SELF_ROLES.get(one.lemma) or (a.noun[-1], f"related_{a.noun[-1]}")
        for role in roles:
            refer(table, a, required=True, role=(role,))
        columns = tuple(rule.columns[0] for rule in table.rules if rule.kind == "foreign")
    else:
        columns = tuple(refer(table, each, required=True).columns[0] for each in (a, b))
    _pair_key(table, columns, repeats=_repeats(pairing, a, b, one))
    return table


def _repeats(pairing: Pairing, a: Table, b: Table, one: Relation) -> bool:
    pair = frozenset((a.name, b.name))
    if pair in pairing.once:
        return False
    if pair in pairing.repeated:
        return True
    return one.lemma in REPEATED


def _pair_key(table: Table, columns: tuple[str, ...], *, repeats: bool) -> None:
    if repeats:
        table.columns = {"id": identity(), **table.columns}
        table.rules.insert(0, Rule("primary", ("id",)))
    elif len(columns) > 1:
        table.rules.insert(0, Rule("primary", columns))


def _settle_verb(draft: Draft, one: Relation, pairing: Pairing, add_attribute: Adds) -> None:
    a, b = draft.tables[one.a], draft.tables[one.b]
    nominal = _nominal_table(draft, one) if one.many else None
    if nominal is not None and a.name != b.name:
        keys = [refer(nominal, each, required=True, said=False).columns[0] for each in (a, b)]
        pair = frozenset((a.name, b.name))
        if pair in pairing.once:
            nominal.add_unique(tuple(keys))
        nominal.pair = nominal.pair or (a.name, b.name)
        for each in one.attributes:
            add_attribute(nominal, each)
        return
    if a.name == b.name and (not one.many or (one.lemma not in MANY_MANY and not one.junction and not one.shared)):
        role = one.role or ("parent",)
        refer(a, a, required=False, role=role)
        return
    if not one.many:
        refer(a, b, required=not one.optional)
        return
    table = junction(draft, a, b, one, pairing)
    if a.name == b.name:
        ends = tuple(rule.columns[0] for rule in table.keys_to(a.name))[:2]
        if one.not_self and len(ends) == 2:
            table.add_check(ends, f"{ends[0]} <> {ends[1]}")
    for each in one.attributes:
        add_attribute(table, each)


def index_keys(draft: Draft) -> None:
    """An index for every new foreign key that no key or index begins with."""
    for table in draft.tables.values():
        for rule in table.rules:
            if rule.kind != "foreign" or rule.name is not None:
                continue
            begins = [one.columns for one in table.rules if one.kind in ("primary", "unique")] + [
                tuple(column.split()[0] for column in one.columns) for one in table.indexes
            ]
            if not any(each[: len(rule.columns)] == rule.columns for each in begins):
                table.indexes.append(
                    IndexDraft(
                        rule.columns, f"finds the {table.name} of one of {rule.target}, and keeps deletes there fast"
                    )
                )
