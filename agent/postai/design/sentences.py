"""Sentences and clauses: where a sentence falls into statements of their own, and where the verb of each stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from postai.design.nouns import is_plural, singular
from postai.language.relating import bond_of
from postai.language.word_set import word_set

_BE = frozenset({"is", "are", "was", "were", "be", "been", "being"})
_HAVE = frozenset({"has", "have", "had", "having"})
_MODAL = frozenset(
    {
        "may",
        "can",
        "might",
        "could",
        "must",
        "should",
        "shall",
        "will",
        "cannot",
        "need",
        "needs",
        "would",
        "do",
        "does",
    }
)
_ADVERBS = word_set(
    "not always only also usually never optionally normally typically then still all both each either often "
    "sometimes able to allowed ever no longer just currently never exactly possibly of_course already directly "
    "again now at_most "
)
STORING = word_set(
    "store keep record save track know need want collect remember log capture register_that hold manage maintain "
    "note monitor sell own offer organize organise handle"
)
_STRONG = word_set("""
    belongs belong consists consist contains contain includes include refers refer references works comprises comprise
    depends depend corresponds correspond follows gets get receives receive lives live points defaults starts start
    ends end requires require participates participate happens happen takes take owns own holds hold stores keeps
    exceeds exceed lies appears appear
    """)
_OTHER_VERBS = word_set("""
    place release follow borrow enrol enroll attend rate review book subscribe register rent purchase buy sell like vote
    comment order visit apply assign write create publish teach teaches lead manage own hold issue submit join host give
    reply work live sit play sing perform treat prescribe make pay send receive post upload watch read listen bookmark
    favourite favorite reserve request offer sponsor supervise report link group cover map answer donate bid nominate
    share train coach breed raise grow plant supply deliver ship employ hire drive fly operate run organize organise
    schedule log track store use share require produce publish compete participate belong contain include refer
    specialise specialize speak know earn serve sign stock carry invite befriend block mention tag collect wear
    list view operate send discuss move put name state mention specify post produce open answer rescue accept reference represent occupy inspect repair service cook translate illustrate edit record direct star appear
    exhibit lend adopt foster walk groom charge unlock scan pass take open close transfer deposit withdraw
    """)  # noqa: E501
_FORMS = {"sold": "sell", "bought": "buy", "lent": "lend", "led": "lead", "sung": "sing", "rented": "rent", "booked": "book",  # noqa: E501
    "written": "write", "taught": "teach", "made": "make", "held": "hold", "given": "give", "taken": "take", "known": "know", "spoken": "speak",  # noqa: E501
    "paid": "pay", "sent": "send", "read": "read", "born": "bear", "found": "find", "located": "locate", "assigned": "assign", "linked": "link",  # noqa: E501
    "grouped": "group", "run": "run", "driven": "drive", "flown": "fly", "built": "build", "met": "meet", "won": "win", "grown": "grow", "worn": "wear", "chosen": "choose", "shown": "show", "kept": "keep"}  # fmt: skip  # noqa: E501
_PREPOSITIONS = frozenset(
    [
        "by",
        "to",
        "in",
        "at",
        "for",
        "from",
        "on",
        "with",
        "of",
        "into",
        "under",
        "as",
        "within",
        "about",
        "against",
        "between",
        "through",
    ]
)
RELATIVE = frozenset(
    [
        "that",
        "which",
        "who",
        "whose",
        "whether",
        "when",
        "where",
        "if",
        "unless",
        "until",
        "because",
        "so",
        "while",
        "whom",
    ]
)
_NOT_SUBJECT = frozenset(
    [
        "a",
        "an",
        "the",
        "each",
        "every",
        "any",
        "some",
        "no",
        "with",
        "of",
        "in",
        "on",
        "at",
        "for",
        "to",
        "by",
        "from",
        "and",
        "or",
        "its",
        "their",
        "this",
        "that",
        "as",
        "per",
        "between",
    ]
)


@dataclass(frozen=True)
class Verb:
    """The verb of a clause.

    Attributes:
        lemma: "have", "be", or the base form of another verb.
        passive: "is written" (then `preposition` says what follows: by, to, in, ...).
        optional: may, can, might.
        negated: not, never, cannot, no longer.
        modal: the first modal verb.
        form: the main verb as it is written.
    """

    lemma: str
    passive: bool = False
    preposition: str = ""
    optional: bool = False
    negated: bool = False
    modal: str = ""
    form: str = ""


@dataclass(frozen=True)
class Clause:
    """A statement: what stands before its verb, the verb, what stands behind.

    Attributes:
        text: all of it.
        inherited: whether the subject was said in a clause before.
    """

    text: str
    subject: str
    verb: Verb | None
    rest: str
    inherited: bool = False


@dataclass
class _State:
    nouns: set[str] = field(default_factory=set)


def sentences(text: str) -> list[str]:
    """The sentences of a text whose brackets were put aside."""
    text = re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", ". ", text, flags=re.M)
    text = re.sub(r":\s*(?:\.\s*)?\n", ": ", text)
    parts = re.split(r"[.!?](?=\s|$)|;|\n\s*\n|\n(?=\s*[A-Z§])|\s+-\s+(?=(?:each|every|an?)\b)", text)
    return [" ".join(one.split()).strip(" ,") for one in parts if one.strip(" ,.:-\n\t")]


def lemma_of(word: str) -> str:
    """The base form of a verb in any form; "" for a word that is no known verb."""
    word = word.lower()
    if word in _FORMS:
        return _FORMS[word]
    for base in _candidates(word):
        if base in _OTHER_VERBS or base in STORING:
            return base
    base, bond = bond_of(word)
    if base and bond != "open":
        return base
    if word in _STRONG:
        return singular(word) if word.endswith("s") else word
    return ""


def _candidates(word: str) -> tuple[str, ...]:
    found = [word]
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    if word.endswith("es"):
        found += [word[:-2], word[:-1]]
    elif word.endswith("s"):
        found.append(word[:-1])
    if word.endswith("ied"):
        found.append(word[:-3] + "y")
    elif word.endswith("ed"):
        found += [word[:-2], word[:-1], word[:-3] if word[-3:-2] == word[-4:-3] else word[:-2]]
    if word.endswith("ing"):
        found += [word[:-3], word[:-3] + "e"]
    return tuple(found)


def is_participle(word: str) -> bool:
    """Whether a word can follow "is" as what was done to the subject."""
    word = word.lower()
    return (
        word in _FORMS
        or (len(word) > 3 and word.endswith("ed") and not word.endswith("eed"))
        or word in ("run", "cut", "set", "put")
    )


def find_verb(words: list[str], nouns: frozenset[str] = frozenset()) -> tuple[int, int, Verb] | None:
    """The first finite verb group of a clause.

    Args:
        words: the clause's words, commas as words of their own.
        nouns: singular heads of what is known to be a thing.

    Returns:
        where the group begins, where what follows begins, and the verb; None = there is none.
    """
    lowered = [one.lower() for one in words]
    weak: int | None = None
    for at, word in enumerate(lowered):
        if word in RELATIVE and at > 0:
            break
        if at == 0:
            continue
        if word in _BE or word in _HAVE or word in _MODAL:
            return _group(words, lowered, at)
        if (
            word in _STRONG
            and lowered[at - 1] not in _NOT_SUBJECT
            and not _noun_here(lowered, at, nouns)
            and (word.endswith("s") or is_plural(lowered[at - 1]))
        ):
            return _group(words, lowered, at)
        if weak is None and _agrees(lowered, at, nouns):
            weak = at
    return None if weak is None else _group(words, lowered, weak)


def _noun_here(lowered: list[str], at: int, nouns: frozenset[str]) -> bool:
    return singular(lowered[at]) in nouns and not (is_plural(lowered[at - 1]) and not lowered[at].endswith("s"))


def _agrees(lowered: list[str], at: int, nouns: frozenset[str]) -> bool:
    word, before = lowered[at], lowered[at - 1]
    if before == "§subject":
        return bool(lemma_of(word))
    if before in _NOT_SUBJECT or before == "," or "§" in before:
        return False
    following = lowered[at + 1] if at + 1 < len(lowered) else ""
    opens = at == 1 or (at == 2 and lowered[0] in ("all", "the", "our", "some", "many"))
    if (
        opens
        and is_plural(before)
        and word.isalpha()
        and not word.endswith(("s", "ed", "ing"))
        and word not in _NOT_SUBJECT | RELATIVE | {"per", "we", "i", "table", "tables"}
        and (
            following
            in ("a", "an", "the", "many", "several", "one", "other", "each", "their", "its", "multiple", "any", "money")
            or (is_plural(following) and following not in ("is", "has", "was"))
        )
    ):
        return True  # "agents list properties": whatever stands between two plurals
    if not lemma_of(word):
        return False
    if before in ("we", "i", "they", "you", "people"):
        return True
    many = is_plural(before)
    if at + 1 >= len(lowered):
        return False
    if many:
        return not word.endswith("s") and not word.endswith("ed")
    if not word.endswith("s") or word.endswith("ss"):
        return False
    return singular(before) in nouns or (lowered[0] in ("a", "an", "each", "every", "the", "one") and at <= 4)


def _group(words: list[str], lowered: list[str], at: int) -> tuple[int, int, Verb]:
    begin, optional, negated, modal = at, False, False, ""
    main, passive = "", False
    while at < len(words):
        word = lowered[at]
        if word in _MODAL:
            following = lowered[at + 1] if at + 1 < len(lowered) else ""
            if word in ("need", "needs") and following not in ("to", "not", "be"):
                main = "have"
                at += 1
                break
            modal = modal or word
            optional = optional or word in ("may", "can", "might", "could")
            negated = negated or word == "cannot"
        elif word in ("not", "never") or (word == "no" and at + 1 < len(lowered) and lowered[at + 1] == "longer"):
            negated = True
        elif word in ("optionally", "possibly", "sometimes"):
            optional = True
        elif word in _ADVERBS:
            pass
        elif word in _HAVE:
            following = next((one for one in lowered[at + 1 :] if one not in ("not", "also", "always")), "")
            if following == "to":
                modal = modal or "must"
            elif following == "been" or (is_participle(following) and at + 2 < len(lowered) and lowered[at + 2] != ","):
                pass
            else:
                main = "have"
                at += 1
                break
        elif word in _BE:
            following = next((one for one in lowered[at + 1 :] if one not in _ADVERBS), "")
            where = lowered.index(following, at) if following else at
            after = lowered[where + 1] if where + 1 < len(lowered) else ""
            if following in _BE or (at + 1 < len(lowered) and lowered[at + 1] in ("able", "allowed", "free")):
                optional = optional or following not in _BE
            elif is_participle(following) and (
                after in _PREPOSITIONS or following in ("assigned", "deleted", "removed", "given")
            ):
                passive = True
            else:
                negated = negated or "not" in lowered[at + 1 : where] or "never" in lowered[at + 1 : where]
                main = "be"
                at += 1
                break
        else:
            main = lemma_of(word) or (word[:-2] if is_participle(word) else word)
            at += 1
            break
        at += 1
    form = lowered[at - 1] if at > begin else ""
    while (
        at < len(words)
        and lowered[at] in ("only", "also", "not", "never", "always", "usually", "either", "exactly_one", "both")
        and main in ("be", "have")
    ):
        negated = negated or lowered[at] in ("not", "never")
        at += 1
    preposition = lowered[at] if at < len(words) and lowered[at] in _PREPOSITIONS else ""
    if preposition and main not in ("be", "have"):
        at += 1
    elif preposition:
        preposition = ""
    return begin, at, Verb(main or "be", passive, preposition, optional, negated, modal, form)


def words_of(text: str) -> list[str]:
    """The words of a text, commas as words of their own."""
    return re.findall(r",|[^\s,]+", text)


def clauses(sentence: str, nouns: frozenset[str]) -> list[Clause]:
    """The statements of a sentence; a part without verb belongs to the one before it."""
    words = words_of(sentence)
    starts = [0]
    for at, word in enumerate(words):
        if at == 0 or (word != "," and word.lower() not in ("and", "but", "so")):
            continue
        following = [one for one in words[at + 1 :]]
        while following and following[0].lower() in ("and", "but", "then", "also", "so"):
            following = following[1:]
        part = words[starts[-1] : at]
        while part and part[0].lower() in (",", "and", "but", "then", "so", "also"):
            part = part[1:]
        said = find_verb(part, nouns) or find_verb(["§subject", *part], nouns)
        if (
            following
            and said is not None
            and _begins(following, nouns)
            and not (words[at - 1] == "," and at - 1 in starts)
        ):
            starts.append(at)
    found: list[Clause] = []
    subject = ""
    for begin, end in zip(starts, [*starts[1:], len(words)], strict=True):
        part = words[begin:end]
        while part and part[0].lower() in (",", "and", "but", "then", "so"):
            part = part[1:]
        if part and part[0].lower() == "also":
            part = part[1:]
        while part and part[-1] in (",",):
            part = part[:-1]
        if not part:
            continue
        verb = find_verb(["§subject", *part], nouns) if _verb_first(part[0], nouns) and begin > 0 else None
        if verb is not None and verb[0] == 1 and subject:
            found.append(Clause(_join(part), subject, verb[2], _join(part[verb[1] - 1 :]), inherited=True))
            continue
        own = find_verb(part, nouns)
        if own is None:
            found.append(Clause(_join(part), "", None, _join(part)))
            continue
        subject = _join(part[: own[0]])
        found.append(Clause(_join(part), subject, own[2], _join(part[own[1] :])))
    return found


def _verb_first(word: str, nouns: frozenset[str]) -> bool:
    word = word.lower()
    if word in ("need", "needs"):
        return True
    return (
        word in _BE | _HAVE | _MODAL
        or (word in _STRONG and singular(word) not in nouns)
        or (word in ("optionally",))
        or (word.endswith("s") and bool(lemma_of(word)) and singular(word) not in nouns)
    )


def _begins(words: list[str], nouns: frozenset[str]) -> bool:
    """Whether these words begin a statement of their own, with or without a subject."""
    if words[0].lower() in RELATIVE or words[0].lower() in ("with", "or"):
        return False
    moment = [one for one in (each.lower() for each in words[:4]) if one not in ("the", "a", "an")]
    if (
        len(moment) > 1
        and moment[0] in ("time", "date", "day", "moment", "timestamp")
        and moment[1] in ("it", "they", "when", "at", "on", "he", "she")
    ):
        return False
    if _verb_first(words[0], nouns):
        return len(words) > 1 and words[1].lower() not in (",", "and", "or", "with")
    head: list[str] = []
    for word in words[:9]:
        if word == "," or word.lower() in ("and", "or", *RELATIVE) or (word.lower() == "with"):
            break
        head.append(word)
    rest = words[len(head) :]
    found = find_verb([*head, *rest[:1]], nouns)
    return found is not None and found[0] < len(head) and found[0] >= 1


def _join(words: list[str]) -> str:
    return " ".join(words).replace(" ,", ",")
