"""Sentences put into the plainer words that rules are read from: what stands first, what is said in passing."""

from __future__ import annotations

import re

_SAME = r"(?:an?|one|the same|each|every|any|the|its|their|any one|a given|a single)"
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), instead)
    for pattern, instead in (
        # What stands first goes behind: "within a team, shirt numbers are unique".
        (
            rf"^(?:and |but )?(?:within|in|inside|per|for|on|at) (?P<s>{_SAME} [\w ]+?),? (?:no two) (?P<x>[\w ]+?) "
            r"(?:can |may |must |should )?(?:ever )?(?:share|have|use|get|carry|hold|bear) (?:the same |an? |one "
            r")(?P<c>[\w ]+)$",
            r"no two \g<x> have the same \g<c> within \g<s>",
        ),
        (
            rf"^(?:and |but )?(?:within|in|inside|per|for|on|at) (?P<s>{_SAME} [\w ]+?),? (?P<x>(?:the |each |"
            rf"every |an? )?[\w ]+?)"
            r" (?P<v>is|are|must be|should be|has to be|have to be) unique$",
            r"\g<x> \g<v> unique within \g<s>",
        ),
        (
            r"^(?:and |but )?(?:two|different) (?!.*\bthe same \w+ (?:cannot|must|may|can|should|"
            r"never)\b)(?P<x>[\w ]+?) (?:cannot|must not|may not|can never|must never|should not|"
            r"may never|never) (?:have|share|use|get|carry) (?:the same |an? )?(?P<c>[\w ]+)$",
            r"no two \g<x> have the same \g<c>",
        ),
        (
            r"^(?:the )?same (?P<c>[\w ]+?) (?:cannot|must not|may not|can never|must never|should not) (?:be used|"
            r"appear|occur|"
            rf"exist|be given|be taken) (?:twice|more than once|again) (?:within|in|for|on|at|per) (?P<s>{_SAME} "
            rf"[\w ]+)$",
            r"\g<c> is unique within \g<s>",
        ),
        # What has something cannot go.
        (
            r"^(?:an? )?(?P<x>\w+(?: \w+)?) (?:with|that (?:still )?ha(?:ve|s)|which ha(?:ve|s)|who ha(?:ve|s)) "
            r"(?:any )?(?P<y>\w+(?: \w+)?)"
            r" (?:cannot|must not|may not|can never|should not) be (?:deleted|removed)$",
            r"\g<x> cannot be deleted while they have \g<y>",
        ),
        # What stands first, with several of something: "in every concert, several pieces are performed".
        (
            r"^(?:in|at|on|during) (?:every|each|an?|one) (?P<a>\w+),? (?P<q>several|many|multiple|one or more|"
            r"some) (?P<b>\w+s) "
            r"(?:are|can be|get|may be) \w+(?P<t>,? in .+)?$",
            r"a \g<a> includes \g<q> \g<b>\g<t>",
        ),
        # Who is let do something does it.
        (
            r"^(?:an?|the|our|this) [\w ]+? (?:lets|allows|enables|helps) (?P<r>[\w]+s)(?: to)? (?=\w)",
            r"\g<r> ",
        ),
        # What is identified by something has it, alone.
        (
            r"^(?P<x>.+?) (?:is|can be|must be) (?:uniquely )?(?:identified|known) by (?:its |his |her |an? |the "
            r")?(?:own "
            r")?(?:unique )?(?P<y>[^,]+)",
            r"\g<x> has a unique \g<y>",
        ),
        (
            r"^(?P<x>.+?) are (?:uniquely )?(?:identified|known) by (?:their |an? |the )?(?:own )?(?:unique "
            r")?(?P<y>[^,]+)",
            r"\g<x> have a unique \g<y>",
        ),
        # Yes or no.
        (
            r"\b(?:can be|may be|is|are) (?:either )?(?P<f>[a-z]+) or not(?:,? (?:(?:and )?(?:normally|by default|"
            r"usually|initially|at first) "
            r"(?:it is|they are|is|are) not|by default not|not by default))\b",
            r"has a \g<f> flag, default false",
        ),
        (r"\b(?:can be|may be|is|are) (?:either )?(?P<f>[a-z]+) or not$", r"has a \g<f> flag"),
        # Once only.
        (
            r"\b(?P<v>(?:can|may|must|should) (?:\w+ )?\w+) (?P<o>only|at most|just|no more than) once (?P<p>to|in|"
            r"for|on|at|with|from) "
            r"(?P<b>(?:the same|an?|each|every|any|the|one) [\w ]+)$",
            r"\g<v> \g<p> \g<b> only once",
        ),
        (
            r"^(?:the same|an?|each|every) (?P<c>[\w ]+?) (?:can|may|must|should) (?:only )?(?:occur|appear|exist|"
            r"be used|be given|be taken|come)"
            rf" (?:only |at most )?once (?:within|in|for|on|at|per) (?P<s>(?:{_SAME} )?[\w ]+)$",
            r"\g<c> is unique within \g<s>",
        ),
        # There is at most one of them for each combination.
        (
            r"^(?:and |but )?(?:there (?:can|may|must|should|shall|will)? ?(?:only |never )?(?:be|is|are) )?"
            r"(?:only|at most|no more than|not more than|exactly|just|more than)? ?(?:ever )?(?:one|a single) "
            r"(?P<x>[\w ]+?) "
            r"(?:is allowed |is possible |exists |may exist |can exist |is kept |is stored )?"
            r"(?:per|for each|for every|for any|for) (?P<l>(?:[\w ]+, )*[\w ]+?(?:,? and|,) (?:per |for each )?[\w "
            r"]+)$",
            r"the combination of \g<l> is unique in \g<x>",
        ),
    )
)


def rephrased(text: str) -> str:
    """The sentence in the plainest words that say the same."""
    for pattern, instead in _REWRITES:
        text = pattern.sub(instead, text)
    return text
