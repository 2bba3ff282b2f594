"""Wishes about what is looked up by what, and about what may be there only once for several things together."""

from __future__ import annotations

import re

from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.intents import Reading, says, without
from postai.design.mentions import Said, key_or_column
from postai.design.nouns import Noun
from postai.design.relations import nominals
from postai.design.verbs import lemma_of
from postai.language.word_set import word_set

_WORDS = word_set("""
    index indexes indexed indexing indices suitable matching right proper appropriate fitting create creating add build
    up for by over through one given certain single particular specific same per and first then combined composite
    compound joint together multicolumn date day time moment number when desc asc ascending descending way
    support supporting exactly help helps slow slower slowly fast faster
    quick quickly quicker speed too long takes very so rather quite
    often frequently regularly always usually mostly constantly daily mainly typically lot many times new newest
    newer that which it more most far bit much works work needs needed missing become becomes became getting each every
    someone somebody staff colleagues customers dashboard dashboards day's period range desk front please behind
    increasingly terribly painfully extremely awfully bad poor performance performant expensive seconds minutes
    forever ages efficient efficiently instant instantly improve improved better year month week today's
    """)


def index(ground: Ground, said: Said) -> bool:
    """Read what is looked up by what; False where the wish is none."""
    text = without("aside", said.text)
    asked, look, slow = (says(one, text) for one in ("index", "look", "slow"))
    if not (asked or (look and (slow or says("often", text))) or (slow and re.search(r"\bby\b", text))):
        return False
    if re.search(r"\b(?:unique|remove|drop|delete|rename|not|never|no|without|where|only|upper|lower)\b", text, re.I):
        return False
    if "@" in without("purpose", text):
        text = without("purpose", text)
    newest = says("newest", text)
    left = text
    for kind in ("newest", "often", "look", "slow", "index"):
        left = without(kind, left)
    reading = Reading(ground, said, left)
    if not reading.done(but=_WORDS):
        return False
    found = _rows(ground, said, text)
    if found is None:
        # what the sentence before said has got its index
        return (asked or slow) and not said.columns and not said.tables and ground.indexed
    table, names = found
    moments = [one.name for one in table.columns.values() if one.type.startswith(("timestamp", "date"))]
    behind = [one for one in names if one in moments]
    if newest or (not behind and re.search(r"(?<!each )(?<!every )\b(?:date|day|time|moment)\b", text, re.I)):
        if not behind:
            if len(moments) != 1:
                return False
            names.append(moments[0])
            behind = moments
        if newest:
            names = [one for one in names if one != behind[-1]] + [f"{behind[-1]} DESC"]
    if not names:
        return False
    ground.index(table, tuple(names), f"{table.name} are looked up by {', '.join(names)}" if look else "asked for")
    ground.subject, ground.indexed = table.name, True
    return True


def _rows(ground: Ground, said: Said, text: str) -> tuple[Table, list[str]] | None:
    """The table whose rows are looked up, and by which columns, as the wish names them."""
    marks = list(dict.fromkeys(re.findall(r"@[tc]\d+", text)))
    holders = [said.columns[int(one[2:])][0] for one in marks if one[1] == "c"]
    rows = holders[:1] or [said.tables[int(one[2:])] for one in marks]
    fitting = []
    for table in {id(one): one for one in rows}.values():
        names: list[str] = []
        for mark in marks:
            if mark[1] == "c":
                holder, column = said.columns[int(mark[2:])]
                if holder is not table:
                    break
                names.append(column.name)
            elif (other := said.tables[int(mark[2:])]) is not table:
                key = key_or_column(ground, table, other)
                if key is None:
                    break
                names.append(key.name)
        else:
            fitting.append((table, list(dict.fromkeys(names))))
    if not holders and len(fitting) != 1:
        return None
    return fitting[0] if fitting else None


_ONCE_WORDS = word_set("""
    no not two 2 second never twice double doubled doubles duplicate duplicates more than once only at most just one
    exactly same cannot per day date for on in of by to exist there both combination together unique other another again
    allowed possible happen impossible prevent forbid avoid stop book booked getting seeing keep kept different
    given certain single any several appear appears occur occurs existing share
    """)


def once(ground: Ground, said: Said) -> bool:
    """Read what may be there only once for several things together; False where the wish is none."""
    text = said.text
    if not says("once", text) or (
        re.search(r"\b(?:may|can|could) (?:also )?(?:have|be)\b.*\bsame\b", text) and "only" not in text
    ):
        return False
    event, left = _event(ground, said, text)
    if event is None or not Reading(ground, said, left).done(but=_ONCE_WORDS):
        return False
    names: list[str] = []
    for mark in dict.fromkeys(re.findall(r"@[tc]\d+", left)):
        column = _part(ground, said, event, mark)
        if column is None:
            return False
        if column.name not in names:
            names.append(column.name)
    days = [one.name for one in event.columns.values() if one.type == "date"]
    if re.search(r"\b(?:day|date)\b", left, re.I) and not set(names) & set(days):
        if len(days) != 1:
            return False
        names.append(days[0])
    if len(names) < 2 or not says("forbidden", text):
        return False
    event.add_unique(tuple(names))
    ground.subject, ground.last = event.name, (event.name, names[-1])
    return True


def _part(ground: Ground, said: Said, event: Table, mark: str) -> Column | None:
    if mark[1] == "c":
        holder, column = said.columns[int(mark[2:])]
        return column if holder is event else None
    return key_or_column(ground, event, said.tables[int(mark[2:])])


def _event(ground: Ground, said: Said, text: str) -> tuple[Table | None, str]:
    """The table of what may happen only once, named as such or by its verb, and the text without it."""
    for table in said.tables:
        others = [one for one in said.tables if one is not table]
        if others and all(key_or_column(ground, table, one) for one in others):
            mark = f"@t{next(at for at, one in enumerate(said.tables) if one is table)}"
            return table, text.replace(mark, " ")
    if (
        len({id(one) for one in said.tables}) == 1
        and said.columns
        and all(one[0] is said.tables[0] for one in said.columns)
    ):
        return said.tables[0], re.sub(r"@t\d+", " ", text)
    both = [
        one
        for one in ground.draft.tables.values()
        if len(said.tables) > 1
        and one not in said.tables
        and all(key_or_column(ground, one, other) for other in said.tables)
    ]
    if len(both) == 1 and (done := re.search(r"\bbe (\w+ed|\w+en|put|sold|bought|held)\b", text)):
        return both[0], text.replace(done[0], " ")
    for word in re.findall(r"(?<!@)\b[a-z]{3,}\b", text, re.I):
        lemma = lemma_of(word.lower())
        if not lemma:
            continue
        for nominal in nominals(lemma):
            event = ground.find_table(Noun((nominal,)))
            if (
                event is not None
                and event not in said.tables
                and all(key_or_column(ground, event, one) for one in said.tables)
            ):
                return event, re.sub(rf"\b{word}\b", " ", text)
    return None, text
