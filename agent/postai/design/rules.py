"""Sentences that are rules, whichever kind they are of."""

from __future__ import annotations

import re

from postai.design.attributes import read_attribute
from postai.design.ground import Ground
from postai.design.having import has_items
from postai.design.nouns import read_noun
from postai.design.relations import Relation, junction
from postai.design.rule_compare import compare, overlap
from postai.design.rule_default import defaults
from postai.design.rule_deletion import deletion
from postai.design.rule_lookup import lookup
from postai.design.rule_pair import pair_rule
from postai.design.rule_unique import unique_rule
from postai.design.things import named_thing

_A = r"(?:an?|the|each|every|any|all|one)"
_STORE = (
    r"(?:we|i|you|the system|it|they)?\s*(?:(?:also|must|need to|want to|should|have to|would like to|will)\s+)*"
    r"(?:store|keep|record|track|save|know|remember|note|register|log|hold|there (?:is|are)|have|needs?)"
)
_FOR_EACH = re.compile(
    rf"^(?:for|per)\s+{_A}\s+(?P<a>[\w-]+(?:\s[\w-]+)??)(?:\s+(?:in|and|of|at|on|per|for|from|with)\s+(?:each |"
    rf"every |an? |the |per |one )?(?P<b>[\w-]+(?:\s[\w-]+)??))?\s*,?\s*{_STORE}\s+(?:track of\s+)?(?P<list>.+)$",
    re.I,
)
_WITH_EACH = re.compile(
    rf"^(?P<list>.+?)\s+(?:is|are)\s+(?:stored|kept|recorded|tracked|saved|noted)\s+(?:for|per)\s+(?:{_A}\s+"
    rf")?(?P<a>\w+)(?:\s+(?:and|in|per|on)\s+(?:{_A}\s+)?(?P<b>\w+))?$",
    re.I,
)
_AT_EACH = re.compile(
    r"^(?:at|in|during|on)\s+(?:each|every)\s+(?P<a>\w+)\s*,?\s*(?:the\s+|all\s+)?(?P<who>\w+s)\s+(?P<verb>\w+)\s+"
    r"(?P<n>one|an?|several|many|multiple)\s+(?P<b>\w+)$",
    re.I,
)


def read_rule(ground: Ground, text: str) -> bool:
    """Read a sentence that is a rule; False where it is none of those known here."""
    for rule in (_for_each, deletion, unique_rule, lookup, overlap, compare, pair_rule, defaults, _times):
        if rule(ground, text):
            return True
    return False


def _for_each(ground: Ground, text: str) -> bool:
    if found := _AT_EACH.match(text):
        one, other = named_thing(ground, found["a"]), named_thing(ground, found["b"])
        if one is None or other is None:
            return False
        ground.relations.append(
            Relation(one.name, other.name, many=found["n"].lower() in ("several", "many", "multiple"), shared=True)
        )
        return True
    found = _FOR_EACH.match(text) or _WITH_EACH.match(text)
    if found is None:
        return False
    a, b = named_thing(ground, found["a"]), named_thing(ground, found["b"]) if found["b"] else None
    if a is None and found["b"] is None:
        return False
    if found["b"] and (a is None or b is None):
        a = a or (None if ground.existing else ground.thing(noun) if (noun := read_noun(found["a"])) else None)
        b = b or (None if ground.existing else ground.thing(noun) if (noun := read_noun(found["b"])) else None)
        if a is None or b is None:
            return False
    assert a is not None
    pairs = {(one.a, one.b) for one in ground.relations if one.many}
    crossed = b is not None and {(a.name, b.name), (b.name, a.name)} <= pairs
    if (
        b is not None
        and b is not a
        and not crossed
        and not ground.existing
        and re.match(r"(?:for|per) \w+ [\w ]+? (?:of|by|from) ", text, re.I)
    ):
        ground.relations.append(Relation(a.name, b.name, many=False))
        table = a
    elif b is not None and b is not a:
        table = junction(ground.draft, a, b, Relation(a.name, b.name, many=True), ground.pairing)
        table.schema = a.schema
    else:
        table = a
    ground.subject = table.name
    has_items(ground, table, found["list"])
    return True


def _times(ground: Ground, text: str) -> bool:
    """ "We track when orders were created": moments of rows."""
    found = re.match(
        r"^(?:we\s+|please\s+|also\s+)*(?:need to\s+|want to\s+|should\s+|must\s+)?(?:track|record|store|know|"
        r"remember|keep track of|save|see)\s+when\s+(?P<t>(?:an?|each|every|the)?\s*[\w ]+?)\s+(?:was|were|is|are|"
        r"has been|have been)\s+(?:last\s+)?(?P<v>\w+ed|sent|paid|made)(?:\s+and\s+(?:when (?:it was|they were)\s+"
        r")?(?:last\s+)?(?P<v2>\w+ed))?$",
        text,
        re.I,
    )
    table = named_thing(ground, found["t"]) if found else None
    if found is None or table is None:
        return False
    for verb in filter(None, (found["v"], found["v2"])):
        made = read_attribute(f"when it was {verb}", ground.shelter)
        if made is not None:
            ground.add(table, made)
    return True
