"""Verbs between two nouns: those that say no more than that the two belong together, and those that say more.

"Goals scored at each venue" are the goals of each venue; "orders cancelled by each customer" are only some of them.
English as data: no schema is known here.
"""

from __future__ import annotations

from typing import Literal

from postai.language.word_set import word_set

Bond = Literal["plain", "use", "more", "open"]

_PAST = {
    "drive": "drove driven", "lead": "led", "fly": "flew flown", "sing": "sang sung", "feed": "fed", "breed": "bred",
    "build": "built", "choose": "chose chosen", "draw": "drew drawn", "grow": "grew grown", "eat": "ate eaten",
    "drink": "drank drunk", "fight": "fought", "lay": "laid", "lend": "lent", "meet": "met", "ride": "rode ridden",
    "run": "ran run", "speak": "spoke spoken", "swim": "swam swum", "throw": "threw thrown", "wear": "wore worn",
    "catch": "caught", "teach": "taught", "write": "wrote written", "bring": "brought", "give": "gave given",
    "take": "took taken", "hold": "held", "keep": "kept", "make": "made", "win": "won", "lose": "lost",
    "leave": "left", "break": "broke broken", "steal": "stole stolen", "pay": "paid", "send": "sent", "read": "read",
    "see": "saw seen", "hear": "heard", "forget": "forgot forgotten", "hide": "hid hidden", "begin": "began begun",
    "become": "became become", "fall": "fell fallen", "rise": "rose risen", "spread": "spread", "shoot": "shot",
    "buy": "bought", "sell": "sold", "undergo": "underwent undergone", "oversee": "oversaw overseen",
    "undertake": "undertook undertaken", "bid": "bid", "cut": "cut", "set": "set", "hit": "hit", "put": "put",
    "shut": "shut", "quit": "quit", "split": "split", "bind": "bound", "spin": "spun", "weave": "wove woven",
    "know": "knew known", "think": "thought", "find": "found", "freeze": "froze frozen", "forbid": "forbidden",
}  # fmt: skip

# Who has it, does it, takes part in it, made it, holds it, is in it: the join says the same.
_PLAIN = word_set("""
    achieve accumulate officiate acquire administer allocate appoint assign attach author bid breed brew bring build
    captain carry cast star chair charter coach compose compile conduct construct contribute cover cook create deal
    deliver direct design develop distribute dispatch draft draw drive earn edit employ enrol enroll examine execute
    exhibit feature feed file fill fly generate grow guide handle harvest head hold host house illustrate implement
    initiate inspect install instruct keep land lead lend log look maintain make manage manufacture mine
    model moderate narrate negotiate operate organise organize oversee own park participate perform pilot
    plant play post prepare present preside produce provide publish purchase raise record referee
    represent run sail schedule score serve service shoot sing speak sponsor staff stage stock store study
    superintend supervise supply support swim take teach train transmit transport treat umpire undergo undertake
    use utilize utilise volunteer weave write manufacture possess comprise house accommodate enter field mentor advise
    send stay accrue garner amass collect gather obtain gain receive deposit issue place rear raise sow
    tend man crew oversee
    """) - word_set("deliver publish schedule dispatch treat purchase use edit")

# Of these, the ones that fit whatever a key is for: "fees achieved by each agent" of selling_agent_id.
NEUTRAL = word_set("""
    achieve accumulate officiate acquire allocate assign attach earn generate garner amass bring collect gather obtain
    gain receive handle accrue make own
    """)

# What a person does with a thing that others made or own: only a table between the two can hold it.
_USE = word_set("""
    read view watch click visit share edit bookmark follow download listen hear see use open browse stream
    scan search borrow consume eat drink taste wear test try wish save endorse cite quote mention tag
    """)

# What is true of some rows only: a state, an outcome, a feeling, a change, a comparison.
_MORE = word_set("""
    abandon absent accept activate admit adopt affect answer approve arrest arrive attack authorise authorize avoid ban
    become begin benefit blacklist block boycott break bully cancel cause certify change charge cheat clear close
    compare complain complete compete confirm conflict consent convict correct cost crash cure damage deactivate
    decide declare decline decrease default defeat delay delete deliver demote deny depart destroy die differ disable
    disappear discharge disclose discount discover discontinue dismiss dispatch dispute disqualify divert divorce donate
    double drop duplicate eliminate enable encrypt end enjoy escalate evict exceed exclude exempt exhaust expect expire
    expose fail fall fake favor favour finish fine fire fix flag forfeit forget forgive free freeze fulfil fulfill
    graduate guarantee halt harm hate heal hide hospitalise hospitalize hurt identify ignore impact import
    improve include increase infect influence inherit injure insult insure intend invest invite kill lapse leak leave
    like liquidate lock lose love mandate marry match merge migrate miss mistreat need neglect neuter notify nominate
    occupy offend omit outperform outrank outsell outsource overcharge overdue overlap overpay owe pass patent pause pay
    pend peak penalise penalize permit plan please postpone praise prefer prevent prioritise prioritize progress
    prohibit promise promote prove publish punish qualify quarantine quit reach reactivate recall recommend reconcile
    recover recruit recycle redeem reduce refer refinance refund refuse regain register regret reject release relocate
    remain remove renew renovate rent reopen repair repeat replace reply request require rescue reserve resell reset
    resign resolve respond restore restrict retain retire retract return revert revoke reward rise risk rob sack
    sanction satisfy schedule scrap seize select sell settle ship shut sign skip solve spill split spoil start steal
    sterilise sterilize stop stress strike struggle submit subscribe succeed sue suffer suspect suspend survive switch
    target terminate thank threaten trade transfer trend triple trust unlock unsubscribe update upgrade upset vaccinate
    validate vary verify violate vote waive want warn waste win wish withdraw withhold wound yield
    round sort rank group order average weigh combine consist match correspond exist miss last wait
    """)

_LEADS = ("un", "dis", "mis", "over", "under", "non", "pre", "out")


def _forms(verb: str) -> set[str]:
    """A verb's third person, past and participles; `verb` itself included."""
    if verb in _PAST:
        past = set(_PAST[verb].split())
    elif verb.endswith("e"):
        past = {verb + "d"}
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        past = {verb[:-1] + "ied"}
    else:
        past = {verb + "ed", verb + verb[-1] + "ed"}
    third = verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"
    doing = {verb[:-1] + "ing"} if verb.endswith("e") else {verb + "ing", verb + verb[-1] + "ing"}
    return {verb, third, verb + "es", *past, *doing}


_BONDS: tuple[tuple[Bond, frozenset[str]], ...] = (("plain", _PLAIN), ("use", _USE), ("more", _MORE))
_BASES: dict[str, tuple[str, Bond]] = {
    form: (verb, bond) for bond, verbs in _BONDS for verb in sorted(verbs) for form in _forms(verb)
}


def bond_of(word: str) -> tuple[str, Bond]:
    """The base of a lower-case verb and what it says of the nouns beside it.

    Returns:
        ("drive", "plain") for "drives"; bond "use" for what is done with a thing, "more" for verbs that are true of
        some rows only, "open" for what is written like a past form and is not known here; ("", "more") for no verb.
    """
    known = _BASES.get(word)
    if known is not None:
        return known
    if not word.isalpha() or word.startswith(_LEADS):
        return "", "more"
    if word.endswith("ed") and len(word) > 5 and not word.endswith("eed"):
        return word[:-2], "open"
    return "", "more"


def inflected(word: str) -> bool:
    """Whether a known verb is not in its base form, so that it can hardly be a noun."""
    known = _BASES.get(word)
    return known is None or (known[0] != word and not word.endswith("s"))


def does(doer: str, base: str) -> bool:
    """Whether a noun names who does it: driver and drive, author and author, referee and referee."""
    if doer == base:
        return True
    for ending in ("er", "or", "r"):
        if doer.endswith(ending) and doer[: -len(ending)] in (base, base.removesuffix("e"), base + base[-1:]):
            return True
    return False
