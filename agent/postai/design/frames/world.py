"""What was told so far: the things, how they belong together, and what was last spoken of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import FUNCTION
from postai.design.frames.names import Names
from postai.design.frames.phrases import Item
from postai.design.frames.traits import attribute_of
from postai.design.ground import Ground
from postai.design.nouns import Noun

OWN_VALUES = frozenset({"key", "code", "number", "address", "email", "phone"})
"""What a thing may be, and what it is known by all the same: a phone number has a number."""


@dataclass
class Link:
    """What a clause says of two things: one `a` has one or many `b`.

    Attributes:
        many: one `a` may have several `b`.
        vague: both were plural ("guests book rooms"): nothing is said of how many.
        optional: `a` may have no `b`.
        lemma, prep: the verb, and the preposition before `b`.
        role: what the key is called where not after the table.
        attributes: of the pair.
        number: of the clause.
        sole: "exactly one", "at most one": a number was said.
        apart: "other packages": besides the one that the thing belongs to.
    """

    a: str
    b: str
    many: bool = False
    vague: bool = False
    optional: bool = False
    lemma: str = ""
    prep: str = ""
    role: tuple[str, ...] = ()
    attributes: list[Attribute] = field(default_factory=list)
    number: int = 0
    sole: bool = False
    apart: bool = False


@dataclass(frozen=True)
class Act:
    """What is done, to be joined with what it is called: guests book rooms, a booking."""

    number: int
    sentence: int
    lemma: str
    tables: tuple[str, ...]
    doer: str = ""


@dataclass
class World:
    """The state of telling.

    Attributes:
        subject: of the last clause; `object`: the last things that were named behind a verb.
        recent: links of the clause before.
        pairs: values of a pair of things: "for each species in a tank store how many".
        late: what is done when all keys are there.
        pending: values that were named last and are not in a table yet.
        idle: whether the clause only says what somebody does: "the choir rehearses".
        missed: clauses of which nothing was made.
    """

    ground: Ground
    names: Names
    clauses: list[Clause]
    links: list[Link] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    pairs: list[tuple[str, str, list[Attribute]]] = field(default_factory=list)
    subject: Table | None = None
    object: Table | None = None
    topic: Table | None = None
    recent: list[Link] = field(default_factory=list)
    late: list[Callable[[], None]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    number: int = 0
    described: set[str] = field(default_factory=set)
    pending: list[Attribute] = field(default_factory=list)
    idle: bool = False

    def table(self, noun: Noun | None) -> Table | None:
        """The table of the thing that a phrase names; None = it is no thing."""
        words = self.names.find(noun)
        return None if words is None else self.ground.make_table(Noun(words))

    def role_of(self, noun: Noun, table: Table) -> tuple[str, ...]:
        """What a phrase says besides the name of its thing: "home" of "home team"."""
        words = tuple(one for one in noun.words if one not in ("same", "other", "given"))
        if len(words) <= len(table.noun) or words[-len(table.noun) :] != table.noun:
            return ()
        return words[: -len(table.noun)]

    def add(self, table: Table, item: Item) -> bool:
        """Put a phrase into a table as a value."""
        made = attribute_of(item)
        if made is None:
            return False
        self.put(table, made)
        return True

    def put(self, table: Table, made: Attribute) -> None:
        """Put a value into a table; a word that names nothing ("but") was not understood."""
        if len(made.noun.words) == 1 and made.noun.words[0] in FUNCTION:
            self.miss(made.noun.words[0])
            return
        made.ignored = []
        self.pending = []
        self.ground.add(table, made)

    def own_value(self, table: Table) -> Attribute:
        """What a thing is known by where that is not named: the number of phone numbers, else the name."""
        own = table.noun[-1]
        name = own if own in OWN_VALUES else "name"
        return Attribute(Noun((name,)), (name,), "text")

    def link(self, one: Link) -> Link:
        """Note how two things belong together."""
        one.number = self.number
        self.links.append(one)
        self.recent.append(one)
        return one

    def miss(self, text: str) -> None:
        """Note what was not understood."""
        self.missed.append(text)
