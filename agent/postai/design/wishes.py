"""Reads wishes about a schema that is there: add, remove, rename, retype, move, allow; what it does not know is read as
a sentence that says what there is to be."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace

from postai.design.discovering import discover
from postai.design.ground import Ground
from postai.design.intent_access import index as index_in_frame
from postai.design.intent_access import once
from postai.design.intent_actions import hear
from postai.design.intent_actions import remove as remove_in_frame
from postai.design.intent_actions import rename as rename_in_frame
from postai.design.intent_add import add as add_in_frame
from postai.design.intent_facets import facets, parted
from postai.design.intents import LONGEST as LONGEST_IN_FRAME
from postai.design.intents import filler, says, without
from postai.design.mentions import Said, mentions
from postai.design.nouns import is_plural, read_noun, singular
from postai.design.reading import read_sentence
from postai.design.sentences import LONGEST_SENTENCE, clauses, sentences, words_of
from postai.design.verbs import find_verb, lemma_of
from postai.design.wish_add import add, add_there, give, new_table
from postai.design.wish_change import allow, fill, make, must_have, rename, retype, set_default
from postai.design.wish_key import foreign_key, index
from postai.design.wish_merge import merge
from postai.design.wish_move import move
from postai.design.wish_phrasing import said_plainly
from postai.design.wish_remove import drop_column, remove
from postai.design.wish_rows import refuse_rows
from postai.design.wish_usual import usual_columns
from postai.language.word_set import word_set

_COMMAND = (
    "add|use|merge|combine|support|enable|erase|empty|truncate|introduce soft|soft-delete|speed up|remove|drop|"
    "delete|rename|make|change|create|set|give|move|split|extract|allow|convert|turn|"
    "introduce|get rid|index|call|let|put|store|track|require|mark|ensure|enforce"
)
_SPLIT = re.compile(
    rf"\s*(?:,\s*(?:and\s+|so\s+|therefore\s+)?(?:then\s+|also\s+)?(?:please\s+)?|"
    rf"\s+and\s+(?:then\s+|also\s+)?|\s+then\s+|\s*,?\s+but\s+(?:please\s+|also\s+|then\s+)?)"
    rf"(?:(?:let's|let us|you|we|i)\s+(?:(?:may|can|should|could|"
    rf"must|want to)\s+)?)?(?=(?:{_COMMAND}|clean|throw)\s)|"
    rf"\s*,\s+(?:and\s+)?(?:so|therefore|hence)\s+(?=(?:it|they|that|this)\s)",
    re.I,
)
_ALONGSIDE = re.compile(
    r"\s*,\s+and\s+(?=(?:each|every|all|an?|the)\s+\w+(?:\s\w+)?\s+(?:may|must|can|should|has|have|belongs?|"
    r"refers?|needs?|gets?|takes?)\b)",
    re.I,
)
_SPELLED = tuple(re.sub(r"\W.*", "", one) for one in _COMMAND.split("|"))
_TERMS = ("column", "columns", "table", "index", "unique", "required", "optional", "default", "nullable", "foreign")
_POLITE = re.compile(
    r"^(?:please|so|therefore|kindly|also|now|then|next|finally|in addition|additionally|furthermore|and|we "
    r"(?:should|need to|"
    r"want to|would like to|have to|must)(?: also)?|you (?:may|can|should|could)|"
    r"i (?:want|need|would like)(?: you)? to|can you|could you|let "
    r"us|let's)\s*,?\s+",
    re.I,
)
_REQUIRE = re.compile(r"^(?:require|enforce|ensure|check)\s+(?:that\s+)?(?P<rest>.+)$", re.I)
_VERSA = re.compile(r",?\s+and\s+vice\s+versa$|,?\s+and\s+the other way (?:a)?round$", re.I)


def read_wishes(ground: Ground, text: str) -> None:
    """Read all wishes of a text, in order."""
    given = sentences(text)
    for sentence in (one for one in given if len(one) > LONGEST_SENTENCE):
        ground.not_understood(f"{sentence[:100]}... (a sentence of more than {LONGEST_SENTENCE} characters)")
    short = [one for one in given if len(one) <= LONGEST_SENTENCE]
    found = [part for sentence in short for part in _headed(ground, sentence)]
    wishes = [[_spelled(ground, _polite(one.strip(" ,"))) for one in _parts(sentence)] for sentence in found]
    plain = [one for said in wishes for wish in said for one in said_plainly(ground, _tidy(wish)[0])]
    discover(ground, [one for one in plain if not re.match(rf"(?:{_COMMAND})\b", one, re.I)])
    for said in wishes:
        for wish in filter(None, said):
            _read_wish(ground, wish)
        ground.settle_relations()


def _parts(sentence: str) -> list[str]:
    """The wishes of a sentence."""
    if re.match(r"(?:when|whenever|if|once|after|as soon as)\b", _polite(sentence), re.I):
        return [sentence]
    parts = _SPLIT.split(sentence)
    return [
        one
        for part in parts
        for one in (_ALONGSIDE.split(part) if re.match(rf"(?:{_COMMAND})\b", _polite(part), re.I) else [part])
    ]


def _spelled(ground: Ground, wish: str) -> str:
    """The wish with a misspelt first word, or a misspelt word of the trade, put right."""
    words = wish.split(" ")
    if len(words) < 2:
        return wish
    names = {
        part
        for table in ground.draft.tables.values()
        for name in (table.name, *table.noun, *table.columns)
        for part in (name, singular(name), *name.split("_"))
    }
    for at, word in enumerate(words):
        low = word.lower().strip(",;.")
        known = _SPELLED if at == 0 else _TERMS
        if (
            len(low) < (2 if at == 0 else 5)
            or low in known
            or low.rstrip("s") in known
            or singular(low) in names
            or low in names
        ):
            continue
        if at == 0 and (lemma_of(low) or is_plural(low) or find_verb(words_of(wish), ground.heads()) is not None):
            continue
        close = difflib.get_close_matches(low, known, n=1, cutoff=0.75 if at == 0 else 0.85)
        if close and low not in _WORDS and not low.endswith(close[0]):
            ground.note(f'"{word}" was read as "{close[0]}".')
            words[at] = close[0] + word[len(word.rstrip(",;.")) :]
    return " ".join(words)


_WORDS = frozenset({"at", "an", "as", "all", "any", "and", "do", "in", "is", "it", "our", "the", "we", "who", "tables"})


_COLON_VALUES = re.compile(
    r"^(?P<head>(?:\w+\s+)?add\s+[^:§]+?)\s+(?P<place>(?:to|for|on)\s+[^:§]+?)\s*:\s+(?:one of\s+|either\s+)"
    r"?(?P<v>(?:[\w§-]+(?: "
    r"[\w§-]+)?,\s+)*[\w§-]+(?: [\w§-]+)?,?\s+(?:or|and)\s+[\w§-]+(?: [\w§-]+)?)(?P<more>\s*,\s+default(?:s to)"
    r"?\s+[\w§-]+)?$",
    re.I,
)


def _headed(ground: Ground, sentence: str) -> list[str]:
    """ "Add milestones to projects: a milestone has a title" as two wishes."""
    if found := _COLON_VALUES.match(sentence):
        listed = ground.shelter.keep(f"one of {found['v']}")
        return [f"{found['head']} {listed} {found['place']}{found['more'] or ''}"]
    found = re.match(r"^(?P<head>[^:§]+):\s+(?P<rest>.+)$", sentence)
    if found is None or find_verb(words_of(found["rest"])) is None:
        return [sentence]
    if named := re.search(
        r"\b(?:want|need|add|introduce|have|create|track|are|be)\s+(?P<n>[a-z]+(?: [a-z]+)?s)$", found["head"], re.I
    ):
        noun = read_noun(named["n"])
        rest = re.sub(
            r"^(?:each(?: one| of them)?|every one|they all|they)\s+(?=\w)",
            f"each {' '.join(noun.words) if noun else ''} ",
            found["rest"],
        )
        return [found["head"], re.sub(r"^(each [\w ]+?) have ", r"\1 has ", rest)]
    commands = re.match(rf"(?:{_COMMAND})\b", _polite(found["head"]), re.I) or find_verb(words_of(found["head"]))
    return [found["head"], found["rest"]] if commands else [found["rest"]]


def _polite(text: str) -> str:
    while found := _POLITE.match(text):
        text = text[found.end() :]
    return text


_READERS = (
    usual_columns, index, foreign_key, must_have, allow, rename, retype, make, set_default, merge, move, new_table,
    remove, give, add, add_there,
)  # fmt: skip


_FOR_ROWS = re.compile(
    r"\s*[,;]?\s+(?:with\s+|and\s+|using\s+)?(?P<v>§\d+§|[\w.-]+)\s+for\s+(?:all\s+)?(?:the\s+|our\s+|those\s+)"
    r"?(?:(?:existing|"
    r"old|current|present)(?:\s+\w+)?|\w+\s+(?:that|which|who)\s+(?:are\s+)?(?:already\s+)?(?:exist|there|present|in "
    r"the "
    r"table)(?:\s+(?:already|now))?)$",
    re.I,
)
_REASON = re.compile(
    r"\s*,?\s+because\s.*$|\s*,\s+(?:as|since)\s+(?:it|they|we|nobody|no one|this|that|these)\s.*$|\s*,?\s+so that "
    r"(?:we|you|i|"
    r"they|people|users|it|everybody|everyone)\s+(?:can|could|may|is|are)\s.*$|\s*,\s+(?:nobody|no one|no-one)\s.*$|"
    r"\s*,\s+"
    r"(?:it|they|we|this|that)\s+(?:(?:is|are|was|were|has|have|do|does)\s+)?(?:not|no longer|never|obsolete|unused|"
    r"outdated|"
    r"useless|redundant|superfluous)\b.*$",
    re.I,
)
_ONLINE = re.compile(
    r"^(?:without\s+(?:blocking|locking|stopping|downtime)|(?:nobody|no one|writers?|readers?|writes?|reads?|the "
    r"application|users|"
    r"the tables?|other sessions|it|this)\s+(?:must|should|may|can)\s*not\s+(?:be\s+)?(?:block|lock|stop|wait|"
    r"disturb)|(?:there must|"
    r"must) (?:be no|not be any) downtime)\b",
    re.I,
)
_MARK = re.compile(r"@[tc]\d")
"""What stands for a table or a column inside; where somebody writes it, it means nothing."""
_ASKED = re.compile(r"(?:should|shall|why|does|did|is it|is there|are there|(?:do|must|may|are|have) (?:we|i)) ", re.I)
"""How questions begin that ask for advice, not for a change."""
_NEEDS = re.compile(r"^(?P<t>(?:every|each|all|any)\s+[\w ]+?)\s+needs?\s+(?=an?\s)", re.I)


def _read_wish(ground: Ground, wish: str) -> None:
    if _ONLINE.match(wish):
        ground.note("What is built on tables with rows is built without blocking those who read and write.")
        return
    if _ASKED.match(wish):
        ground.not_understood(wish)
        return
    text, value = _tidy(wish)
    plain = said_plainly(ground, text)
    for one in plain:
        refuse_rows(ground, one)
    opened = re.sub(r"\s*§(\d+)§", lambda m: f", {ground.shelter.kept[int(m[1])]}", text)
    indexed = re.search(r"\bindex", text, re.I)
    framed = len(text) <= LONGEST_IN_FRAME and _MARK.search(opened) is None
    said = mentions(ground, opened if indexed else text) if framed else None
    if said is not None and any(frame(ground, said) for frame in _FRAMES):
        ground.understood += 1
        _told(ground, said)
    elif said is not None and parted(ground, said):
        ground.not_understood(text)
    elif not (ground.understood and (filler(without("aside", said.text if said else text)) or _AGAIN.match(text))):
        _read_words(ground, text, plain, said)
    if value and not fill(ground, value):
        ground.not_understood(wish[len(text) :].strip(" ,"))


_FRAMES = (rename_in_frame, remove_in_frame, index_in_frame, once, facets, add_in_frame)


_AGAIN = re.compile(
    r"^(?:forbid|prevent|stop|disallow|reject|avoid|fix|mend|change|clean|take|throw|speed) (?:it|that|this|them)"
    r"(?: up| out| away)?(?: of the (?:database|schema))?$|"
    r"^(?:record|remember|store|note|keep|track|save) (?:who|which one|whom|which)(?: (?:it|that|this) (?:was|is))?"
    r"(?:,? if (?:any|anybody|anyone|there is one))?$|"
    r"^(?:that|this|it) (?:must|should|may) (?:not|never) (?:happen|be possible|occur)(?: again| any ?more)?$",
    re.I,
)
"""What only says once more that the wish before is meant."""
_WISHES = re.compile(
    r"\b(?:must|should|shall|needs?|wants?|has to|have to|please|may|can|could|will|would|add|make|let)\b", re.I
)


def _told(ground: Ground, said: Said | None) -> None:
    """What was only told about a table is understood once a wish about the same table comes."""
    if said is None:
        return
    about = {one.name for one in said.tables} | {table.name for table, _ in said.columns}
    for one in [one for one in ground.heard if one[1].name in about and not _WISHES.search(one[0])]:
        ground.heard.remove(one)
        ground.understand(one[0])


def _read_words(ground: Ground, text: str, plain: list[str], said: Said | None) -> None:
    """Read a wish whose intention is not sure, by the words of its parts."""
    told = len(ground.warnings)
    beyond = says("folded", text) or says("beyond", text)
    for one in plain if not beyond else ():
        _read_plain(ground, one)
    if beyond:
        ground.not_understood(text)
    if len(ground.warnings) == told:
        _told(ground, said)
    missed = [one for one in ground.warnings[told:] if one.startswith("not understood")]
    if said is not None and missed and len(missed) == len(ground.warnings) - told:
        heard = len(ground.heard)
        hear(ground, said, text)
        if len(ground.heard) > heard:  # one warning, which what comes behind may take back
            ground.warnings = ground.warnings[:told]
            ground.not_understood(text)


def _tidy(wish: str) -> tuple[str, str]:
    """A wish without reasons, and the value that it gives to the rows that are there."""
    wish = _NEEDS.sub(r"\g<t> must have ", _REASON.sub("", wish))
    wish = re.sub(r"\band (always|never) (?=be\b)", r"and must \1 ", wish, flags=re.I)
    wish = re.sub(
        r",? and, if (?:known|any|given|available|there is one), (?:an? )?", ", and an optional ", wish, flags=re.I
    )
    rows = _FOR_ROWS.search(wish)
    if rows is None or rows.start() == 0 or re.match(r"(?:use|fill|put|set|give)\b", wish, re.I):
        return wish, ""
    return wish[: rows.start()], rows["v"]


def _read_plain(ground: Ground, wish: str) -> None:
    tables, related = set(ground.draft.tables), list(ground.relations)
    columns = {(table.name, name) for table in ground.draft.tables.values() for name in table.columns}
    _read_one(ground, wish)
    if _NEVER.search(wish) and len(ground.relations) > len(related) and not says("once", wish):
        ground.relations = related
        ground.not_understood(wish)
    _take_back(ground, wish, tables, columns)
    if f"not understood: {ground.shelter.open(wish)}" in ground.warnings:
        for name in set(ground.draft.tables) - tables:
            _forget(ground, name)


_NO_NAME = word_set(
    "whether always never be were existing every each must should cannot than who whom which that whose when where "
    "while "
    "instead please also too them their they we our us you again still then such these those nobody everything "
    "anything something nothing both same now column field attribute a an the of everyone someone anymore filled "
    "ones it was meanwhile otherwise respectively because"
)


_NEVER = re.compile(r"\b(?:may|must|can|should|shall)\s*(?:not|never)\b|\bcannot\b|\bnever\b", re.I)
"""Words of what may not be, which makes no relation."""
_LIMITS = re.compile(
    r"\b(?:at least|at most|more than|less than|fewer than|greater than|positive|negative|between|exceed|not|never|"
    r"cannot|twice|same|slow|fast)\b",
    re.I,
)
"""Words of a rule, not of something new."""
_ADDS = re.compile(
    rf"^(?:{_COMMAND})\b|\b(?:new|optional|required|mandatory|columns?|fields?|record|store|keep|track|also|with|"
    r"whether|default|want|would like)\b",
    re.I,
)


def _take_back(ground: Ground, wish: str, tables: set[str], columns: set[tuple[str, str]]) -> None:
    """Tables and columns that a wish made under names that nobody gives are misread: say so, and forget them."""
    wrong = any(set(one.role) & _NO_NAME for one in ground.relations)
    ground.relations = [one for one in ground.relations if not set(one.role) & _NO_NAME]
    for name in set(ground.draft.tables) - tables:
        if set(ground.draft.tables[name].noun) & _NO_NAME:
            _forget(ground, name)
            wrong = True
    said = _LIMITS.search(wish) is None or _ADDS.search(wish) is not None
    for table in ground.draft.tables.values():
        old = {one for holder, one in columns if holder == table.name and table.was is not None}
        for name in [one for one in table.columns if (table.name, one) not in columns]:
            words = name.split("_")
            if (
                set(words) & _NO_NAME
                or any(one.isdigit() for one in words[:-1])
                or (old and not said)
                or bool({f"{name.rpartition('_')[0]}_{end}" for end in ("at", "on", "date", "time")} & old)
                or (name.rpartition("_")[0] in old and _ADDS.search(wish) is None)
            ):
                drop_column(ground, table, table.columns[name])
                wrong = True
    if wrong:
        ground.not_understood(wish)


def _forget(ground: Ground, name: str) -> None:
    """Take a table that was made in passing out again."""
    del ground.draft.tables[name]
    ground.relations = [one for one in ground.relations if name not in (one.a, one.b)]


_OF_CLAUSES = (must_have, allow, rename, retype, make, set_default, remove)


def _read_one(ground: Ground, wish: str) -> None:
    for rule in _READERS:
        if rule(ground, wish):
            ground.understood += 1
            return
    parts = [f"{one.subject} {one.text}" if one.inherited else one.text for one in clauses(wish, ground.heads())]
    if len(parts) > 1:
        plain = [one for part in parts for one in said_plainly(ground, part)]
        left = [one for one in plain if not any(rule(ground, one) for rule in _OF_CLAUSES)]
        if left != parts:
            ground.understood += 1
            for one in left:
                read_sentence(ground, one, [])
            return
    if found := _REQUIRE.match(wish):
        wish = found["rest"]
    if _VERSA.search(wish):
        one = _VERSA.sub("", wish)
        before = len(ground.relations)
        read_sentence(ground, one, [])
        for relation in list(ground.relations[before:]):
            ground.relations.append(replace(relation, a=relation.b, b=relation.a, attributes=[], many=True))
        return
    read_sentence(ground, wish, [])
