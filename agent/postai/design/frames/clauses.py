"""Parts sentences into clauses: what leads, the subject, its verb and what follows."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace

from postai.design.frames.binding import Group, Values, bound
from postai.design.frames.grammar import (
    ADVERBS,
    BE,
    DETERMINERS,
    HAVE,
    IMPERATIVE,
    MODAL,
    NUMERALS,
    PREPOSITIONS,
    US,
    WH,
    VerbGroup,
    find_verb,
    is_word,
    third,
)
from postai.design.frames.tokens import Tokens, sentences_of, split_at, text_of
from postai.design.kinds import is_value
from postai.design.nouns import is_plural, singular
from postai.design.verbs import is_participle, lemma_of
from postai.language.word_set import word_set


@dataclass(frozen=True)
class Clause:
    """One clause.

    Attributes:
        lead: what stands before the subject: "for every handover", "when a zone is deleted".
        subject: () where it is an order ("store the lane") or has no verb.
        sentence: number of the sentence in the text.
        shared: whether the subject was taken over from the clause before.
    """

    lead: tuple[str, ...]
    subject: tuple[str, ...]
    verb: VerbGroup | None
    rest: tuple[str, ...]
    sentence: int
    shared: bool = False

    @property
    def tokens(self) -> Tokens:
        """All of it in the order in which it was said."""
        return [*self.lead, *self.subject, *self.group, *self.rest]

    group: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it as text."""
        return text_of(self.tokens)


def clauses_of(text: str) -> list[Clause]:
    """The clauses of a description in their order."""
    found: list[Clause] = []
    for number, sentence in enumerate(sentences_of(text)):
        for part in split_at(bound(sentence), ";"):
            for piece in _at_colon(part):
                found += _coordinate(piece, number)
    return found


def _strip(tokens: Tokens) -> Tokens:
    at, end = 0, len(tokens)
    while at < end and tokens[at].lower() in ("and", "but", ",", "also", "then", "so", "furthermore", "moreover"):
        at += 1
    while end > at and tokens[end - 1] in (",", ":"):
        end -= 1
    return tokens[at:end]


def _at_colon(tokens: Tokens) -> list[Tokens]:
    if ":" not in tokens:
        return [tokens]
    at = tokens.index(":")
    left, right = tokens[:at], _strip(tokens[at + 1 :])
    if not left or not right:
        return [left or right]
    low = right[0].lower()
    orders = low in IMPERATIVE and len(right) > 1
    clause = (
        find_verb(right) is not None or orders or low in ("for", "per", "when", "if", "we", "i", "in", "at", "each")
    )
    if isinstance(right[0], Values):
        clause = False
    if not any(one.lower() in BE | HAVE | MODAL | {"we", "i"} for one in left) and find_verb(left) is None:
        if left[0].lower() in IMPERATIVE and not clause:
            return [[*left, ":", *right]]
        if clause or any(isinstance(one, Group) for one in right[1:4]):
            return _at_colon(right)
        if _lists_things(right):
            return [right]
        if len(left) <= 4 and left[0].lower() not in PREPOSITIONS:
            return [[*left, "has", *right]]
        return [left, right]
    return [left, *_at_colon(right)] if clause else [tokens]


def _lists_things(tokens: Tokens) -> bool:
    """Whether a list names things, not what one has: "teachers, classrooms, lessons", "players with a name"."""
    end = next((i for i, one in enumerate(tokens) if one in (",", "and", ";") or one.lower() == "with"), len(tokens))
    words = [one.lower() for one in tokens[:end] if one[0].isalpha()]
    return (bool(words) and len(words) <= 3 and is_plural(words[-1]) and not is_value((singular(words[-1]),))) or (
        end < len(tokens) and tokens[end].lower() == "with" and bool(words) and is_plural(words[-1])
    )


def _coordinate(tokens: Tokens, number: int) -> list[Clause]:
    tokens = _strip(tokens)
    if not tokens:
        return []
    first = tokens[0].lower()
    if first in ("deleting", "removing"):
        return [_deleting(tokens, number)]
    if first in ("when", "if", "whenever", "once") or (first == "each" and tokens[1:2] == ["time"]):
        return [_conditional(tokens, number)]
    parts = _parts(tokens)
    found: list[Clause] = []
    for part, taken in parts:
        before = found[-1] if found else None
        if taken and before is not None and before.verb is not None:
            words = part
            if is_participle(part[0].lower()) and part[0].lower() not in BE | HAVE | MODAL and not third(part[0]):
                be = "are" if before.group[:1] and before.group[0].lower() == "are" else "is"
                words = [be, *part]
            made = _with_verb([*before.subject, *words], number, shared=True)
            if made is not None:
                found.append(made)
                continue
        found.append(read_clause(part, number))
    return [two for one in found for two in _with_tail(one)]


_TAIL = re.compile(
    r"^(?:and |but )?(?:(?:each|every|an?|the same|one) [\w ]+ )?(?:but )?(?:only|at most|just|no more than|not "
    r"more than) once\b|^(?:and |but )?once (?:per|for|in)\b|"
    r"^(?:at most |only |just |no more than )?one [\w ]+ (?:per|for each)\b|"
    r"^[\w ]+ and [\w ]+ (?:must )?(?:differ|are different)$|^(?:but )?never\b.*\b(?:itself|himself|herself|"
    r"themselves|self)$"
)


_BESIDE = word_set("to per in on for at")
_RATIO = re.compile(
    r"^(?:several|many|multiple|one or more) [a-z ]+ (?:to|per|in|on|for|at) (?:an?|each|one|every) [a-z ]+$"
)


def _with_tail(clause: Clause) -> list[Clause]:
    """A clause, and what may be only once at its end as one of its own: "..., each juror at most once per film"."""
    rest = list(clause.rest)
    if "," not in rest or clause.verb is None:
        return [clause]
    at = len(rest) - 1 - rest[::-1].index(",")
    tail = _strip(rest[at + 1 :])
    if len(tail) in (2, 3) and tail[-1].lower() == "too" and clause.verb.lemma == "be":
        first = replace(clause, rest=tuple(_strip(rest[:at])))
        return [first, replace(first, subject=tuple(tail[:-1]), lead=())]
    if tail and _RATIO.match(text_of(tail).lower()):
        spot = next(i for i, one in enumerate(tail) if one.lower() in _BESIDE)
        first = replace(clause, rest=tuple(_strip(rest[:at])))
        return [first, replace(clause, lead=(), subject=tuple(tail[:spot]), rest=tuple(tail[spot:]))]
    if not tail or not _TAIL.match(text_of(tail).lower()):
        return [clause]
    first = replace(clause, rest=tuple(_strip(rest[:at])))
    bare = tail[0].lower() in ("only", "once", "at", "but", "just", "no", "not", "never")
    own = bare and tail[0].lower() != "once" and clause.subject and clause.subject[0].lower() not in US
    return [first, Clause((), tuple(clause.subject) if own else (), None, tuple(tail), clause.sentence, True)]


def _with_verb(tokens: Tokens, number: int, *, shared: bool = False) -> Clause | None:
    verb = find_verb(tokens)
    if verb is None:
        return None
    return Clause(
        (), tuple(tokens[: verb.start]), verb, tuple(tokens[verb.end :]), number, shared,
        tuple(tokens[verb.start : verb.end]),
    )  # fmt: skip


def _conditional(tokens: Tokens, number: int) -> Clause:
    """ "When a zone is deleted, its records go with it": the condition leads."""
    comma = tokens.index(",") if "," in tokens else len(tokens)
    we = next((i for i in range(3, comma) if tokens[i].lower() in ("we", "i")), None)
    cut = we if we is not None else comma if comma < len(tokens) else None
    if cut is None:
        for at in range(4, len(tokens) - 1):
            if (
                tokens[at].lower() in ("its", "their", "the", "all", "we", "they", "it")
                and find_verb(tokens[at:]) is not None
            ):
                cut = at
                break
    if cut is None:
        return Clause((), (), None, tuple(tokens), number)
    made = _with_verb(_strip(tokens[cut:]), number)
    if made is None:
        return Clause(tuple(tokens[:cut]), (), None, tuple(_strip(tokens[cut:])), number)
    return Clause(tuple(tokens[:cut]), made.subject, made.verb, made.rest, number, False, made.group)


def _deleting(tokens: Tokens, number: int) -> Clause:
    """ "Removing a race removes its checkpoints": the first act leads."""
    for at in range(2, len(tokens)):
        if third(tokens[at]) and lemma_of(tokens[at]) in ("delete", "remove", "take", "keep"):
            verb = VerbGroup(lemma_of(tokens[at]), 0, 1, form=tokens[at])
            return Clause(tuple(tokens[:at]), (), verb, tuple(tokens[at + 1 :]), number, False, (tokens[at],))
    return Clause((), (), None, tuple(tokens), number)


_AT_FIRST = re.compile(
    r"^(?:at first|by default|initially|usually|normally|to begin with|in the beginning|at the (?:start|beginning)),?$"
)


def _default_last(tokens: Tokens) -> Tokens:
    """ "At first it is open" as "it is open at first"."""
    for size in (1, 2, 3):
        if _AT_FIRST.match(text_of(tokens[:size]).lower()):
            rest = _strip(tokens[size:])
            return [*rest, *tokens[:size]] if find_verb(rest) is not None else tokens
    return tokens


def read_clause(tokens: Tokens, number: int) -> Clause:
    tokens = _default_last(tokens)
    lead, tokens = _lead(tokens)
    if tokens and tokens[0].lower() in IMPERATIVE and len(tokens) > 1 and find_verb(tokens) is None:
        word = tokens[0].lower()
        verb = VerbGroup(word, 0, 1, form=word)
        rest = tokens[1:]
        return Clause(tuple(lead), (), verb, tuple(rest), number, False, (tokens[0],))
    made = _with_verb(tokens, number)
    if made is None:
        return Clause(tuple(lead), (), None, tuple(tokens), number)
    return Clause(tuple(lead), made.subject, made.verb, made.rest, number, False, made.group)


_LEADING = PREPOSITIONS - {"by", "as", "than"}


def _lead(tokens: Tokens) -> tuple[Tokens, Tokens]:
    """What stands before the subject, and the rest."""
    if tokens[0].lower() not in _LEADING and tokens[0].lower() not in ("every", "each"):
        return [], tokens
    if tokens[0].lower() in ("every", "each"):
        if len(tokens) > 2 and tokens[2].lower() == "we":
            return tokens[:2], tokens[2:]
        return [], tokens
    for at in range(1, len(tokens)):
        low = tokens[at].lower()
        if low in ("we", "i", "there"):
            return _strip(tokens[:at]), tokens[at:]
        if (
            low in IMPERATIVE
            and at > 1
            and (at + 1 < len(tokens))
            and (
                tokens[at + 1].lower() in DETERMINERS | NUMERALS | WH
                or not is_word(tokens[at - 1])
                or tokens[at - 1].lower() not in DETERMINERS
            )
        ):
            return _strip(tokens[:at]), tokens[at:]
        if low == "," and find_verb(_strip(tokens[at:])) is not None:
            return tokens[:at], _strip(tokens[at:])
    for at in range(2, len(tokens) - 2):
        if tokens[at].lower() in DETERMINERS and is_word(tokens[at - 1]) and find_verb(tokens[at:]) is not None:
            return tokens[:at], tokens[at:]
    return [], tokens


_NOT_START = word_set(
    "each all both none neither never not only at empty unique unknown optional zero one which that who whose"
)


def _parts(tokens: Tokens) -> list[tuple[Tokens, bool]]:
    """Coordinated clauses, and whether each takes over the subject of the one before."""
    found: list[tuple[Tokens, bool]] = []
    start, taken, at = 0, False, 1
    while at < len(tokens):
        low = tokens[at].lower()
        if low not in (",", "and", "but", "whereas"):
            at += 1
            continue
        begin = at + 1
        while begin < len(tokens) and tokens[begin].lower() in ("and", "but", "also", "so", "then", ",", "while"):
            begin += 1
        head, tail = tokens[start:at], tokens[begin:]
        whole = _heads_clause(head)
        if tail and whole is not None and _goes_on(tail, head, whole, low):
            found.append((head, taken))
            start, taken, at = begin, True, begin + 1
        elif tail and whole is not None and _begins_clause(tail, head):
            found.append((head, taken))
            start, taken, at = begin, False, begin + 1
        else:
            at = begin
    found.append((tokens[start:], taken))
    return found


def _heads_clause(head: Tokens) -> VerbGroup | None:
    """The verb of what stands before a conjunction; a place holder where that goes on without its subject."""
    if (found := find_verb(head)) is not None:
        return found
    if head[0].lower() in IMPERATIVE or head[0].lower() in BE | HAVE | MODAL or third(head[0]):
        return VerbGroup("have", 0, 1)
    if head[0].lower() in _LEADING:
        _, rest = _lead(head)
        if rest is head:
            return None
        return _heads_clause(rest)
    if any(isinstance(one, Group) for one in head):
        return None
    return VerbGroup("do", 0, 1) if is_participle(head[0].lower()) or lemma_of(head[0]) else None


def _begins_clause(tail: Tokens, head: Tokens) -> bool:
    low = tail[0].lower()
    if low in _NOT_START - {"each", "both", "one", "all", "at"}:
        return False
    if low in IMPERATIVE and tail[1:2] and (tail[1].lower() in DETERMINERS | WH or tail[1].lower() == "how"):
        return not _relative(head)
    if low in ("we", "i"):
        return len(tail) > 1
    verb = find_verb(tail)
    if verb is None:
        return _leads_clause(tail)
    subject = tail[: verb.start]
    if low in PREPOSITIONS:
        return _leads_clause(tail)
    if any(x == "and" and third(y) and lemma_of(y) in _HOLDING for x, y in itertools.pairwise(subject)):
        return False
    if "," in subject and not any(one.lower() in WH or one.lower() in ("identified", "known") for one in subject):
        return False
    if low in ("it", "they", "he", "she") and head and head[-1].lower() in ("date", "time", "day", "moment"):
        return False
    if low in ("if", "unless", "until", "while", "once", "when", "as", "because"):
        return False
    if verb.form and is_participle(verb.form) and not verb.passive and verb.lemma not in ("have", "be"):
        return lemma_of(verb.form) == verb.form.lower()
    # A bare "a name and records" is no clause: an object or preposition has to follow a plain verb.
    if verb.lemma not in ("have", "be") and not verb.passive and not verb.modal:
        rest = tail[verb.end :]
        if not rest:
            return bool(lemma_of(verb.form))
        return not (rest[0] in (",", "and") or isinstance(rest[0], Group))
    return True


def _leads_clause(tail: Tokens) -> bool:
    """Whether a clause begins with what leads it: "for each stop store", "per part used we note"."""
    if tail[0].lower() not in ("for", "per", "within", "in", "at", "on"):
        return False
    lead, rest = _lead(tail)
    if not lead or "," in lead:
        return False
    return rest[0].lower() in IMPERATIVE | {"we", "i"} or lead[1:2] in (["each"], ["every"])


_HOLDING = word_set("contain include comprise own offer need require hold")


def _relative(head: Tokens) -> bool:
    """Whether the end of a text stands in a relative clause."""
    for one in reversed(head):
        if one == "," or isinstance(one, (Group, Values)):
            return False
        if one.lower() in ("that", "which", "who", "whose", "whether", "while", "until", "when", "if"):
            return True
    return False


def _goes_on(tail: Tokens, head: Tokens, verb: VerbGroup, sign: str) -> bool:
    """Whether a verb for the same subject follows: "ferments in one tank", "and has a brewing date"."""
    at = 0
    while at < len(tail) and tail[at].lower() in ADVERBS - {"not", "never", "exactly", "all", "both", "only", "once"}:
        at += 1
    if at >= len(tail):
        return False
    low = tail[at].lower()
    follows = tail[at + 1].lower() if at + 1 < len(tail) else ""
    if _relative(head) and sign != ",":
        return False
    if low in BE | HAVE | MODAL:
        return True
    behind = follows in DETERMINERS | NUMERALS | PREPOSITIONS - {"of"} | {"them", "whether"} or follows.isdigit()
    behind = behind and follows not in ("that", "which")
    behind = (
        behind
        or (low in ("consists", "consist") and follows == "of")
        or (low in ("takes", "take") and follows in ("place", "part"))
    )
    subject = head[: verb.start] if verb.start else []
    single = not subject or not is_plural(subject[-1].lower())
    if third(tail[at]) and single:
        known = bool(lemma_of(low))
        if behind and (known or follows in DETERMINERS | NUMERALS or verb.lemma != "have"):
            return True
        if known and follows and is_word(follows) and is_plural(follows):
            return True
        run = list(itertools.takewhile(is_word, tail[at + 1 :]))
        if lemma_of(low) in _HOLDING and 1 < len(run) < 4 and is_plural(run[-1].lower()):
            return True
    behind = behind or (not single and bool(follows) and is_word(follows) and is_plural(follows))
    if not single and lemma_of(low) == low and behind and is_word(tail[at]) and not is_plural(low):
        return True
    return (
        is_participle(low)
        and follows in ("by", "in", "at", "on", "to", "from", "for", "with", "between")
        and (verb.passive or verb.lemma == "be" or verb.lemma == "do")
    )
