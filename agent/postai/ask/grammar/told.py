"""Arithmetic over the columns of one row, and conditions in brackets, inside the meaning of a term.

"average of home_goals + away_goals over matches", "Qty * UnitPrice * (1 - DiscountPct / 100)", "delivered_at -
accepted_at", "enrollments that are completed (completed_on is not null)". Each such part gives way to a made-up
word, so that the rest of the meaning is read like any other question; the word stands for the made-up column or the
conditions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from postai.ask.grammar.items import Item
from postai.ask.grammar.notes import Definition, Told
from postai.ask.grammar.sql_terms import read_sql
from postai.language.computed import STEP, Formula
from postai.language.lexicon import Lexicon, Sense
from postai.language.tokens import key_of, tokenize

_WORD = "definedterm"
_LEAD = re.compile(
    r"(?P<lead>(?:the\s+)?(?:average|mean|avg|sum|total|highest|lowest|maximum|minimum|median)\s+(?:of\s+)?)?",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r",?\s+(?=(?:summed over|over|for|across|of|in|from|where|within|during|per|when|, )\s)", re.IGNORECASE
)
_PIECE = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)(?![\w])|(?P<open>\()|(?P<close>\))"
    r"|(?P<sign>[*×/÷+]|-(?=\s|\())|(?P<word>[A-Za-z_][\w.]*(?:-[A-Za-z]\w*)*))"
)
_MISSING = re.compile(
    r"\(\s*(?:which is |counted as |taken as |or )?(?:0|zero)(?: (?:when|if|where) [\w ]{2,30})?\s*\)", re.IGNORECASE
)
_SIGNS = {"×": "*", "÷": "/", "minus": "-", "plus": "+", "times": "*", "over": "/"}
_PHRASES = ((r"\bmultiplied by\b", "*"), (r"\bdivided by\b", "/"), (r"\bminus\b", "-"), (r"\bplus\b", "+"),
            (r"\btimes\b", "*"))  # fmt: skip
_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2}
_CONDITION = re.compile(
    r"(?P<clause>\s*,?\s*\b(?:that|which|who)\s+(?:is|are|was|were|has|have|had|has been|have been)\s+"
    r"(?:not\s+)?[\w-]+)?\s*\((?P<sql>[^()]*(?:\([^()]*\)[^()]*)*)\)",
    re.IGNORECASE,
)
_OVER = re.compile(r"(?<!summed),?\s+over\s+(?P<rows>(?:the\s+|all\s+|those\s+)?[A-Za-z]+)\b", re.IGNORECASE)
_SET = re.compile(
    r"\s+(?:whose|where|with|when)\s+(?:the\s+)?(?P<column>\w+)\s+(?P<set>is (?:not )?null)\b", re.IGNORECASE
)
_SUMMED = re.compile(r",?\s+summed over\s+", re.IGNORECASE)


def rewritten(definitions: Iterable[Definition], lexicon: Lexicon) -> tuple[list[Definition], tuple[Told, ...]]:
    """Definitions whose formulas and bracketed conditions are made-up words, and what these stand for."""
    told: list[Told] = []
    done: list[Definition] = []
    for definition in definitions:
        meanings = tuple(_meaning(meaning, lexicon, told) for meaning in definition.meanings)
        done.append(replace(definition, meanings=meanings))
    return done, tuple(told)


def _meaning(meaning: str, lexicon: Lexicon, told: list[Told]) -> str:
    near = {sense.table for token in tokenize(meaning) for sense in lexicon.senses(token.noun)
            if sense.kind == "table" and sense.score > 0.7}  # fmt: skip
    meaning = _OVER.sub(lambda found: _of_rows(found, lexicon), meaning)
    meaning = _SET.sub(lambda found: f" ({found['column']} {found['set']})", meaning)
    meaning = _conditions(meaning, lexicon, near, told)
    lead = _LEAD.match(meaning)
    start = lead.end() if lead else 0
    ends = [match.start() for match in _BEHIND.finditer(meaning, start)] + [len(meaning)]
    for stop in ends:
        found = read_arithmetic(meaning[start:stop], lexicon, near)
        if found is None:
            continue
        table, formula = found
        summed = _SUMMED.match(meaning, stop)
        if summed and not _names_table(meaning[summed.end() :], table, lexicon):
            return meaning  # added up for each row of another table
        one = Told(f"{_WORD}{len(told)}", meaning[start:stop].strip(), table, formula.name)
        told.append(one)
        before, rest = meaning[:start], meaning[stop:]
        if summed:
            before, rest = "sum of ", " of " + meaning[summed.end() :]
        return f"{before}{one.word}{rest}"
    return meaning


def _names_table(text: str, table: int, lexicon: Lexicon) -> bool:
    """Whether the first noun of a text is the one of a table."""
    for token in tokenize(text):
        named = {s.table for s in lexicon.senses(token.noun) if s.kind == "table" and s.score > 0.7}
        if named:
            return table in named
    return True


def _of_rows(found: re.Match[str], lexicon: Lexicon) -> str:
    """ "average grade over enrollments": of them, when the noun is one of rows."""
    nouns = [token.noun for token in tokenize(found["rows"])]
    rows = any(s.kind == "table" and s.score > 0.7 for noun in nouns for s in lexicon.senses(noun))
    return f" of {found['rows']}" if rows else found[0]


def _conditions(meaning: str, lexicon: Lexicon, near: set[int], told: list[Told]) -> str:
    """ "orders that are not cancelled (status <> 'C')": what stands in brackets says it all."""

    def put(match: re.Match[str]) -> str:
        read = read_sql(match["sql"], lexicon, near)
        if read is None or not read.predicates:
            return match[0]
        one = Told(f"{_WORD}{len(told)}", match["sql"].strip(), predicates=read.predicates)
        told.append(one)
        return f" {one.word}"

    return _CONDITION.sub(put, meaning)


def read_arithmetic(text: str, lexicon: Lexicon, near: set[int]) -> tuple[int, Formula] | None:
    """The made-up column of a calculation over columns of one table; None = it is none, or of several tables."""
    for words, sign in _PHRASES:
        text = re.sub(words, f" {sign} ", text, flags=re.IGNORECASE)
    text = _MISSING.sub(" @ ", text)
    steps = _postfix(text)
    if steps is None or not any(step in _BINDS for step in steps):
        return None
    named = {step for step in steps if step[:2] in ("w:", "v:")}
    tables = [info.index for info in lexicon.tables if info.real is None]
    found = [(table, known) for table in tables if (known := _columns(named, table, lexicon))]
    if len(found) > 1:
        found = [pair for pair in found if pair[0] in near]
    if len(found) != 1 or not named:
        return None
    table, known = found[0]
    kinds = {lexicon.column(table, column).kind for column in known.values()}
    if kinds <= {"number"}:
        first = next(iter(known.values()))
        written = [("z:" if step[0] == "v" else "c:") + known[step] if step in known else step for step in steps]
        return table, Formula("arithmetic", first, "", STEP.join(written))
    infos = [lexicon.column(table, known[step]) for step in steps if step in known]
    if all(info.is_date for info in infos) and len(steps) == 3 and steps[2] == "-" and len(infos) == 2:
        dates = infos[0].kind == infos[1].kind == "date"
        return table, Formula("span", infos[0].name, infos[1].name, "", dates)
    return None


def _columns(named: set[str], table: int, lexicon: Lexicon) -> dict[str, str] | None:
    """The column of one table that each operand names; None = one of them names none, or several."""
    found: dict[str, str] = {}
    for step in named:
        text = re.sub(r"^(?:the|a|an|its|their) ", "", step[2:]).rpartition(".")[2]
        exact = [c.name for c in lexicon.tables[table].columns if c.name.lower() == text.lower()]
        text = re.sub(r" of (?:the|a|an|its|their|each|every) \w+$", "", text)
        if not exact:
            key = " ".join(token.noun for token in tokenize(text)) or key_of(text)
            keys = [key, *([key.partition(" ")[2]] if _owns(key, table, lexicon) else [])]
            senses = [s for key in keys for s in lexicon.senses(key)
                      if s.kind == "column" and s.table == table and s.score > 0.7]  # fmt: skip
            exact = [senses[0].column or ""] if len({s.column for s in senses}) == 1 else []
        if len(exact) != 1:
            return None
        found[step] = exact[0]
    return found


def _owns(key: str, table: int, lexicon: Lexicon) -> bool:
    """ "invoice amount": the first word names the table."""
    return any(s.kind == "table" and s.table == table and s.score > 0.7 for s in lexicon.senses(key.partition(" ")[0]))


def _postfix(text: str) -> list[str] | None:
    """The steps of an infix calculation: numbers "n:", operands "w:" ("v:" where a missing one is 0), operators."""
    output: list[str] = []
    waiting: list[str] = []
    words: list[str] = []
    operand = True
    at, text = 0, text.strip()

    def settle() -> None:
        if words:
            output.append("w:" + " ".join(words))
            words.clear()

    while at < len(text):
        if text[at] in " @":
            if text[at] == "@" and (words or (output and output[-1][:2] == "w:")):
                settle()
                output[-1] = "v:" + output[-1][2:]
            at += 1
            continue
        piece = _PIECE.match(text, at)
        if piece is None:
            return None
        at = piece.end()
        if piece["word"]:
            if not (operand or words):
                return None
            words.append(piece["word"])
            operand = False
        elif piece["number"]:
            if not operand:
                return None
            output.append("n:" + piece["number"])
            operand = False
        elif piece["open"]:
            if not operand:
                return None
            waiting.append("(")
        elif operand:
            return None
        elif piece["close"]:
            settle()
            while waiting and waiting[-1] != "(":
                output.append(waiting.pop())
            if not waiting:
                return None
            waiting.pop()
        else:
            settle()
            sign = _SIGNS.get(piece["sign"], piece["sign"])
            while waiting and waiting[-1] != "(" and _BINDS[waiting[-1]] >= _BINDS[sign]:
                output.append(waiting.pop())
            waiting.append(sign)
            operand = True
    settle()
    if operand or "(" in waiting:
        return None
    return [*output, *reversed(waiting)]


def place_told(items: Sequence[Item], told: Iterable[Told]) -> None:
    """Let the made-up words among the items stand for their columns and conditions."""
    known = {one.word: one for one in told}
    for item in items:
        one = known.get(item.lower)
        if one is None:
            continue
        item.kind, item.text = "name", one.text
        if one.predicates:
            item.taught = one.predicates
        else:
            item.senses = (Sense("column", one.table, one.column, None, 0.97, "name"),)


def without_made_up(text: str, told: Iterable[Told]) -> str:
    """A text for people with what was written in place of the made-up words."""
    for one in told:
        text = text.replace(one.word, one.text)
    return text
