"""Words inside identifiers: `order_items`, `OrderItems`, `unitprice`, `dob`, `bkgSts` → the words people say."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from postai.language.abbreviations import ABBREVIATIONS, ACRONYMS, IDENTIFIER_WORDS
from postai.language.thesaurus import GROUPS
from postai.language.word_set import word_set
from postai.language.words import singular

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+|\W+|(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])")
_VOWELS = frozenset("aeiou")
_MOST = 0.8
_COMMON = frozenset(word for group in GROUPS for word in group if len(word) > 3) - {"firstname", "lastname"}
_SHORT_WORDS = word_set("""
    lab gym spa bus van cab gas oil zoo pet pub bar bay bed bag box cup dog egg era eye fan fee fix fog gap gun hat hub
    ice ink jam jar jet joy kid kit law leg lid lip log lot map mat mix mom net nut oak pan pen pie pig pit pot raw row
    run sea sex sky son sum sun tap tea ten tie tin toe top toy tub tug war wax web win wine wind rain snow tide crew
    dose bond boat farm fish gate gold golf hand heat herd hill hive hole hook iron jury lake lane leaf lens loan lock
    lung meal meat menu milk mill mine moon myth nest note oven pace pack page pain palm pipe plot poem poet pool port
    pump rail raft ramp reef rent ring risk road rock role roof root rope seed ship shoe silk site skin snow soap soil
    sofa song soup spot star stem suit surf swim tank tent tide tile tire toll tool tour town toys tram tree tube tuna
    vase vote wall ward wave well wife wing wood wool yard yarn yoga
    """)
_TIMED = frozenset({"duration", "time", "delay", "length", "travel", "wait", "play", "run", "trip", "call"})
_FOLDED_ENDINGS = (
    "count", "cnt", "date", "name", "type", "code", "amount", "amt", "qty", "used", "level", "score", "price", "cost",
    "flag", "status", "yr", "year", "num", "pct",
)  # fmt: skip
_ENDINGS = ("id", "name", "code", "no", "date", "type")


def pieces(name: str) -> tuple[str, ...]:
    """The parts of a name as its author separated them, lower case: "OrderItems" and "order_items" → order, items."""
    return tuple(part.lower() for part in _CAMEL.split(name) if part)


def _shared_leads(names: Iterable[str]) -> set[str]:
    """Words that several folded names begin with, `rep` of repid and repname: what stands before usual endings."""
    leads: dict[str, set[str]] = defaultdict(set)
    for name in names:
        lower = name.lower()
        for ending in _ENDINGS:
            lead = lower.removesuffix(ending)
            if lead != lower and len(lead) > 2 and lead.isalpha():
                leads[lead].add(ending)
    return {lead for lead, endings in leads.items() if len(endings) > 1}


class Segmenter:
    """Splits folded names ("unitprice") into words and writes abbreviations out.

    Args:
        names: names of the catalog: their separated parts count as words too.
        aliases: what a short form stands for in this catalog ("gst" before the columns of table guest).
    """

    def __init__(self, names: Iterable[str], aliases: Mapping[str, tuple[str, ...]] | None = None) -> None:
        names = tuple(names)
        self._aliases = dict(aliases or {})
        known = (
            set(IDENTIFIER_WORDS)
            | _COMMON
            | {word for word in _SHORT_WORDS if len(word) > 3}
            | set(ABBREVIATIONS)
            | set(ACRONYMS)
            | set(self._aliases)
        )
        spoken: set[str] = set()
        for name in names:
            parts = pieces(name)
            if len(parts) > 1:
                known.update(part for part in parts if len(part) > 2 and part.isalpha())
            spoken.update(singular(part) for part in parts if len(part) > 4 and part.isalpha())
        known |= _shared_leads(names)
        self._common = IDENTIFIER_WORDS | _COMMON | _SHORT_WORDS
        self._known = frozenset(known | {word + "s" for word in known if len(word) > 3})
        self._own, self._general = _by_initial(spoken), _by_initial(IDENTIFIER_WORDS)
        self._split = lru_cache(maxsize=20000)(self._segment)
        self._full = lru_cache(maxsize=20000)(self._written_out)

    def words(self, name: str, prefix: str = "", comment: str | None = None) -> tuple[str, ...]:
        """Singular words of a name, abbreviations written out; `prefix` is left out when the name starts with it.

        Args:
            comment: of the thing named so: an abbreviation may be one of its words.
        """
        lower = name
        if prefix and name.lower().startswith(prefix) and len(name) > len(prefix):
            lower = name[len(prefix) :]
        found: list[str] = []
        for part in pieces(lower):
            for word in self._split(part):
                said = self._from_comment(word, comment) if comment else None
                found.extend(said or self._full(word))
        if len(found) > 1 and found[-1] == "minimum" and found[-2] in _TIMED:
            found[-1] = "minute"
        # A name may hold no letter or digit at all (":"); then it is its own only word.
        return tuple(singular(word) for word in found) or (name,)

    def spelled_out(self, name: str, comment: str | None) -> Iterable[tuple[str, str]]:
        """The short forms of a table's name and the words of its comment that they stand for: "trf", "tariff"."""
        for part in pieces(name) if comment else ():
            if len(part) > 2 and part not in ABBREVIATIONS and self._full(part) == (part,):
                said = self._from_comment(part, comment or "")
                if said:
                    yield part, said[0]

    def splits(self, text: str) -> bool:
        """Whether a text consists of known words, abbreviations and numbers."""
        return all(
            word in self._known or word.isdigit() or self._full(word) != (word,)
            for part in pieces(text)
            for word in self._split(part)
        )

    def _written_out(self, word: str) -> tuple[str, ...]:
        if word in self._aliases or word in ABBREVIATIONS:
            return self._aliases.get(word) or ABBREVIATIONS[word]
        if not self._is_short(word):
            return (self._longer(word),)
        for words in (self._own, self._general):
            meant = stands_for(word, words.get(word[0], ()))
            if meant is not None:
                return (meant,)
        return (word,)

    def _longer(self, word: str) -> str:
        """ "deliv" beside a table of deliveries: a beginning of one word of the catalog that is no word itself."""
        if not 4 <= len(word) <= 6 or not word.isalpha() or word in self._common:
            return word
        closed = not _VOWELS & set(word[-2:])  # "purch", not "organ"
        longer: list[str] = []
        for words in (self._own, self._general) if closed else (self._own,):
            longer = [one for one in words.get(word[0], ()) if one.startswith(word) and len(one) > len(word) + 1]
            if longer:
                break
        ended = any(one[len(word) :] in ("ed", "er", "or", "ing", "ion", "al", "ly") for one in longer)
        return longer[0] if len(longer) == 1 and not ended else word

    def _is_short(self, word: str) -> bool:
        """Whether a piece is likely an abbreviation: short, and no word itself."""
        if not 2 <= len(word) <= 6 or not word.isalpha() or word in IDENTIFIER_WORDS or word in ACRONYMS:
            return False
        return singular(word) not in IDENTIFIER_WORDS | _SHORT_WORDS and (len(word) <= 4 or not _VOWELS & set(word))

    def _from_comment(self, word: str, comment: str) -> tuple[str, ...] | None:
        if word in self._aliases or word in ACRONYMS or not word.isalpha() or not 2 <= len(word) <= 6:
            return None
        if word in IDENTIFIER_WORDS and word not in ABBREVIATIONS:
            return None
        said = {singular(one) for one in re.findall(r"[a-z]{4,}", comment.lower())} - {word}
        meant = stands_for(word, said)
        if meant is None and len(word) > 2:
            longer = [one for one in said if one[0] == word[0] and len(one) > len(word) + 1 and _inside(word, one)]
            meant = longer[0] if len(longer) == 1 else None
        return (meant,) if meant is not None else None

    def _segment(self, part: str) -> tuple[str, ...]:
        if len(part) < 5 or part in self._known or not part.isalpha():
            return self._short_parts(part)
        best: list[tuple[float, tuple[str, ...]] | None] = [None] * (len(part) + 1)
        best[0] = (0.0, ())
        for end in range(1, len(part) + 1):
            for begin in range(max(0, end - 16), end):
                before = best[begin]
                word = part[begin:end]
                if before is None or word not in self._known or len(word) < 2:
                    continue
                cost = before[0] + 1 + (1.5 if len(word) == 2 else 0)
                current = best[end]
                if current is None or cost < current[0]:
                    best[end] = (cost, (*before[1], word))
        whole = best[len(part)]
        if whole is not None and whole[0] <= 1.5 + len(part) / 2.5:
            return whole[1]
        return self._before_ending(part, best)

    def _before_ending(self, part: str, best: list[tuple[float, tuple[str, ...]] | None]) -> tuple[str, ...]:
        """ "tugcnt", "depthm": a word that is not known, or known words, before what such names end in."""
        for unit in ("m", "kt", "c", "f", "l"):
            before = best[len(part) - len(unit)]
            if part.endswith(unit) and before is not None and before[0] <= 2 and len(part) > 3:
                return (*before[1], unit)
        for ending in _FOLDED_ENDINGS:
            head = part.removesuffix(ending)
            if head != part and len(head) >= 3 and _VOWELS & set(head):
                return (head, ending)
        return (part,)

    def _short_parts(self, part: str) -> tuple[str, ...]:
        """ "cidt", "rmid": a short form in front of one of the commonest endings."""
        if part in self._known or not part.isalpha() or len(part) not in (3, 4):
            return (part,)
        if part[-1] in "mcf" and len(part) == 4 and part[:-1] in self._known | _SHORT_WORDS:
            return (part[:-1], part[-1])  # lowm, lenm: in meters
        head, tail = part[:-2], part[-2:]
        return (head, tail) if tail in ("id", "dt", "ts", "no", "nm", "cd") and head in self._known else (part,)


def stands_for(short: str, words: Iterable[str]) -> str | None:
    """The one word that a short form stands for: its consonants ("rvw"), its beginning ("prop"), or letters of it
    in their order, the first and last included ("bkg"). Between two equally likely words: None.
    """
    tiers: tuple[list[str], ...] = ([], [], [])
    for word in words:
        if word[0] != short[0] or len(word) < len(short) + 2 - (len(short) < 4):
            continue
        if _skeleton(word) == short:
            tiers[0].append(word)
        elif len(short) >= 3 and word.startswith(short):
            tiers[1].append(word)
        elif len(short) >= 3 and not _VOWELS & set(short[1:]) and word[-1] == short[-1] and _inside(short, word):
            tiers[2].append(word)
    for tier in tiers:
        if tier:
            return tier[0] if len(tier) == 1 else None
    return None


def _skeleton(word: str) -> str:
    return word[0] + "".join(letter for letter in word[1:] if letter not in _VOWELS)


def _inside(short: str, word: str) -> bool:
    letters = iter(word)
    return all(letter in letters for letter in short)


def _by_initial(words: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for word in words:
        if len(word) > 3:
            found[word[0]].append(word)
    return found


def shared_prefix(names: Iterable[str], splits: Callable[[str], bool] | None = None) -> str:
    """The prefix that names share, e.g. "tbl_" or the "xy" of xyname, xycity, xyid; "" when there is none.

    A prefix ends at an underscore where the names have underscores. It is never a whole name. Names without it are
    allowed for when four of five have it, it is no word itself, and what it leaves are words.

    Args:
        splits: whether a text consists of known words; without it only a prefix of all names counts.
    """
    lowered = [name.lower() for name in names]
    if len(lowered) < 3:
        return ""
    first, last = min(lowered), max(lowered)
    size = 0
    while size < min(len(first), len(last)) and first[size] == last[size]:
        size += 1
    prefix = first[:size]
    if any("_" in name for name in lowered):
        prefix = prefix[: prefix.rfind("_") + 1]
    elif splits is not None:
        prefix = _leaving_words(prefix, lowered, splits)
    if len(prefix) >= 2 and all(len(name) > len(prefix) for name in lowered):
        return prefix
    return _of_most(lowered, splits) if splits is not None else ""


def _leaving_words(prefix: str, names: list[str], splits: Callable[[str], bool]) -> str:
    """The longest beginning of the prefix behind which whole words follow: "gst" of gstname and gstno, not "gstn"."""
    for size in range(len(prefix), 1, -1):
        if all(len(name) > size and splits(name[size:]) for name in names):
            return prefix[:size]
    return prefix


def _of_most(names: list[str], splits: Callable[[str], bool]) -> str:
    starts: Counter[str] = Counter()
    for name in names:
        if "_" in name.strip("_"):
            starts[name[: name.index("_", 1) + 1]] += 1
        else:
            starts.update(name[:size] for size in range(2, min(6, len(name) - 1)))
    fitting = [start for start, count in starts.items() if count >= max(3, _MOST * len(names))]
    for start in sorted(fitting, key=len, reverse=True):
        bare = start.rstrip("_")
        rests = [name[len(start) :] for name in names if name.startswith(start)]
        if bare not in IDENTIFIER_WORDS and len(bare) > (not start.endswith("_")) and all(map(splits, rests)):
            return start
    return ""
