"""How a text is laid out: prose, bullets, and lines that define one thing ("Book: title, ISBN (unique)")."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from postai.design.lists import definition_items
from postai.design.nouns import read_noun
from postai.design.sentences import sentences, words_of
from postai.design.shelter import Shelter
from postai.design.verbs import find_verb, verb_first
from postai.language.word_set import word_set

_BULLET = re.compile(r"^(?P<indent>\s*)(?:[-*•+·]|\d+[.)]|\([a-z\d]\)|[a-z]\))\s+(?P<text>.*)$")
_HEAD = re.compile(
    r"^(?P<head>[A-Za-z][\w /&'’]{0,45}?)\s*(?P<mark>§\d+§)?\s*(?::|\s-{1,2}\s|\s=\s|\s\|\s)\s*(?P<rest>.*)$"
)
_BARE_HEAD = re.compile(r"^(?P<head>[A-Za-z]\w*(?: \w+){0,2})\s*(?P<mark>§\d+§)\s*[.;]?$")
_GENERAL = word_set("""
    table entity entities requirement rule constraint note notes relation relationship relationships assumption
    domain data model schema database thing things object following detail details overview goal scope index
    indexes attribute attributes field fields lookup lookups query queries access description context business
    summary task example otherwise also important remark behaviour behavior deletion cardinality uniqueness
    default defaults validation
    """)
_NO_HEAD = word_set("""
    we i you please design create build make model draw track manage give set this it there help if when for
    each every all no a an the store keep record note our my new
    """)


@dataclass(frozen=True)
class Statement:
    """A sentence, or what defines a thing.

    Attributes:
        text: the sentence; "" for a definition.
        head: the thing that is defined, or that a sentence in its definition speaks of.
        items: what the thing has or does, each on its own.
        sure: whether nothing but a definition was meant (several lines of the same kind, or bullets below it).
    """

    text: str
    head: str = ""
    items: tuple[str, ...] = ()
    sure: bool = False


@dataclass
class _Line:
    text: str
    bullet: bool
    indent: int


def statements(text: str, shelter: Shelter) -> list[Statement]:
    """The statements of a description whose brackets and quotes were put aside."""
    lines = _lines(re.sub(r"\band, ", ", and ", text))
    found: list[Statement] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.text.endswith(":"):
            below = _below(lines, at)
            if below:
                found += _headed(line.text[:-1].strip(), [one.text for one in below], shelter)
                at += len(below) + 1
                continue
        found += _of_line(line.text, shelter)
        at += 1
    found = [part for one in found for aside in _asides(one, shelter) for part in _parted(aside, shelter)]
    several = sum(1 for one in found if one.items) > 1
    return [Statement(one.text, one.head, one.items, sure=True) if several and one.items else one for one in found]


_ASIDE = re.compile(
    r"^(?P<x>(?:(?:an?|each|every|the|all|our|one) )?\w+(?: \w+)?), (?P<r>(?:who|which) (?P<v>(?:is|are|has|have|"
    r"can|may|must)\b[^,]*)|(?P<p>\w+ed"
    r" (?:by|with|in|on|at|to) [^,]+)), (?P<rest>.+)$",
    re.I,
)


def _asides(one: Statement, shelter: Shelter) -> list[Statement]:
    """A sentence, and what is said in passing in it: "Voters, identified by an email, vote", "(a team never ...)"."""
    found = []
    text = one.text
    if inner := re.search(
        r"(?<=\s)(?P<np>(?:an?|one|exactly one) \w+), with (?P<w>[^,]+), (?=(?:for|in|at|to|on|by|from)\b)", text
    ):
        noun = read_noun(inner["np"])
        text = text[: inner.start()] + inner["np"] + " " + text[inner.end() :]
        found.append(replace(one, text=f"a {' '.join(noun.words) if noun else inner['np']} has {inner['w']}"))
    if aside := _ASIDE.match(text):
        noun = read_noun(aside["x"])
        said = aside["v"] or f"{'are' if noun and noun.plural else 'is'} {aside['p']}"
        text = f"{aside['x']} {aside['rest']}"
        found.append(replace(one, text=f"{aside['x']} {said}"))
    for number in re.findall(r"§(\d+)§", text):
        kept = shelter.kept[int(number)]
        if (
            int(number) in shelter.quoted
            or len(kept.split()) < 4
            or re.match(r"(?:it|they|this|that|which|who|e\.?g|i\.?e|or|and|not)\b", kept)
        ):
            continue
        verb = find_verb(words_of(kept))
        if (
            verb is not None
            and 0 < verb[0] <= 4
            and re.match(r"(?:an?|the|each|every|no|all|two|one|\w+s)\s", kept, re.I)
        ):
            text = " ".join(text.replace(f"§{number}§", " ").split())
            found.append(replace(one, text=kept))
    return [*found, replace(one, text=text)] if found else [one]


def _parted(one: Statement, shelter: Shelter) -> list[Statement]:
    """A sentence with a colon as two, where both sides are sentences; values behind a colon as a bracket."""
    split = re.match(r"^(?P<a>.*<->[^,]*), (?P<b>.+)$", one.text)
    if split and find_verb(words_of(split["b"])) is not None:
        return [replace(one, text=split["a"]), replace(one, text=split["b"])]
    if split := re.match(
        r"^(?P<a>.+), (?:but |and )?(?:an?|each|every) (?P<b>\w+) (?:at most|only|no more than|just) once "
        r"(?P<c>(?:per|for each|in each|for every) \w+)$",
        one.text,
    ):
        return [
            replace(one, text=split["a"]),
            replace(one, text=f"a {split['b']} can be recorded only once {split['c']}"),
        ]
    head, colon, rest = one.text.partition(": ")
    if not colon or re.search(r"\b(?:one of|either|be|is|are|values?|these|following)$", head, re.I):
        return [one]
    said, follows = find_verb(words_of(head)), _subject_verb(rest)
    if said is not None and _subject_verb(head) is not None and not _SPEAKS.match(head):
        if re.match(r"for (?:each|every|an?|any|all)\b", rest, re.I):
            return [replace(one, text=head), replace(one, text=rest)]
        if ordered := _ORDERS.match(rest):
            return [replace(one, text=head), replace(one, text=f"for that we store {rest[ordered.end() :]}")]
    resumes = re.match(r"(?:each|every one|all of them|they|it|these)\b", rest, re.I)
    if (
        said is not None
        and follows is not None
        and said[1] < len(words_of(head))
        and (resumes or not _SPEAKS.match(head))
    ):
        return [replace(one, text=head), replace(one, text=rest)]
    if (
        said is not None
        and follows is None
        and _subject_verb(head) is not None
        and said[1] < len(words_of(head))
        and len(definition_items(rest, shelter)) > 1
        and not re.search(r"\sor\s|/", rest)
        and not _SPEAKS.match(head)
        and said[2].lemma not in ("have", "be", "contain", "include", "consist")
    ):
        return [replace(one, text=head), replace(one, text=f"it has {rest}")]
    last = read_noun(shelter.bare(re.split(r"\s(?:and|an?|the)\s|,\s", head)[-1]))
    if said is not None and follows is None and re.search(r"\sor\s|/", rest) and last is not None and not last.plural:
        return [replace(one, text=f"{head} {shelter.keep('one of ' + rest)}")]
    return [one]


_ORDERS = re.compile(
    r"(?:(?:we|you|please|also|and|i|must|should|want to|need to|have to) )*(?:note|notes|store|keep|record|save|"
    r"track|log|remember|know|register)\s"
    r"(?!that\b|in mind)(?:down )?(?:track of )?",
    re.I,
)
_SPEAKS = re.compile(r"(?:i|we|it|there|you|please|build|create|design|model)\b", re.I)


def _lines(text: str) -> list[_Line]:
    text = re.sub(r"\*\*|__|^#+\s*", "", text, flags=re.M)
    found: list[_Line] = []
    broken = True
    for raw in text.split("\n"):
        if not raw.strip():
            broken = True
            continue
        bullet = _BULLET.match(raw)
        words = (bullet["text"] if bullet else raw).strip()
        indent = len(raw) - len(raw.lstrip())
        before = found[-1] if found else None
        wraps = (
            before is not None
            and not broken
            and bullet is None
            and not re.search(r"[.:;!?]$", before.text)
            and (words[0].islower() or before.text.endswith((",", "and", "or")))
            and _head_of(words) is None
            and (not before.bullet or indent > before.indent)
        )
        if wraps and before is not None:
            before.text += " " + words
        else:
            found.append(_Line(words, bullet is not None, indent))
        broken = False
    return found


def _below(lines: list[_Line], at: int) -> list[_Line]:
    """The bullets under a line that ends with a colon."""
    found = []
    for line in lines[at + 1 :]:
        deeper = line.indent > lines[at].indent
        if line.text.endswith(":") or not (deeper or (line.bullet and not lines[at].bullet)):
            break
        found.append(line)
    return found


def _headed(head: str, below: list[str], shelter: Shelter) -> list[Statement]:
    """What a line with a colon and the bullets below it say."""
    plain = all(_subject_verb(one) is None and _head_of(one) is None for one in below)
    named = _is_head(head, shelter)
    if named and plain:
        items = [each for one in below for each in _items(one.rstrip(".;,"), shelter, single=True)]
        return [Statement("", shelter.bare(head), tuple(items), sure=True)]
    if find_verb(words_of(head)) is not None and plain and not _general(head):
        return [Statement(f"{head} {', '.join(one.rstrip('.;,') for one in below)}")]
    return [each for one in below for each in _of_line(one, shelter)]


def _of_line(text: str, shelter: Shelter) -> list[Statement]:
    found = _head_of(text)
    if found is None:
        return [Statement(one) for one in sentences(text)]
    head, mark, rest = found
    things = re.match(r"[a-z]+s(?: [a-z]+s)?,? (?:with|having|each)\b|[a-z]+s; ", rest, re.I)
    if things and find_verb(words_of(head)) is None:
        return [Statement(one) for one in sentences(rest)]
    if not _is_head(head, shelter):
        general = _general(head) and rest
        return [Statement(one) for one in sentences(rest if general else text)]
    first, _, more = _cut(rest)
    if first and _subject_verb(first) is not None:
        return [Statement(one) for one in sentences(text)]
    items = [*(_items(shelter.raw_marks(mark)[0], shelter) if mark else ()), *_items(first, shelter)]
    noun = read_noun(head)
    return [
        Statement("", head, tuple(items)),
        *(Statement(one, head=head) for one in sentences(more) if noun),
    ]


def _cut(rest: str) -> tuple[str, str, str]:
    """The list of a definition and the sentences behind it."""
    found = re.search(r"[.!?](?=\s|$)", rest)
    return (rest, "", "") if found is None else (rest[: found.start()], found[0], rest[found.end() :].strip())


def _items(text: str, shelter: Shelter, *, single: bool = False) -> list[str]:
    items = definition_items(text, shelter)
    if ";" in text:
        return items
    if single and len(items) > 1 and not any(verb_first(one.split()) for one in items):
        core, _, details = text.partition(",")
        return [f"{core} {shelter.keep(details.strip())}"]
    joined: list[str] = []
    for one in items:
        if joined and verb_first(joined[-1].split()) and not verb_first(one.split()):
            joined[-1] += f", {one}"
        else:
            joined.append(one)
    return joined


def _head_of(text: str) -> tuple[str, str, str] | None:
    """The head, its mark and what follows of a line that may define something."""
    found = _HEAD.match(text) or _BARE_HEAD.match(text)
    if found is None or len(found["head"].split()) > 4:
        return None
    rest = found["rest"] if "rest" in found.groupdict() else ""
    return found["head"].strip(), found["mark"] or "", (rest or "").strip()


def _general(head: str) -> bool:
    words = re.findall(r"\w+", head.lower())
    return bool(words) and (words[-1] in _GENERAL or words[0] in _GENERAL or words[-1].rstrip("s") in _GENERAL)


def _is_head(head: str, shelter: Shelter) -> bool:
    words = shelter.bare(head).lower().split()
    if not words or len(words) > 4 or words[0] in _NO_HEAD or _general(head):
        return False
    noun = read_noun(shelter.bare(head))
    return noun is not None and find_verb(words) is None and not {"and", "or", "of", "for", "to"} & set(words)


def _subject_verb(text: str) -> object | None:
    """The verb of a text that has a subject of its own before it."""
    words = words_of(text)
    if not words or verb_first(words):
        return None
    if "," in words and (found := find_verb(words)) is not None and found[0] > words.index(","):
        return None if find_verb(words[: words.index(",")]) is None else found
    return find_verb(words)
