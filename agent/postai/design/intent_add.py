"""Wishes that a table gets columns, in whatever words."""

from __future__ import annotations

import re

from postai.design.draft import Table
from postai.design.ground import Ground
from postai.design.intents import Reading, filler
from postai.design.kinds import TYPE_WORDS
from postai.design.lists import split_list
from postai.design.mentions import Said
from postai.design.nouns import read_noun
from postai.design.verbs import lemma_of
from postai.design.wish_add import give_all, give_items
from postai.language.word_set import word_set

_FLAG = r"(?:required|mandatory|compulsory|optional|nullable|unique|not[- ]null|non-null)"
_PLAIN = (
    r"(?:boolean|bool|integer|int|bigint|smallint|varchar|numeric|decimal|timestamptz|timestamp|jsonb|json|uuid|text|"
    r"whole number|yes/no|true/false)"
)
_BEFORE = re.compile(
    rf"^(?:(?:an?|the|its|their|new|another|additional|extra|further|separate|free|simple|little|own)\s+)*"
    rf"(?P<flags>(?:{_FLAG}(?:\s*,\s*|\s+and\s+|\s+but\s+|\s+))*)(?:new\s+|additional\s+)?"
    rf"(?:(?P<flag>(?:boolean\s+)?(?:flag|marker)\s+)(?!for\b|that\b|whether\b|which\b|if\b|indicating\b|called\b))?"
    rf"(?:(?P<type>{_PLAIN})\s+(?:column\s+|field\s+|flag\s+)?)?(?:(?:column|field|attribute|enum|enumeration)\s+)?(?:called\s+|named\s+)?"
    rf"(?P<rest>(?!column|field|flag|value).+)$",
    re.I,
)
_WHETHER = re.compile(
    r"^(?:flag\s+|boolean\s+|marker\s+|checkbox\s+)?(?:(?:that\s+|which\s+)?(?:says|tells|shows|for)\s+)?"
    r"(?:whether|if)\s+(?:or not\s+)?(?P<who>(?:he or she|she or he|they|it|he|she|one|someone|@t\d+|"
    r"\w+(?=\s+(?:is|are|was|were|has|have|may|can|must|should|wants|needs|does|do)\b)))\s+"
    r"(?P<what>[^,]+?)(?P<tail>\s*,.*)?$",
    re.I,
)
_BEHIND_NAME = re.compile(
    r"^(?P<n>.+?)(?P<t>\s+(?:which|that|with|between|default|defaults|defaulting|from \d|in \w+$|of at|at least|"
    r"at most|§).*)?$"
)
_OF_NEW = re.compile(
    rf"^(?P<x>(?!@)[\w ]+?) of @t(?P<t>\d+) (?:is|are|(?:must|should|shall|has to|have to) be) (?:always )?"
    rf"(?P<flags>{_FLAG}(?:(?:,| and|, and) {_FLAG})*)$",
    re.I,
)
_NAMES_OF_NEW = re.compile(
    rf"^@t(?P<t>\d+) (?P<x>\w+) (?:is|are|(?:must|should|shall|has to|have to) be) (?:always )?"
    rf"(?P<flags>{_FLAG}(?:(?:,| and|, and) {_FLAG})*)$",
    re.I,
)
_ASIDE = word_set("the a an or not been already also still ever it them his her its their or_ to")
_NO_ITEM = word_set(
    "index unique constraint key rule check default value everything anything something nothing problem problems way "
    "soft history audit timestamps timestamp foreign table tables partition"
)


def add(ground: Ground, said: Said) -> bool:
    """Read columns that a table gets; False where the wish is none, or names something that is there."""
    if found := _OF_NEW.match(said.text) or _NAMES_OF_NEW.match(said.text):
        return _of_new(ground, said.tables[int(found["t"])], found["x"], found["flags"])
    reading = Reading(ground, said, said.text)
    reading.take("add")
    if len(reading.found) != 1:
        return False
    one = reading.found[0]
    what, tail = one.groups["x"].strip(" ,"), (one.groups.get("tail") or "").strip(" ,")
    tail = re.sub(r"^with\s+(?=(?:an?\s+|the\s+)?default\b)", "", tail)
    mark = re.search(r"@t\d+", one.text.replace(one.groups["x"], " ", 1))
    if mark is None or not filler(reading.rest.replace(mark[0], " ")):
        return False
    table = reading.table(mark[0])
    if moment := re.match(r"(?:was|were|is|are|has been|have been) (\w+)$", tail):
        what, tail = f"the {what} it was {moment[1]}".replace("the when it", "when it"), ""
    text = _with_values(ground, re.sub(r"^(?:columns|fields|attributes)\s+", "", f"{what}, {tail}" if tail else what))
    text = re.sub(r"@t\d+", lambda m: said.raw[m[0]] if reading.table(m[0]) is table else m[0], text)
    if "@" in re.sub(r"(?<=default )@c\d+|(?<=or )@c\d+", "", text) or not _new(ground, table, text):
        return False
    must = bool(re.search(r"\b(?:must|has to|have to|needs?)\b", one.text.replace(one.groups["x"], " ")))
    return _given(ground, table, re.sub(r"@[tc]\d+", lambda m: said.raw[m[0]], text), must=must)


_LISTED = re.compile(
    r"^(?P<n>(?!or\b)[\w ]+?), (?:either |one of )?(?P<v>(?:[\w-]+(?: [\w-]+)?, )*[\w-]+(?: [\w-]+)?,? or "
    r"(?!not\b|if\b)[\w-]+(?: [\w-]+)?)(?P<tail>,.*)?$",
    re.I,
)


def _with_values(ground: Ground, text: str) -> str:
    """ "A payment term, cash or invoice": its values put aside."""
    found = _LISTED.match(text)
    if found is None:
        return text
    return f"{found['n']} {ground.shelter.keep('one of ' + found['v'])}{found['tail'] or ''}"


def _of_new(ground: Ground, table: Table, name: str, flags: str) -> bool:
    """ "The names of amenities are unique", where amenities are new."""
    noun = read_noun(name)
    if table.was is not None or noun is None or ground.find_column(table, noun.words) is not None:
        return False
    return give_all(ground, table, f"{' '.join(noun.words)}, {flags}")


def _new(ground: Ground, table: Table, text: str) -> bool:
    """Whether a list names only what is not there yet."""
    for item in split_list(text, ground.shelter):
        found = _BEFORE.match(item)
        core = ground.shelter.bare(
            re.split(r",|\s(?:which|that|with|between|default|from|of type)\s", found["rest"] if found else item)[0]
        )
        noun = read_noun(core)
        if _WHETHER.match(item):
            continue
        if re.match(r"(?:which|who|whom|what|how(?! many)|where|why)\b", core, re.I):
            return False
        if noun is None or set(noun.words) & _NO_ITEM or len(noun.words) > 5 or noun.quantity == "many":
            return False
        if ground.find_table(noun) is not None or ground.is_thing(noun) or noun.name in table.columns:
            return False
        if noun.plural and len(noun.words) == 1 and not re.search(r"\d", item) and lemma_of(noun.head) is None:
            return False
    return True


def _given(ground: Ground, table: Table, text: str, *, must: bool) -> bool:
    warned = len(ground.warnings)
    columns = set(table.columns)
    done = give_items(ground, table, [in_order(one) for one in split_list(text, ground.shelter)])
    if not done or len(ground.warnings) > warned:
        for name in set(table.columns) - columns:
            del table.columns[name]
            table.rules = [one for one in table.rules if name not in one.columns]
        del ground.warnings[warned:]
        return False
    for name in set(table.columns) - columns:
        if must and not re.search(r"\b(?:optional|nullable|may be|can be|if)\b", text, re.I):
            table.columns[name].required = True
    return True


def in_order(item: str) -> str:
    """An item with its name first, then its type, then what is said of it: "smoking boolean, required"."""
    if found := _WHETHER.match(item):
        if re.match(r"(?:is|are|was|were|has|have|had)\b", found["what"], re.I):
            return item
        words = [one for one in found["what"].lower().split() if one not in _ASIDE][:4]
        return f"{'_'.join(words)} boolean{found['tail'] or ', default false'}"
    found = _BEFORE.match(item)
    if found is None:
        return item
    name, _, behind = found["rest"].partition(",")
    flags = re.findall(_FLAG, found["flags"], re.I)
    if not flags and not found["type"] and not found["flag"]:
        return (
            found["rest"] if re.match(r"(?:an?\s+|the\s+|new\s+)*(?:column|field|attribute|enum)", item, re.I) else item
        )
    parts = _BEHIND_NAME.match(name)
    core, tail = (parts["n"], parts["t"] or "") if parts else (name, "")
    kind = "boolean" if found["flag"] else TYPE_WORDS.get((found["type"] or "").lower()) or (found["type"] or "")
    told = " ".join(f"{core} {kind} {re.sub(r'with (?=default)', '', tail.strip())}".split())
    return ", ".join(one for one in (told, *flags, re.sub(r"^with (?=default)", "", behind.strip())) if one)
