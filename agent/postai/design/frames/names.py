"""What a description names: its things, under which words they go, and what they have."""

from __future__ import annotations

from dataclasses import dataclass, field

from postai.design.kinds import is_value
from postai.design.nouns import Noun
from postai.language.word_set import word_set

Words = tuple[str, ...]

PRONOUNS = word_set(
    "it they he she one each this these that which who there nobody everybody both all several most some"
)

MASS = word_set(
    "water money electricity food time stock kilogram gas energy work business information data other day night "
    "hour week "
    "month year minute second morning evening moment person_ side half part_ order_ beginning default insurance "
    "range public disabled"
)

COUNTED = word_set("seat track lap page step stop line question player guest member participant passenger session")

LOOSE = word_set(
    "start sort kind type number amount place way end case use rest view turn order charge top bottom front basis "
    "row_ left right middle"
)


@dataclass
class Names:
    """What was found.

    Attributes:
        known: words of each thing, with the words it goes by.
        defined: things of which a sentence says what they have.
        values: words of what things have.
        modifiers: what else stands before the names of things: home and away of teams.
        selves: what things do with others of their kind: members sponsor other members.
        deeds: what the things that are done before are called: a vote where users vote.
    """

    known: dict[Words, Words] = field(default_factory=dict)
    defined: set[Words] = field(default_factory=set)
    values: set[Words] = field(default_factory=set)
    modifiers: dict[Words, set[Words]] = field(default_factory=dict)
    selves: dict[str, Words] = field(default_factory=dict)
    deeds: set[str] = field(default_factory=set)

    def find(self, noun: Noun | None) -> Words | None:
        """The thing that a phrase names; None = no thing."""
        if noun is None:
            return None
        words = tuple(one for one in noun.words if one not in ("same", "given", "certain", "particular"))
        if words in self.known:
            return self.known[words]
        ends = [one for one in dict.fromkeys(self.known.values()) if one[-len(words) :] == words]
        ends.sort(key=lambda one: one not in self.defined)
        if len(ends) == 1 or (ends and len(words) == 1):
            return ends[0]
        for size in range(1, len(words)):
            if words[size:] in self.known and not is_value(words):
                return self.known[words[size:]]
        return None
