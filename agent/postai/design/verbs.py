"""Verbs: which word of a clause is its verb, what it is the form of, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass

from postai.design.nouns import is_plural, singular
from postai.language.relating import bond_of
from postai.language.word_set import word_set

BE = word_set("is are was were be been being")
HAVE = word_set("has have had having")
MODAL = word_set("may can might could must should shall will cannot need needs would do does want wants")
ADVERBS = word_set("""
    not always only also usually never optionally normally typically then still all both each either often
    sometimes able to allowed ever no longer just currently exactly possibly of_course already directly again
    now at_most generally additionally furthermore moreover therefore thus simply automatically manually later
    first finally jointly publicly privately regularly together themselves itself physically clearly uniquely
    mostly mainly permanently temporarily initially immediately eventually however instead too well like
    """)
STORING = word_set("""
    store keep record save track know need want collect remember log capture register_that hold manage maintain
    note monitor count sell own offer organize organise handle
    """)
STRONG = word_set("""
    belongs belong consists consist contains contain includes include refers refer references works comprises
    comprise depends depend corresponds correspond follows gets get receives receive lives live points defaults
    starts start ends end requires require participates participate happens happen takes take owns own holds
    hold stores keeps exceeds exceed lies appears appear becomes become goes go comes come makes make gives give
    gains
    """)
_OTHER = word_set("""
    say tell indicate place release follow borrow enrol enroll attend rate review book subscribe register rent
    purchase buy sell like vote comment order visit apply assign write create publish teach lead manage own hold
    issue submit join host give reply work live sit play sing perform treat prescribe make pay send receive post
    upload watch read listen bookmark favourite favorite reserve request offer sponsor supervise report link
    group cover map answer donate bid nominate share train coach breed raise grow plant supply deliver ship
    employ hire drive fly operate run organize organise schedule log track store use require produce compete
    participate belong contain include refer specialise specialize speak know earn serve sign stock carry invite
    befriend block mention tag collect wear list view discuss move put name state specify open rescue accept
    reference represent occupy inspect repair service cook translate illustrate edit record direct star appear
    exhibit lend adopt foster walk groom charge unlock scan pass take close transfer deposit withdraw search
    find look filter query browse sort pick select choose depart arrive land leave return begin finish complete
    stop last contribute relate connect attach associate split divide bundle sum add remove delete update
    identify describe define hold host house feed milk shear clean wash monitor measure weigh sample test
    diagnose admit discharge consult examine interview recruit evaluate grade mark score win lose beat referee
    umpire judge award win train transport load unload pack ship pick drop stop verify approve reject confirm
    cancel authorise authorize audit archive file classify label categorise categorize assess report print mail
    email call text chat message notify remind warn alert trigger fire emit generate compute settle bill invoice
    refund reimburse insure claim mortgage lease let sublet renew extend expire end terminate vaccinate spay
    microchip sponsor fund finance invest trade mint burn stake fish hunt harvest sow water fertilize fertilise
    irrigate prune cut mow build demolish renovate design draw paint sculpt photograph film shoot cast act dance
    compose conduct arrange rehearse premiere screen broadcast stream air download install configure deploy
    commit merge fork clone star push pull resolve escalate triage handle own crew man staff command captain
    sail dock moor anchor tow deal distribute dispatch route receive reorder restock count store forward reside
    stay sleep check replace extend inherit implement depend affect cause prevent fix block relate duplicate
    reply react endorse recommend prefer wish save pin flag ban mute follow befriend match swipe date marry
    divorce parent adopt study learn practise practice pass fail repeat graduate major minor tutor mentor advise
    counsel guide chair attend speak present host moderate exhibit volunteer help support maintain keep clean
    guard patrol respond rescue quote cite reference acknowledge credit license own register trademark patent
    file oppose appeal sue represent defend prosecute hear rule sentence serve parole enter exit board disembark
    transit cross span traverse connect lie stand hang fit contain enclose border neighbour neighbor face
    surround feature showcase display show host provide deliver expose consume call return throw raise catch
    reward redeem earn spend accrue bear bring call control cost cater compare connect convert cross date
    develop drive educate encode enlist fill form formulate govern grant head heat import export include
    influence involve judge keep land maintain modify occur originate own participate peer pilot plan possess
    prepare process program purchase pursue rank reach recycle rent rest ride roast rotate sail seat set share
    shelter ship shop solve stack start store suffer swap target taste tend throw tie tour treat turn undergo
    utilise utilize visit vote win
    """)
_FORMS = {
    "sold": "sell", "bought": "buy", "lent": "lend", "led": "lead", "sung": "sing", "rented": "rent",
    "booked": "book", "written": "write", "taught": "teach", "made": "make", "held": "hold", "given": "give",
    "taken": "take", "known": "know", "spoken": "speak", "paid": "pay", "sent": "send", "read": "read", "born": "bear",
    "found": "find", "located": "locate", "assigned": "assign", "linked": "link", "grouped": "group", "run": "run",
    "driven": "drive", "flown": "fly", "built": "build", "met": "meet", "won": "win", "grown": "grow", "worn": "wear",
    "chosen": "choose", "shown": "show", "kept": "keep", "drawn": "draw", "fed": "feed", "sewn": "sew", "sown": "sow",
    "brought": "bring", "caught": "catch", "left": "leave", "laid": "lay", "set": "set", "put": "put", "cut": "cut",
    "broken": "break", "stolen": "steal", "seen": "see", "heard": "hear", "done": "do", "split": "split",
    "bred": "breed",
    "cast": "cast", "shot": "shoot", "bound": "bind", "begun": "begin", "lost": "lose", "bid": "bid", "let": "let",
    "hung": "hang", "thrown": "throw", "ridden": "ride", "stood": "stand", "told": "tell", "left_by": "leave",
}  # fmt: skip
PREPOSITIONS = word_set("""
    by to in at for from on with of into under as within about against between through during over via per using
    onto among across inside near behind after before until without
    """)
WHO = word_set("that which who whose whom where")
RELATIVE = WHO | word_set("whether when if unless until because so while whereas although")
DETERMINERS = word_set("""
    a an the each every any some its their his her our your this these those many several multiple one two three
    four exactly zero no another other all both various numerous different more
    """)
_PRONOUNS = word_set("we i they you people users")
_NOT_SUBJECT = (
    PREPOSITIONS
    | DETERMINERS - word_set("each both all one other others")
    | RELATIVE
    | word_set("and or but unique optional required mandatory new old certain given own same such as per")
)
_PARTICLES = word_set("up out off down back away together over")
_SINGULAR_START = word_set("a an each every one no another any")


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


def lemma_of(word: str) -> str:
    """The base form of a verb in any form; "" for a word that is no known verb."""
    word = word.lower()
    if word in _FORMS:
        return _FORMS[word]
    for base in _candidates(word):
        if base in _OTHER or base in STORING:
            return base
    base, bond = bond_of(word)
    if base and bond != "open":
        return base
    if word in STRONG:
        return singular(word) if word.endswith("s") else word
    return ""


def base_of(word: str) -> str:
    """The base form of a word that must be a verb, known or not."""
    known = lemma_of(word)
    if known:
        return known
    if is_participle(word):
        stem = word[:-2] if word.endswith("ed") else word
        return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "sl" else stem
    return singular(word)


def _candidates(word: str) -> tuple[str, ...]:
    found = [word]
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    if word.endswith("es"):
        found += [word[:-1], word[:-2]]
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
        or word
        in (
            "guaranteed",
            "refereed",
        )
    )


def find_verb(words: list[str], nouns: frozenset[str] = frozenset()) -> tuple[int, int, Verb] | None:
    """The first finite verb group of a clause; those of relative clauses before it are passed over.

    Args:
        words: the clause's words, commas as words of their own.
        nouns: singular heads of what is known to be a thing.

    Returns:
        where the group begins, where what follows begins, and the verb; None = there is none.
    """
    lowered = [one.lower() for one in words]
    at = 1
    while at < len(words):
        word = lowered[at]
        if word in WHO and lowered[at - 1] not in _NOT_SUBJECT:
            after = _behind_relative(words, lowered, at, nouns)
            if after is None:
                return None
            at = after
            continue
        if word in RELATIVE:
            return None
        if _is_finite(lowered, at, nouns):
            return _group(words, lowered, at)
        at += 1
    return None


def _behind_relative(words: list[str], lowered: list[str], at: int, nouns: frozenset[str]) -> int | None:
    """Where the main clause may go on behind a relative clause that begins at `at`."""
    if lowered[at - 1] == "," and "," in lowered[at:]:
        return lowered.index(",", at) + 1
    inner = ["§subject", *words[at + 1 :]]
    found = find_verb(inner, nouns) if lowered[at] != "whose" else find_verb(words[at + 1 :], nouns)
    if found is None:
        return None
    return at + found[1] + (0 if lowered[at] != "whose" else 1)


def _is_finite(lowered: list[str], at: int, nouns: frozenset[str]) -> bool:
    word = lowered[at]
    if word in BE or word in HAVE or word in MODAL:
        noun = word in ("need", "needs", "want", "wants", "do", "can", "will")
        return not (noun and lowered[at - 1] in ("a", "an", "the", "this", "its", "their", "each", "every"))
    if (
        not word.isalpha()
        or word in PREPOSITIONS
        or word in DETERMINERS
        or word in RELATIVE
        or word in ADVERBS
        or word in ("and", "or", "but")
    ):
        return False
    before_at = at - 1
    while before_at > 0 and (lowered[before_at] in ADVERBS or re_mark(lowered[before_at])):
        before_at -= 1
    before = lowered[before_at]
    after = lowered[at + 1] if at + 1 < len(lowered) else ""
    known = bool(lemma_of(word))
    third = word.endswith("s") and not word.endswith(("ss", "us", "is"))
    if before == "§subject":
        return (known or (third and _opens(after))) and not word.endswith("ing")
    if before == "each" and before_at == 0:
        return third and known
    if before in _NOT_SUBJECT or before == ",":
        return False
    if word.endswith(("ed", "ing")) and word not in ("need", "feed", "breed", "bring", "sing", "proceed", "exceed"):
        return False
    owned = lowered.index("of", 1, before_at) if "of" in lowered[1:before_at] else 0
    many = is_plural(lowered[owned - 1] if owned else before) or before in _PRONOUNS or before in ("who", "others")
    if many == third:
        return False
    if after in DETERMINERS and not (after in ("all", "both", "one", "other") and not known):
        return not (many and not known and before_at > 3)
    if after == "at" and at + 2 < len(lowered) and lowered[at + 2] in ("least", "most"):
        return True
    return _agrees(lowered, at, nouns, before=before, after=after, known=known, many=many)


def _agrees(
    lowered: list[str], at: int, nouns: frozenset[str], *, before: str, after: str, known: bool, many: bool
) -> bool:
    word = lowered[at]
    if word in STRONG:
        return not (singular(word) in nouns and not many)
    opens = _opens(after)
    if many:
        start = at == 1 or (at == 2 and lowered[0] in ("all", "the", "our", "some", "many", "other", "these"))
        if known:
            second = lowered[at + 2] if at + 2 < len(lowered) else ""
            compound = start and after.isalpha() and is_plural(second) and second not in BE | HAVE
            return opens or compound or after in _PARTICLES or after == "" or before in _PRONOUNS
        return start and is_plural(after) and after not in ("is", "has", "was")
    if not known and not (lowered[0] in _SINGULAR_START and opens):
        return False
    if lowered[0] in _SINGULAR_START:
        return bool(after) and (opens or after in _PARTICLES)
    if (
        known
        and lowered[0] in ("our", "the", "my", "this")
        and singular(word) not in nouns
        and (after in DETERMINERS or (is_plural(after) and after not in BE | HAVE))
    ):
        return True
    return known and singular(before) in nouns and (opens or after in _PARTICLES)


def _opens(word: str) -> bool:
    """Whether a word can begin what a verb takes: an object, an adverb, a preposition."""
    return (
        word in DETERMINERS
        or word in PREPOSITIONS
        or word in ADVERBS
        or word in ("which", "who", "money", "themselves")
        or (is_plural(word) and word not in ("is", "has", "was"))
    )


def re_mark(word: str) -> bool:
    """Whether a word is the mark of something that was put aside."""
    return word.startswith("§") and word != "§subject"


def _group(words: list[str], lowered: list[str], at: int) -> tuple[int, int, Verb]:
    begin, optional, negated, modal = at, False, False, ""
    main, passive = "", False
    while begin > 1 and lowered[begin - 1] in (
        "optionally",
        "possibly",
        "sometimes",
        "also",
        "never",
        "always",
        "then",
    ):
        begin -= 1
        optional = optional or lowered[begin] in ("optionally", "possibly", "sometimes")
        negated = negated or lowered[begin] == "never"
    while at < len(words):
        word = lowered[at]
        if word in MODAL:
            following = lowered[at + 1] if at + 1 < len(lowered) else ""
            if word in ("need", "needs", "want", "wants") and following not in ("to", "not", "be"):
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
        elif word in ADVERBS:
            pass
        elif word in HAVE:
            following = next((one for one in lowered[at + 1 :] if one not in ("not", "also", "always")), "")
            if following == "to":
                modal = modal or "must"
            elif following == "been" or (
                is_participle(following)
                and at + 2 < len(lowered)
                and (lowered[at + 2] in DETERMINERS or lowered[at + 2] in PREPOSITIONS)
                and not re_mark(lowered[at + 2])
            ):
                pass
            else:
                main = "have"
                at += 1
                break
        elif word in BE:
            following = next((one for one in lowered[at + 1 :] if one not in ADVERBS), "")
            where = lowered.index(following, at) if following else at
            behind = [one for one in lowered[where + 1 : where + 4] if one not in ADVERBS or one == "to"]
            if (
                behind
                and behind[0] in ("out", "off", "away", "back", "down", "up")
                and behind[1:2]
                and behind[1] in PREPOSITIONS
            ):
                behind = behind[1:]
            after = behind[0] if behind else ""
            if following in BE or (at + 1 < len(lowered) and lowered[at + 1] in ("able", "allowed", "free")):
                optional = optional or following not in BE
            elif is_participle(following) and (
                after in PREPOSITIONS or following in ("assigned", "deleted", "removed", "given")
            ):
                passive = True
            else:
                negated = negated or "not" in lowered[at + 1 : where] or "never" in lowered[at + 1 : where]
                main = "be"
                at += 1
                break
        else:
            main = base_of(word)
            at += 1
            break
        at += 1
    form = lowered[at - 1] if at > begin else ""
    while at < len(words) and (
        (
            lowered[at] in ("only", "also", "not", "never", "always", "usually", "either", "both")
            and main in ("be", "have")
        )
        or (
            lowered[at] in ("only", "either", "always", "usually", "normally", "exclusively")
            and at + 1 < len(words)
            and lowered[at + 1] in PREPOSITIONS
        )
    ):
        negated = negated or lowered[at] in ("not", "never")
        at += 1
    if (
        (main in ("sign", "check", "set", "hand", "fill", "pick") or passive)
        and at < len(words)
        and lowered[at] in _PARTICLES
    ):
        at += 1
    preposition = lowered[at] if at < len(words) and lowered[at] in PREPOSITIONS else ""
    if preposition in ("at",) and at + 1 < len(words) and lowered[at + 1] in ("least", "most"):
        preposition = ""
    if preposition and main not in ("be", "have"):
        at += 1
    elif preposition:
        preposition = ""
    return begin, at, Verb(main or "be", passive, preposition, optional, negated, modal, form)


def verb_first(words: list[str], nouns: frozenset[str] = frozenset(), *, many: bool = False) -> bool:
    """Whether a statement begins with its verb: what it speaks of was said before, and was many where `many`."""
    word = words[0].lower() if words else ""
    following = words[1].lower() if len(words) > 1 else ""
    if word in ("need", "needs") or word in BE | HAVE | MODAL:
        return True
    if following in BE | HAVE | MODAL or singular(word) in nouns or not following or re_mark(following):
        return False
    if many and lemma_of(word) == word and (following in DETERMINERS or is_plural(following)):
        return True
    return word in STRONG or (word.endswith("s") and bool(lemma_of(word)))
