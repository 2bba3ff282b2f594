"""Descriptions put into the plainer sentences that the grammar reads.

What is told in passing gets a sentence of its own.

Every rewriting is of the English language alone; none knows a domain.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from postai.design.nouns import is_plural, singular
from postai.design.relations import nominals
from postai.design.verbs import base_of

_A = r"(?:an?|the|each|every|one|any|exactly one)"
_END = r"(?=\s*(?:[.;]|$))"
_STORE = r"(?:log|record|register|note|store|keep|track|document|save|write down|note down|keep track of)"
_STORED = r"(?:logged|recorded|registered|noted|stored|kept|tracked|documented|saved|written down)"
_Rewriting = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def _a(noun: str) -> str:
    """A noun with its article."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _one(word: str) -> str:
    """The singular of a phrase in lower case."""
    words = word.lower().split()
    return " ".join([*words[:-1], singular(words[-1])]) if words else ""


def _owner(phrase: str) -> str:
    """A phrase without its article, in the singular."""
    return _one(re.sub(rf"^{_A} ", "", phrase, flags=re.I))


def _logged(found: re.Match[str]) -> str:
    """ "We log every harvest of a tree with date and weight": what happens is a thing of its own."""
    event = _one(found["x"])
    listed = re.sub(r"\b(its|their)\b", "the", found["l"])
    return f"{_a(event).capitalize()} belongs to {_a(_owner(found['y']))}. {_a(event).capitalize()} has {listed}"


def _each_of(found: re.Match[str]) -> str:
    """ "Donors give donations, each at one site, with a date": what each of them is or has."""
    thing = _one(found["n"])
    has = f". {_a(thing).capitalize()} has {found['l']}" if found["l"] else ""
    if found["p"].lower() in ("with", "having"):
        return f"{found['h']}. {_a(thing).capitalize()} has {found['r']}{has}"
    return f"{found['h']}. {_a(thing).capitalize()} is {found['p']} {found['r']}{has}"


def _stop_of(found: re.Match[str]) -> str:
    """ "A parcel passes through depots: for each stop store ...": the stop is one of the parcel."""
    owner, event = _one(found["s"].split()[-1]), _one(found["e"])
    if owner == event or (is_plural(found["s"].split()[-1]) and found["s"][:1] in "TtE"):
        return found[0]
    return f"{found['h']}. {_a(event).capitalize()} belongs to {_a(owner)}. For each {event} {found['v']}"


def _two_in(found: re.Match[str]) -> str:
    """ "No counter can have two appointments at the same date and time"."""
    return f"The combination of {found['a']}, {found['l']} is unique in {found['b']}"


def _once_per(found: re.Match[str]) -> str:
    """ "A hiker can reserve only once per hut and date": the combination of all of them is unique."""
    event = next((one for one in nominals(base_of(found["v"])) if one), "")
    if not event or base_of(found["v"]) == "be":
        return found[0]
    return f"The combination of {found['a']}, {found['l']} is unique in {event}"


def _word_for(found: re.Match[str]) -> str:
    """ "The year it was painted" with the words that are left out."""
    kind = found["k"].lower()
    link = "in which" if kind in ("year", "month") else "when"
    return f"the {kind} {link} {found['w']}"


def _perhaps(found: re.Match[str]) -> str:
    """ "Remarks if there are any"."""
    return f"optional {re.sub(r'^(?:an?|the) ', '', found['x'], flags=re.I)}"


def _goes(found: re.Match[str]) -> str:
    """ "When it is removed, its readings go with it"."""
    word = found[1]
    return f"its {word}s are deleted too"


_REWRITINGS: tuple[_Rewriting, ...] = tuple(
    (re.compile(pattern, re.I), made)
    for pattern, made in (
        # Compound nouns of verbs: a pick-up, a drop-off, a sign-up.
        (r"\b([a-z]{3,})-(up|off|in|out)(s?)\b", lambda m: f"{m[1]}{m[2]}{m[3]}"),
        (r"\bkinds of (\w+?)s?\b(?=,| |\.)", lambda m: f"{m[1]} kinds"),
        (r"\bA kind of (\w+) (has|is|costs)\b", lambda m: f"A {m[1]} kind {m[2]}"),
        # What happens is logged.
        (
            rf"(?:^|(?<=[.;] )|(?<=: ))(?:we |i |the system )?(?:also )?{_STORE} (?:each|every|all|any) (?P<x>\w+(?: "
            rf"\w+)?) (?:of|for|by|on|from|to|at|in) (?P<y>{_A} \w+|\w+s),? (?:together )?with (?P<l>[^.;]+)",
            _logged,
        ),
        (
            rf"(?:^|(?<=[.;] )|(?<=: ))(?:each|every|all|any) (?P<x>\w+)(?: (?:made|done|taken|sent|received|placed))?"
            rf" (?:of|for|by|on|from|to|at|in|with) (?P<y>{_A} \w+)(?: \w+)? (?:is|are|gets) {_STORED},? "
            rf"(?:together )?with (?P<l>[^.;]+)",
            _logged,
        ),
        (
            rf"(?:^|(?<=[.;] )|(?<=: ))(?:we |i )?(?:also )?{_STORE} (?:each|every) (?P<x>[a-z]+) with (?P<l>[^.;]+)",
            lambda m: f"{_a(m['x']).capitalize()} has {m['l']}",
        ),
        # Each of several.
        (
            r"(?P<h>[^.;:,]*?\b(?:has|have|gives?|makes?|contains?|consists? of|includes?|gets?|receives?|owns?|"
            r"takes?|holds?|writes?|places?|undergoes?|needs?) (?:\w+ )?(?:many |several |any number of |one or more "
            r"|multiple |some )?(?P<n>[a-z]+s)), each (?:of (?:them|which) )?(?P<p>at|in|on|for|by|from|to) (?P<r>(?:"
            r"exactly )?(?:one|an?) [a-z]+(?: [a-z]+)?)(?:,? (?:and )?with (?P<l>[^.;]+))?" + _END,
            _each_of,
        ),
        # What stands behind a colon is one of what stands before it.
        (
            r"^(?P<h>(?P<s>(?:An?|Each|Every|The) \w+|[A-Z][a-z]+s) [a-z]+ [^.:;]*?): ?for (?:each|"
            rf"every) (?:such )?(?P<e>[a-z]+),? (?P<v>(?:we |i )?(?:also )?{_STORE} )",
            _stop_of,
        ),
        # Combinations that come only once.
        (
            r"\b(?:and |but )?no (?P<a>\w+(?: \w+)?) (?:can have|may have|has|can get|gets|can be in|must have|should "
            r"have) two (?P<b>\w+) (?:with|at|on|in|for) the same (?P<l>[a-z]+(?:(?:, | and )(?:the same )?[a-z]+)*)"
            + _END,
            _two_in,
        ),
        (
            rf"(?:^|(?<=[.;] )){_A} (?P<a>\w+) (?:can|may|must) (?:only )?(?P<v>[a-z]+) (?:only |at most |just )?once "
            r"(?:per|for each|for every) (?P<l>\w+ and (?:per )?\w+)" + _END,
            _once_per,
        ),
        (
            r"\b(?P<a>[a-z]+(?: [a-z]+)?) and (?P<b>[a-z]+(?: [a-z]+)?) together (?:uniquely )?(?:identify|identifies|"
            r"define) (?:an?|the|each|every) (?P<x>\w+)(?: (?:in|within|of|on|for) (?:its|the|an?|each|every|their) "
            r"(?P<s>\w+))?" + _END,
            lambda m: f"the combination of {m['a']}, {m['b']}{', ' + m['s'] if m['s'] else ''} is unique in {m['x']}",
        ),
        (
            r"\b(?P<a>[a-z]+(?: [a-z]+)?) and (?P<b>[a-z]+(?: [a-z]+)?) together (?:are|must be|have to be) unique"
            r"(?: (?:in|within|for|per) (?:its|the|an?|each|every|their) (?P<s>\w+))?" + _END,
            lambda m: f"the combination of {m['a']}, {m['b']}{', ' + m['s'] if m['s'] else ''} is unique",
        ),
        (r", no two of (?:them|these) (?:are |being )?(?:the same|alike|equal)\b", lambda _: ", unique"),
        # Two roles of one kind.
        (
            r"(?P<s>(?:^|(?<=[.;] ))(?:An?|Each|Every) (?P<x>\w+)) (?:is|takes? place|happens) (?:\w+ed |played |held "
            r"|fought )?(?P<p>in|at|on|during) (?P<t>(?:an?|one|the) \w+) between (?=two )",
            lambda m: f"{m['s']} belongs to {m['t']}. {_a(m['x']).capitalize()} is between ",
        ),
        (r"\b(\w+ed) from one (\w+) (?:into|in|onto|and to) another\b", lambda m: f"{m[1]} from one {m[2]} to another"),
        (
            r"\b(starts?|departs?|leaves?|begins?|takes? off) (from|at|in) one (\w+),? and (?:ends?|lands?"
            r"|arrives?|stops?|"
            r"finishes|goes|terminates?)(?: up)? (at|in|on) another(?: or the same(?: one)?| (?!or\b)\w+)?",
            lambda m: f"goes from one {m[3]} to another",
        ),
        (
            r"(?:^|(?<=[.;:] ))\w+s and \w+s are (?:both |all )?(?P<x>[a-z]+s) with (?P<l>[^.;]+)",
            lambda m: f"{m['x'].capitalize()} have {m['l']}",
        ),
        (
            r"(between two \w+s, (?:the )?one [^,.;]+? and (?:the )?(?:one|other) [^,.;]+?),? and (?=\w+s"
            r" (?:with|by|in|on|at)\b)",
            lambda m: f"{m[1]}. It ",
        ),
        (r"\btwo (\w+s) (\w+) in (\w+?)s(?=[,.;:])", lambda m: f"two {m[1]} {m[2]} in {_a(m[3])}"),
        # What somebody does again and again.
        (
            r"(?P<a>An?|Each) (?P<x>\w+) (?P<v>\w+s) (?P<b>an? \w+) (?:as often as [^.;:]*|(?:several|many|any"
            r" number of) times|"
            r"more than once|repeatedly|again and again)[;:.,] (?:and )?for each (?P<e>[a-z]+),? ",
            lambda m: (
                f"{_a(m['e']).capitalize()} belongs to {_a(m['x'].lower())}. {_a(m['e']).capitalize()} belongs to "
                f"{m['b']}. For each {m['e']} "
            ),
        ),
        (
            r"\b((?:several|many|multiple|one or more|any number of) (?:\w+ )?\w+s), each (?:of them |of which"
            r" )?with (?=an? )",
            lambda m: f"{m[1]} with ",
        ),
        (
            r"\b(?P<n>[a-z]+s), of which (?:some|several|at least one|one or more|only one|one|exactly one)"
            r" (?:is|are|may be|can "
            r"be) (?P<f>[a-z]+)" + _END,
            lambda m: f"{m['n']}. {_a(_one(m['n'])).capitalize()} has a {m['f']} flag",
        ),
        (
            r", an? (?P<x>\w+) (?:at most|only) once per (?P<y>\w+), and ",
            lambda m: f", {_a(m['x'])} at most once per {m['y']}. ",
        ),
        (r"\ban? newly \w+ed (\w+) (is|are)\b", lambda m: f"a new {m[1]} {m[2]}"),
        (
            r"\b(we|people|they|users) (?:mostly|often|usually|regularly|frequently|always|typically|mainly)"
            r" (search|look|find|filter|list|sort)",
            lambda m: f"{m[1]} {m[2]}",
        ),
        (
            r"\b(is|are) known by (?:an? |the |their |its )?(?!unique)(name|title|nickname)\b",
            lambda m: f"{'has' if m[1] == 'is' else 'have'} a {m[2]}",
        ),
        (
            r"\b(?P<v>belongs?) to (?P<x>(?:an?|one|exactly one) (?P<n>\w+)) with (?P<l>an? unique \w+)" + _END,
            lambda m: f"{m['v']} to {m['x']}. {_a(m['n']).capitalize()} has {m['l']}",
        ),
        (r"^(?:an?|the|our|my) \w+['’]s \w+: (?=\w)", lambda _: ""),
        # Comparisons without a verb.
        (
            r"\b(?P<x>(?:an?|the) (?:[a-z]+ )?[a-z]+) (?P<c>later than|earlier than|greater than|smaller than"
            r"|less than|"
            r"more than) (?P<y>(?:the|its|their) [a-z]+)",
            lambda m: f"{m['x']} that is {m['c']} {m['y']}",
        ),
        (
            r"\b(?P<b>(?:start|begin|opening|departure|checkin|from|planting|loan|lending|issue)(?: (?P<u>time|date|"
            r"day|moment))?), (?P<r>(?:[^.;]*, )?)(?P<x>(?:an?|the) (?:[a-z]+ )?[a-z]+) (?:after|later than) (?:it|"
            r"that|then)\b",
            lambda m: f"{m['b']}, {m['r']}{m['x']} that is after the {m['b']}",
        ),
        # Moments and counts told as clauses.
        (
            r"\b(?:the )?(?P<k>year|month|day|date|time|moment) (?P<w>(?:it|they|he|she) (?!came|comes)(?:was "
            r"|were |is "
            r"|are |has been |has )?[a-z]+)(?=,| and\b| *§|\.|;|$)",
            _word_for,
        ),
        (
            r"\bhow many (?P<n>[a-z]+) (?:(?:are|is|were|was|have been|has been|they|it|he|she|each|every|of|a|the|"
            r"in) ?)[a-z ]*?(?=,|;|\.| and\b|$)",
            lambda m: f"the number of {m['n']}",
        ),
        # What is empty.
        (
            r"\b(?P<x>[a-z]+s) that (?:may|can) be (?:missing|empty|left out|omitted|absent)\b",
            lambda m: f"optional {m['x']}",
        ),
        (r"\b(?P<x>(?:an?|the) [a-z]+(?: [a-z]+)?|[a-z]+s?) if (?:there (?:are|is) any|any exist)\b", _perhaps),
        (
            r",? (?:the latter|the last) (?:empty|unknown|null|until then|stays|is|remains)[^.;,]*(?:until"
            r"|while|as long|"
            r"unknown)[^.;,]*",
            lambda _: ", which is empty until then",
        ),
        # Who is stored where.
        (
            r"\b(is|are) (?:stored|kept|shelved|parked|placed|moored|housed) (?:in|on|at) (?=(?:exactly"
            r" )?(?:an?|one) )",
            lambda m: "belongs to " if m[1] == "is" else "belong to ",
        ),
        (r"\b(stands?|lies?|runs?) along\b", lambda m: f"belong{'s' if m[1].endswith('s') else ''} to"),
        (r"(?<=\bat one )(\w+) each\b", lambda m: m[1]),
        # Lists that are kept of what was spoken of last.
        (
            rf"(?<=[;.] )(?P<l>[A-Za-z][a-z ]+(?:, [a-z][^.;]*?)? and [^.;]*?) (?:are|is) {_STORED}" + _END,
            lambda m: f"it has {m['l'][0].lower()}{m['l'][1:]}",
        ),
        # Values with a preposition.
        (r"\beither for (\w+), (?:for )?(\w+) or (?:for )?(\w+)", lambda m: f"either {m[1]}, {m[2]} or {m[3]}"),
        (
            r", (?:and )?(?:it is |they are |which is )?(\w+) (?:at the (?:beginning|start|outset)|in the "
            r"(?:beginning|first place)|to (?:begin|start) with|at first|when new|for a start)\b",
            lambda m: f", {m[1]} by default",
        ),
        (r"(\bbirth) and (death) (year|date|day)\b", lambda m: f"{m[1]} {m[3]} and {m[2]} {m[3]}"),
        (r"\bits (\w+?)s? (?:go|goes|disappear|disappears|vanish|are gone)(?: (?:with it|too|as well))\b", _goes),
        (r"\b(?:an?|the) code of (\w+) (letters|digits|characters)\b", lambda m: f"a {m[1]} {m[2][:-1]} code"),
    )
)


_LONGEST = 400
"""Characters of a sentence that is rewritten: what is longer is no plain English, and would take long to search."""


def plainer(text: str) -> str:
    """The description in plainer sentences that say the same.

    Args:
        text: a description whose brackets and quotes were put aside.
    """
    return "".join(_rewritten(one) for one in re.split(r"(\n+|(?<=[.!?])\s+)", text))


def _rewritten(sentence: str) -> str:
    if len(sentence) > _LONGEST:
        return sentence
    for pattern, made in _REWRITINGS:
        sentence = pattern.sub(made, sentence)
    return sentence
