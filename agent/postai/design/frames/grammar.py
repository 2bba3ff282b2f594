"""Small closed classes of English words, and what a verb group of a clause is."""

from __future__ import annotations

from dataclasses import dataclass

from postai.design.frames.tokens import Tokens
from postai.design.nouns import is_plural, singular
from postai.design.verbs import base_of, is_participle, lemma_of
from postai.language.word_set import word_set

BE = word_set("is are was were be been being stays remains remain")
HAVE = word_set("has have had")
MODAL = word_set("may can might could must should shall will cannot would do does did")
DETERMINERS = word_set("""
    a an the each every any some its their his her our your my this that these those no another such both all either
    neither same other
    """)
NUMERALS = word_set(
    "one two three four five six seven eight nine ten eleven twelve several many multiple various few "
    "numerous more less most least exactly only"
)
PREPOSITIONS = word_set("""
    by to in at for from on with of into under as within about against between through during over via per using
    onto among across inside near behind after before until without since towards toward around along above below up
    upon throughout than
    """)
WH = word_set("that which who whose whom where whether when how what if unless until because so while although once")
CONJUNCTIONS = word_set("and or but nor plus")
ADVERBS = word_set("""
    not always only also usually never optionally normally typically then still both often sometimes ever no longer
    just currently exactly possibly already directly again now generally later first finally together nearly mostly
    mainly initially eventually however instead too well regularly frequently likewise perhaps therefore thus simply
    automatically manually even further furthermore moreover additionally jointly daily weekly yearly monthly almost
    constantly separately once twice all
    """)
PRONOUNS = word_set(
    "it they he she we i you there nobody everybody everyone anyone someone one who which that this these"
)
US = word_set("we i you everybody everyone")
COMPARED = word_set("greater less larger smaller higher lower later earlier longer shorter bigger fewer than equal")
SIGNS = frozenset(",;:()<>=≥≤/¤") | {"<->", "<=", ">=", "->"}
SINGULAR_DET = word_set("a an each every one another either neither this any no")
FUNCTION = (
    BE
    | HAVE
    | MODAL
    | DETERMINERS
    | NUMERALS
    | PREPOSITIONS
    | WH
    | CONJUNCTIONS
    | ADVERBS
    | PRONOUNS
    | SIGNS
    | COMPARED
)
PARTICLES = word_set("up out off down back away together over")
IMPERATIVE = word_set("store keep record note track remember log save register capture count collect add")


@dataclass(frozen=True)
class VerbGroup:
    """The verb of a clause.

    Attributes:
        lemma: base form; "be", "have" among them.
        start, end: the group's tokens in the clause.
        passive: "is written"; the participle's lemma is `lemma`.
        modal: the first modal verb, "" = none.
        negated: not, never, cannot.
        only: "only" or "at most" stands in the group.
        form: the main word as written.
    """

    lemma: str
    start: int
    end: int
    passive: bool = False
    modal: str = ""
    negated: bool = False
    only: bool = False
    form: str = ""

    @property
    def may(self) -> bool:
        """Whether something is allowed, not said to be so."""
        return self.modal in ("may", "can", "might", "could") and not self.negated


def is_word(token: str) -> bool:
    """Whether a token is a content word: no sign, number or word of the grammar."""
    return token[0].isalpha() and token.lower() not in FUNCTION


def third(word: str) -> bool:
    """Whether a word may be a verb of the third person: records, goes, is no plural in -ss."""
    return word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")) and len(word) > 2 and word.islower()


def behind_noun(tokens: Tokens, at: int) -> int:
    """Where a noun phrase that begins at `at` ends at the latest: the first token that cannot belong to it."""
    end = at
    while end < len(tokens) and (
        is_word(tokens[end])
        or (tokens[end].lower() in DETERMINERS | NUMERALS and (end == at or tokens[end].lower() == "same"))
        or (end > at and tokens[end].lower() in NUMERALS and tokens[end - 1].lower() in DETERMINERS | NUMERALS)
        or (tokens[end].lower() in ("of", "most", "least") and tokens[end - 1].lower() in ("at", "one", "any"))
        or (tokens[end].lower() in ("first", "last", "second") and tokens[end - 1].lower() in DETERMINERS)
    ):
        end += 1
    return end


def find_verb(tokens: Tokens, nouns: frozenset[str] = frozenset()) -> VerbGroup | None:
    """The finite verb of a clause that begins with its subject; None = there is none.

    Args:
        nouns: last words of known things, singular: "trips" after "the" is rather one of them than a verb.
    """
    low = [one.lower() for one in tokens]
    at = _skip_subject(tokens, low, nouns)
    return None if at is None else _group(tokens, low, at)


def _skip_subject(tokens: Tokens, low: list[str], nouns: frozenset[str]) -> int | None:
    at = 0
    if low and low[0] in ("it", "they", "he", "she", "we", "i", "you", "there", "nobody", "everybody", "everyone"):
        at = 1
        while at < len(low) and low[at] in ADVERBS:
            at += 1
        return at if at < len(low) and low[at][0].isalpha() and low[at] not in PREPOSITIONS | DETERMINERS else None
    headed = False
    while True:
        found = _verb_in_run(tokens, low, at, nouns, headed=headed)
        end = behind_noun(tokens, at)
        if found is not None and not (found == end - 1 and _subject_goes_on(low, tokens, end)):
            return found
        if end >= len(tokens) or end == at:
            return None
        if low[end] in ("of", "for", "in", "on", "at", "with", "from", "to", "between", "per", "under"):
            if low[end] == "with":
                return next(
                    (
                        i
                        for i in range(end, behind_noun(tokens, end + 1) + 1)
                        if low[i : i + 1] and low[i] in BE | HAVE | MODAL
                    ),
                    None,
                )
            headed = headed or bool(_many(low[at:end])) or any(one in ("two", "several", "many") for one in low[at:end])
            at = end + 1  # "the stops of a line are", "no two stops of a line have"
            continue
        if low[end] in ("and", "or") and at < end:
            at = end + 1  # "number and direction together identify"
            continue
        if low[end][0] in "«(" and len(low[end]) > 1:
            at = end + 1
            if (at < len(low) and low[at] in BE | HAVE | MODAL) or (
                at < len(low) and third(tokens[at]) and lemma_of(low[at])
            ):
                return at
            return None
        if low[end] == "(":
            depth = 0
            while end < len(low):
                depth += (low[end] == "(") - (low[end] == ")")
                end += 1
                if depth == 0:
                    break
            at = end
            if at < len(low) and (low[at] in BE | HAVE | MODAL):
                return at
            continue
        if low[end] == "," and end + 1 < len(low) and low[end + 1] in ("who", "which", "whose", "identified", "known"):
            close = next((i for i in range(end + 2, len(low)) if low[i] == ","), None)
            if close is None:
                return None
            at = close + 1
            if at < len(low) and not (is_word(low[at]) or low[at] in BE | HAVE | MODAL):
                return None
            return at
        if low[end] in ("that", "who", "which", "whose"):
            inner = find_verb(["x", *tokens[end + 1 :]], nouns)
            return None if inner is None else _behind_relative(low, end + inner.end)
        if low[end] in ("after", "before", "together") and low[end + 1 : end + 2] and low[end + 1] in BE | HAVE | MODAL:
            return end + 1
        return None


def _subject_goes_on(low: list[str], tokens: Tokens, end: int) -> bool:
    """Whether "and" joins two nouns before one verb: "the phone numbers and email addresses are deleted"."""
    if low[end : end + 1] != ["and"]:
        return False
    behind = behind_noun(tokens, end + 1)
    return end + 1 < behind < len(low) and low[behind] in BE | HAVE | MODAL


def _behind_relative(low: list[str], at: int) -> int | None:
    """The verb that follows a relative clause at once: "a key that is lost cannot be used"."""
    for i in range(at, min(len(low), at + 4)):
        if low[i] in BE | HAVE | MODAL:
            return i
        if low[i] in CONJUNCTIONS | WH | SIGNS or not low[i][0].isalpha():
            return None
    return None


_OPEN_NUMBER = word_set("the its their our my his her your")


def _many(words: list[str]) -> list[int]:
    """Which words are plurals by which a noun phrase may end."""
    return [i for i, one in enumerate(words) if is_plural(one) and one not in ("data", "media")]


def _verb_in_run(tokens: Tokens, low: list[str], at: int, nouns: frozenset[str], *, headed: bool = False) -> int | None:
    """The verb in the run of words from `at`, or right behind it.

    Args:
        headed: whether a plural noun stands before, with what belongs to it between: "caves of a region share".
    """
    end = behind_noun(tokens, at)
    first = at
    while first < end and low[first] in DETERMINERS | NUMERALS | {"of", "most", "least"}:
        first += 1
    if (
        end < len(low)
        and low[end] in ADVERBS - {"all", "both", "first", "once"}
        and end > at
        and low[end - 1] not in DETERMINERS
    ):
        after = end
        while after < len(low) and low[after] in ADVERBS:
            after += 1
        if after < len(low) and (low[after] in BE | HAVE | MODAL or (after < len(low) and lemma_of(low[after]))):
            return end
    if end < len(low) and low[end] in BE | HAVE | MODAL and (end > first or end > at):
        # "a sports club has": all words before belong to the subject, unless a plural verb stands between.
        return end
    if end - first == 1 and first > at and low[first - 1] in ("one", "each", "several", "both", "most", "some"):
        if (low[first - 1] == "one" and not third(tokens[first])) or low[first].endswith(("ing", "ed")):
            return None
        return first if lemma_of(low[first]) and not (third(tokens[first]) and low[first - 1] != "one") else None
    if end - first < 2:
        return None
    if headed:
        return next((i for i in range(min(end, len(low) - 1) - 1, first, -1) if lemma_of(low[i]) == low[i]), None)
    two = at + 1 < first and low[at + 1] in NUMERALS - {"one", "exactly", "only"}
    single = low[at] in SINGULAR_DET and not two if at < first else not _many(low[first:end])
    candidates = range(first + 1, end)
    if low[at] == "the" or not single:
        heads = [i + first for i in _many(low[first:end])]
        if (
            heads
            and low[at] in _OPEN_NUMBER
            and third(tokens[heads[0]])
            and heads[0] > first
            and (lemma_of(low[heads[0]]) or low[heads[0]] in _IRREGULAR)
        ):
            return heads[0]
        if not heads and low[at] in NUMERALS and at < first:
            return next((i for i in range(end - 1, first, -1) if lemma_of(low[i]) == low[i]), None)
        if heads:
            spot = heads[0] + 1
            if spot < end and is_plural(low[spot]) and spot + 1 < end and not lemma_of(low[spot]):
                spot += 1
            if spot < end and not tokens[spot].endswith("'s"):
                return spot if spot + 1 < len(low) else None
        if low[at] != "the":
            return None
    for i in candidates:
        if third(tokens[i]) and tokens[i - 1] and not tokens[i - 1].endswith("'s"):
            if singular(tokens[i]) in nouns and not lemma_of(low[i]):
                continue
            return i
    return None


def _group(tokens: Tokens, low: list[str], at: int) -> VerbGroup:
    start, modal, negated, only = at, "", False, False
    passive = False

    def skip() -> None:
        nonlocal at, negated, only
        while at < len(low) and (
            low[at] in ADVERBS or (low[at] in ("at", "no") and low[at + 1 : at + 2] in (["most"], ["longer"]))
        ):
            if low[at] in ("not", "never"):
                negated = True
            if low[at] == "only" and low[at - 1] not in BE | HAVE:
                only = True
            if low[at] in ("at", "no"):
                if low[at + 2 : at + 3] and (low[at + 2] in ("one", "once") or low[at + 2].isdigit()):
                    break
                at += 1
            if (
                low[at] in ("exactly", "both", "only", "all", "once", "twice", "first", "just")
                and at + 1 < len(low)
                and (low[at + 1] in NUMERALS | DETERMINERS | PREPOSITIONS | {",", "and"} or low[at + 1].isdigit())
            ):
                break
            at += 1

    skip()
    while at < len(low) and low[at] in MODAL:
        modal = modal or low[at]
        negated |= low[at] == "cannot"
        at += 1
        skip()
    if low[at : at + 2] in (["has", "to"], ["have", "to"]):
        modal, at = modal or "must", at + 2
    elif low[at : at + 4] in (["is", "allowed", "to"], ["are", "allowed", "to"]):
        modal, at = modal or "may", at + 3
    skip()
    if at >= len(low):
        return VerbGroup("be" if not modal else "do", start, at, False, modal, negated, only)
    word = low[at]
    if word in BE or word == "stay":
        at += 1
        skip()
        while at < len(low) and low[at] in ("been", "being", "be"):
            at += 1
            skip()
        if at < len(low) and is_word(tokens[at]) and is_participle(low[at]) and _passive(low, at):
            lemma = base_of(low[at])
            return VerbGroup(lemma, start, at + 1, True, modal, negated, only, low[at])
        return VerbGroup("be", start, at, False, modal, negated, only, word)
    if word in HAVE:
        at += 1
        skip()
        if at < len(low) and low[at] == "been":
            at += 1
            skip()
            if at < len(low) and is_participle(low[at]):
                return VerbGroup(base_of(low[at]), start, at + 1, True, modal, negated, only, low[at])
            return VerbGroup("be", start, at, False, modal, negated, only, word)
        if (
            at < len(low)
            and is_participle(low[at])
            and at + 1 < len(low)
            and low[at + 1] in DETERMINERS | NUMERALS | PREPOSITIONS
        ):
            return VerbGroup(base_of(low[at]), start, at + 1, False, modal, negated, only, low[at])
        return VerbGroup("have", start, at, False, modal, negated, only, word)
    at += 1
    lemma = _IRREGULAR.get(word) or lemma_of(word) or (base_of(word) if not third(word) else _third_base(word))
    if at < len(low) and low[at] in PARTICLES:
        at += 1
    mark = at
    skip()
    if negated and at > mark and modal == "":
        pass
    return VerbGroup(lemma, start, at, passive, modal, negated, only, word)


def _third_base(word: str) -> str:
    """The base form of an unknown verb in the third person."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "oes")):
        return word[:-2]
    return word[:-1]


_IRREGULAR = {"goes": "go", "go": "go", "undergoes": "undergo", "comes": "come", "come": "come"}


def _passive(low: list[str], at: int) -> bool:
    """Whether a participle behind "is" is a verb and not one of several values: "is booked, done or missed"."""
    if at + 1 >= len(low):
        return True
    if low[at + 1] in ("or", "/"):
        return False
    if low[at + 1] == ",":
        rest = low[at + 2 :]
        return not ("or" in rest[:8] and not any(one in BE | HAVE | PREPOSITIONS for one in rest[: rest.index("or")]))
    return True
