"""Reads wishes about a schema that is there: add, remove, rename, retype, move, allow; what it does not know is read as
a sentence that says what there is to be."""

from __future__ import annotations

import re

from postai.database.identifiers import quote_ident
from postai.design.attributes import Attribute, split_list
from postai.design.draft import Column, Rule, Table
from postai.design.ground import Ground
from postai.design.kinds import TYPE_WORDS
from postai.design.nouns import Noun, read_noun
from postai.design.reading import discover, has_items, read_sentence
from postai.design.relations import refer
from postai.design.rules import say
from postai.design.sentences import find_verb, sentences, words_of
from postai.design.shelter import values_of
from postai.design.statements import reference

_COMMAND = (
    "add|use|remove|drop|delete|rename|make|change|create|set|give|move|split|extract|allow|convert|turn|"
    "introduce|get rid|index|call|let|put|store|track|require|mark|ensure|enforce"
)
_SPLIT = re.compile(
    rf"\s*(?:,\s*(?:and\s+)?(?:then\s+|also\s+)?|\s+and\s+(?:then\s+|also\s+)?|\s+then\s+)(?=(?:{_COMMAND})\s)", re.I
)
_POLITE = re.compile(
    r"^(?:please|kindly|also|now|then|next|finally|in addition|additionally|furthermore|and|we (?:should|need to|"
    r"want to|would like to|have to|must)(?: also)?|i (?:want|need|would like)(?: you)? to|can you|could you|let "
    r"us|let's)\s*,?\s+",
    re.I,
)
_TYPES = "|".join(sorted(map(re.escape, TYPE_WORDS), key=len, reverse=True))
_TABLE = r"(?:(?:each|every|the|all|our|an?|any|table)\s+)*[\w\"]+(?: [\w\"]+){0,2}?(?: table)?"
_ADD_INDEX = re.compile(
    r"^(?:add|create|put|build|we need|make)?\s*(?:an?\s+)?(?P<unique>unique\s+)?index(?:es)?\s+(?:on|for|to|over)\s+"
    r"(?P<what>.+)$",
    re.I,
)
_ADD_TABLE = re.compile(
    r"^(?:add|create|introduce|make|we need)\s+(?:an?\s+|the\s+)?(?:new\s+|separate\s+|own\s+)*table\s*(?:called|"
    r"named|for|of)?\s+(?P<t>[\w ]+?)(?P<rest>(?:\s+(?:with|having|containing|that|which|where|to)\b|\s*:|\s*§|,"
    r").*)?$",
    re.I,
)
_ADD = re.compile(
    rf"^(?:add|introduce|include|create|attach|append|put)\s+(?P<what>.+?)\s+(?:to|for|on|onto|in|into)\s+"
    rf"(?P<t>{_TABLE})(?P<tail>\s*(?:,|§|\bwith\b|\bthat\b|\bwhich\b|\bdefault|\bso that\b|\bfrom\b|\bbetween\b|"
    rf"\bwhose\b).*)?$",
    re.I,
)
_GIVE = re.compile(r"^give\s+(?P<rest>.+)$", re.I)
_REMOVE = re.compile(
    rf"^(?:remove|drop|delete|get rid of|throw away|discard|eliminate)\s+(?P<what>.+?)(?:\s+(?:from|of|in|on)\s+"
    rf"(?P<t>{_TABLE}))?(?:\s+(?:completely|entirely|altogether|again))?$",
    re.I,
)
_NO_LONGER = re.compile(
    rf"^(?:(?P<t>(?!we\b|i\b){_TABLE})\s+(?:no longer|do not|does not|don't)\s+(?:needs?|have|has|requires?|"
    rf"stores?|keeps?|uses?)\s+|we\s+(?:no longer|do not|don't)\s+(?:need|use|want|store|keep|have)\s+)(?P<what>.+?"
    rf")(?:\s+any\s?more)?$",
    re.I,
)
_NOT_NEEDED = re.compile(
    r"^(?P<what>.+?)\s+(?:is|are)\s+(?:no longer|not)\s+(?:needed|used|necessary|in use)(?:\s+any\s?more)?$", re.I
)
_RENAME = re.compile(
    r"^(?:rename|change the name of)\s+(?P<x>.+?)\s+(?:to|into|as)\s+(?P<y>[\w\" ]+|§\d+§)$|^(?P<x2>.+?)\s+"
    r"(?:should|must|shall|is to|are to|has to|have to)\s+be\s+(?:called|named|renamed(?:\s+to)?)\s+(?P<y2>[\w\" ]+"
    r"|§\d+§)(?:\s+(?:instead|from now on))?$|^call\s+(?P<x3>.+?)\s+(?P<y3>[\w\"]+|§\d+§)(?:\s+instead)?$",
    re.I,
)
_TYPE = re.compile(
    rf"^(?:(?:change|convert|turn|switch|alter|make|set|store|migrate)\s+(?:the\s+)?(?:data\s?type\s+of\s+|type\s+"
    rf"of\s+)?(?P<c>.+?)\s+(?:from\s+\w+(?: \w+)?\s+)?(?:to|into|as|an?)\s+(?:be\s+)?(?:an?\s+)?|(?P<c2>.+?)\s+"
    rf"(?:should|must|has to|have to|needs to|need to)\s+(?:be|become|be stored as|have the type|be of type)\s+"
    rf"(?:an?\s+)?)(?P<type>{_TYPES})(?:s|\s+(?:column|type|value|field))?(?:\s+(?:instead of|rather than|not)\s"
    rf".*)?$",
    re.I,
)
_DECIMALS = re.compile(
    r"^(?P<c>.+?)\s+(?:should|must|needs?|has|have|need)\s+(?:to\s+)?(?:have|store|keep|allow|hold|be stored with|"
    r"be kept with)?\s*(?P<n>\d|two|three|four|five|six)\s+(?:decimals?|decimal places|digits after the (?:decimal "
    r")?point|fraction digits)$",
    re.I,
)
_MAKE = re.compile(
    r"^(?:make|mark|set|declare)\s+(?P<c>.+?)\s+(?:to be\s+|as\s+)?(?P<what>(?:required|optional|unique|mandatory|"
    r"nullable|not null|compulsory|not required|non-?null)\b.*)$",
    re.I,
)
_REQUIRE = re.compile(r"^(?:require|enforce|ensure|check)\s+(?:that\s+)?(?P<rest>.+)$", re.I)
_DEFAULT = re.compile(
    r"^(?:set|change|make)\s+(?:the\s+)?default\s+(?:value\s+)?(?:of|for)\s+(?P<c>.+?)\s+(?:to|=|be)\s+(?P<v>.+)$|"
    r"^use\s+(?P<v2>.+?)\s+as\s+(?:the\s+)?default\s+(?:value\s+)?(?:of|for)\s+(?P<c2>.+)$|^(?:let|make)\s+"
    r"(?P<c3>.+?)\s+default\s+to\s+(?P<v3>.+)$|^default\s+(?P<c4>.+?)\s+to\s+(?P<v4>.+)$",
    re.I,
)
_ALSO = re.compile(
    r"^(?:also\s+)?allow\s+(?:the\s+(?:value|status)\s+)?(?P<v>.+?)\s+(?:as|for|in)\s+(?:an?\s+(?:new\s+|further\s+"
    r"|additional\s+|possible\s+)?|the\s+)?(?P<c>.+?)(?:\s+(?:too|as well|also))?$|^(?P<c2>.+?)\s+(?:can|may|"
    r"should|could|must|might)\s+(?:now\s+)?also\s+(?:be|take|allow|accept|include|have|become)\s+(?:the value\s+|"
    r"the status\s+)?(?P<v2>.+)$|^add\s+(?:the\s+)?(?:value\s+|status\s+|option\s+)?(?P<v3>.+?)\s+(?:to|as)\s+"
    r"(?:the\s+|an?\s+)?(?:list of\s+)?(?:allowed|possible|valid|permitted|new|further|another)\s+(?:values\s+"
    r"(?:of|for)\s+)?(?P<c3>.+)$|^(?P<c4>.+?)\s+(?:can|may|could)\s+be\s+(?P<v4>[\w§ -]+?)\s+(?:too|as well|now)$",
    re.I,
)
_NOT_ALLOWED = re.compile(
    r"^(?P<v>[\w§-]+)\s+is\s+(?:no longer|not)\s+(?:an?\s+)?(?:allowed|valid|possible|permitted)\s+(?P<c>.+)$|"
    r"^remove\s+(?:the\s+)?(?:value\s+)?(?P<v2>[\w§-]+)\s+from\s+(?:the\s+)?(?:list of\s+)?(?:allowed|possible|"
    r"valid|permitted)\s+(?:values\s+(?:of|for)\s+)?(?P<c2>.+)$",
    re.I,
)
_MOVE = re.compile(
    rf"^(?:move|split|extract|put|separate|pull|factor|normali[sz]e|turn)\s+(?:out\s+)?(?P<cols>.+?)(?:\s+"
    rf"(?:columns?|fields?|data|details))?\s+(?:of|from|out of|in|on)\s+(?P<t>{_TABLE})\s+(?:out\s+)?(?:in)?to\s+"
    rf"(?:an?|their|its|the|separate|own|new)\b\s*(?P<name>.*)$",
    re.I,
)
_FK = re.compile(
    r"^(?:add\s+)?(?:an?\s+)?foreign key\s+(?:from|on)\s+(?P<a>[\w. ]+?)\s+(?:to|referencing|that references)\s+"
    r"(?P<b>[\w. ]+)$|^(?P<a2>[\w. ]+?)\s+(?:should\s+|must\s+)?(?:references?|refers? to|points? to)\s+"
    r"(?P<b2>[\w. ]+)$|^link\s+(?P<a3>\w+)\s+(?:to|with)\s+(?P<b3>\w+)$",
    re.I,
)
_VERSA = re.compile(r",?\s+and\s+vice\s+versa$|,?\s+and\s+the other way (?:a)?round$", re.I)


def read_wishes(ground: Ground, text: str) -> None:
    """Read all wishes of a text, in order."""
    found = sentences(text)
    discover(ground, [one for one in found if not re.match(rf"(?:{_COMMAND})\b", _polite(one), re.I)])
    found = [part for sentence in found for part in _headed(sentence)]
    for sentence in found:
        for part in _SPLIT.split(sentence):
            wish = _polite(part.strip(" ,"))
            if wish:
                _read_wish(ground, wish)
        ground.settle_relations()


def _headed(sentence: str) -> list[str]:
    """ "Add milestones to projects: a milestone has a title" as two wishes."""
    found = re.match(r"^(?P<head>[^:§]+):\s+(?P<rest>.+)$", sentence)
    if found is None or find_verb(words_of(found["rest"])) is None:
        return [sentence]
    return (
        [found["head"], found["rest"]]
        if re.match(rf"(?:{_COMMAND})\b", _polite(found["head"]), re.I) and _ADD.match(_polite(found["head"]))
        else [found["rest"]]
    )


def _polite(text: str) -> str:
    while found := _POLITE.match(text):
        text = text[found.end() :]
    return text


def _read_wish(ground: Ground, wish: str) -> None:
    for rule in (_index, _foreign, _also, _rename, _type, _make, _default, _move, _new_table, _remove, _give, _add):
        if rule(ground, wish):
            ground.understood += 1
            return
    if found := _REQUIRE.match(wish):
        wish = found["rest"]
    if _VERSA.search(wish):
        one = _VERSA.sub("", wish)
        before = len(ground.relations)
        read_sentence(ground, one, [])
        for relation in list(ground.relations[before:]):
            from dataclasses import replace

            ground.relations.append(replace(relation, a=relation.b, b=relation.a, attributes=[], many=True))
        return
    read_sentence(ground, wish, [])


def _table(ground: Ground, text: str) -> Table | None:
    text = re.sub(r"^(?:the\s+)?table\s+|\s+table$", "", ground.shelter.without_details(text).strip(' "'), flags=re.I)
    exact = ground.draft.tables.get(text.lower().removeprefix("the "))
    return exact or ground.find_table(read_noun(text), fuzzy=True)


# Columns ----------------------------------------------------------------------------------------------------------


def _add(ground: Ground, wish: str) -> bool:
    found = _ADD.match(wish)
    if found is None:
        return False
    table = _table(ground, found["t"])
    if table is None:
        return False
    tail = (found["tail"] or "").strip()
    given = re.sub(
        rf"\b(?P<ty>{_TYPES})\s+(?:column|field|attribute|flag)s?\s+(?:called\s+|named\s+)?(?P<x>\w+)",
        r"\g<x> \g<ty>",
        found["what"],
        flags=re.I,
    )
    what = re.sub(
        r"\b(?:new\s+)?(?:column|field|attribute)s?\s+(?:called|named|for\s+(?:the\s+|their\s+|its\s+)?)?(?=\S)",
        "",
        given,
        flags=re.I,
    )
    what = re.sub(r"\s+(?:column|field|attribute)s?\b", "", what, flags=re.I)
    if re.search(r"\b(?:constraint|rule|check|unique key)\b", what, re.I):
        return _constraint(ground, table, found["what"], tail)
    text = what + (f" {tail}" if tail.startswith("§") else f", {tail.lstrip(', ')}" if tail else "")
    ground.subject = table.name
    return has_items(ground, table, text)


def _constraint(ground: Ground, table: Table, what: str, tail: str) -> bool:
    if not re.search(r"\bunique\b", what, re.I):
        return False
    nouns = [read_noun(one) for one in split_list(tail or what.split(" on ")[-1], ground.shelter)]
    columns = [ground.find_column(table, one.words, fuzzy=True) for one in nouns if one]
    if not columns or None in columns:
        return False
    table.add_unique(tuple(one.name for one in columns if one))
    return True


def _give(ground: Ground, wish: str) -> bool:
    found = _GIVE.match(wish)
    if found is None:
        return False
    words = found["rest"].split()
    for size in range(1, min(5, len(words))):
        table = _table(ground, " ".join(words[:size]))
        following = words[size].lower() if size < len(words) else ""
        if table is not None and (
            following in ("a", "an", "the", "one", "several", "many", "optional", "required", "unique") or size >= 2
        ):
            ground.subject = table.name
            return has_items(ground, table, " ".join(words[size:]))
    return False


def _rename(ground: Ground, wish: str) -> bool:
    found = _RENAME.match(wish)
    if found is None:
        return False
    old = found["x"] or found["x2"] or found["x3"]
    noun = read_noun(ground.shelter.without_details(found["y"] or found["y2"] or found["y3"]))
    if noun is None:
        return False
    old = ground.shelter.without_details(old)
    said_column = bool(re.search(r"\bcolumn\b|\.", old))
    table = None if said_column or re.search(r"\s(?:of|in|on)\s|['’]s?\s", old) else _exact_table(ground, old)
    place = None if table is not None else ground.place(re.sub(r"^column\s+", "", old))
    raw = re.sub(
        r"[\"\s]+", "_", ground.shelter.without_details(found["y"] or found["y2"] or found["y3"]).strip().lower()
    )
    if table is None and place is None:
        table = _table(ground, old)
    if place is not None:
        holder, column = place
        name = re.sub(r"^(?:the|an?)_", "", raw)
        if name in holder.columns:
            ground.warn(f"{holder.name} has a column {name} already")
            return False
        _rename_column(ground, holder, column, name)
        return True
    if table is None:
        return False
    name = re.sub(r"^(?:the|an?)_|_table$", "", raw)
    if name in ground.draft.tables:
        ground.warn(f"there is a table {name} already")
        return False
    _rename_table(ground, table, name)
    return True


def _exact_table(ground: Ground, text: str) -> Table | None:
    text = re.sub(r"^(?:the\s+)?table\s+|\s+table$", "", text.strip(), flags=re.I)
    noun = read_noun(text)
    return ground.draft.tables.get(text.lower()) or (ground.find_table(noun) if noun else None)


def _rename_column(ground: Ground, table: Table, column: Column, name: str) -> None:
    old = column.name
    table.columns = {name if key == old else key: value for key, value in table.columns.items()}
    column.name = name
    ground.last = (table.name, name)


def _rename_table(ground: Ground, table: Table, name: str) -> None:
    old = table.name
    ground.draft.tables = {name if key == old else key: value for key, value in ground.draft.tables.items()}
    table.name = name
    noun = read_noun(name.replace("_", " "))
    table.noun = noun.words if noun else (name,)
    for each in ground.draft.tables.values():
        for rule in each.rules:
            if rule.target == old:
                rule.target = name


def _type(ground: Ground, wish: str) -> bool:
    if found := _DECIMALS.match(wish):
        place = ground.place(found["c"])
        if place is None:
            return False
        digits = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}.get(found["n"].lower()) or int(found["n"])
        place[1].type, place[1].type_said = f"numeric({10 + digits},{digits})", True
        return True
    found = _TYPE.match(wish)
    if found is None:
        return False
    place = ground.place(found["c"] or found["c2"])
    if place is None:
        return False
    ground.last = (place[0].name, place[1].name)
    _, column = place
    column.type, column.type_said = TYPE_WORDS[found["type"].lower()], True
    column.definition = column.type
    return True


def _make(ground: Ground, wish: str) -> bool:
    found = _MAKE.match(wish)
    if found is None:
        return False
    parts = re.split(r"\s+and\s+(?=(?:required|optional|unique|mandatory)\b)", found["what"])
    place = ground.place(ground.shelter.bare(found["c"]))
    if place is None:
        return False
    table, column = place
    done = False
    for part in parts:
        if re.match(r"(?:not null|non-?null|required|mandatory|compulsory)", part, re.I):
            column.required = True
            value = re.search(
                r"\b(?:with|using|use|fill(?:ing)?|set(?:ting)?|default(?:s|ing)?(?: to)?|give)\b.*?\b(?:rows|ones|"
                r"records|default|to|with|get|values?|as)\s+(?:the\s+(?:value|default)\s+)?(?P<v>§\d+§|[\w.-]+)(?:\s+"
                r"for\s.*|\s+where\s.*)?$",
                part,
                re.I,
            )
            if value:
                from postai.design.attributes import default_expression

                text = ground.shelter.without_details(value["v"])
                column.fill = default_expression(text, Attribute(Noun((column.name,)), (column.name,), column.type))
                if re.search(r"\bdefault", part, re.I) and not re.search(r"existing", part, re.I):
                    column.default = column.fill
            done = True
        elif re.match(r"(?:optional|nullable|not required)", part, re.I):
            column.required = False
            done = True
        else:
            done = say(ground, table, column, part, negated=False) or done
    return done


def _default(ground: Ground, wish: str) -> bool:
    from postai.design.rules import default_of

    if found := re.match(
        r"^(?:use|fill in|put|set)\s+(?P<v>§\d+§|[\w.-]+)\s+(?:for|in|on)\s+(?:the\s+|all\s+)?(?:existing|old|"
        r"current|present|other)\b",
        wish,
        re.I,
    ):
        from postai.design.attributes import default_expression

        table = ground.draft.tables.get(ground.last[0])
        column = table.columns.get(ground.last[1]) if table else None
        if column is None:
            return False
        text = ground.shelter.without_details(found["v"])
        column.fill = default_expression(text, Attribute(Noun((column.name,)), (column.name,), column.type))
        return column.fill is not None
    found = _DEFAULT.match(wish)
    if found is None:
        return False
    place = next(filter(None, (found[one] for one in ("c", "c2", "c3", "c4"))))
    value = next(filter(None, (found[one] for one in ("v", "v2", "v3", "v4"))))
    return default_of(ground, place, value)


def _also(ground: Ground, wish: str) -> bool:
    if found := _NOT_ALLOWED.match(wish):
        place = _enumerated(ground, found["c"] or found["c2"])
        value = ground.shelter.without_details(found["v"] or found["v2"]).lower()
        if place is None:
            return False
        table, column, values = place
        if value not in [one.lower() for one in values]:
            return False
        ground.enumerate(table, column, tuple(one for one in values if one.lower() != value))
        return True
    found = _ALSO.match(wish)
    if found is None:
        return False
    text = next(filter(None, (found[one] for one in ("c", "c2", "c3", "c4"))))
    new = values_of(ground.shelter.open(next(filter(None, (found[one] for one in ("v", "v2", "v3", "v4"))))))
    place = _enumerated(ground, text)
    if place is None or not new or any(len(one.split()) > 3 for one in new):
        return False
    table, column, values = place
    ground.enumerate(table, column, tuple(dict.fromkeys((*values, *new))))
    return True


def _enumerated(ground: Ground, text: str) -> tuple[Table, Column, tuple[str, ...]] | None:
    """The column with listed values that a phrase names; a table may stand for its only one."""
    text = re.sub(
        r"\s+values?(?=$|\s+(?:of|for|in)\b)|^values?\s+(?:of|for)\s+|\s+options?(?=$|\s+of\b)", "", text, flags=re.I
    )
    noun = read_noun(text)
    table = ground.find_table(noun) if noun else None
    if table is not None:
        lists = [one for one in table.rules if one.values]
        return (table, table.columns[lists[0].columns[0]], lists[0].values) if len(lists) == 1 else None
    place = ground.place(text)
    if place is None and noun is not None:
        lists_of = [
            (one, one.columns[rule.columns[0]])
            for one in ground.draft.tables.values()
            for rule in one.rules
            if rule.values and noun.head in rule.columns[0].split("_")
        ]
        place = lists_of[0] if len(lists_of) == 1 else None
    if place is None:
        return None
    values = next((one.values for one in place[0].rules if one.values and one.columns == (place[1].name,)), ())
    return (*place, values) if values else None


# Tables -----------------------------------------------------------------------------------------------------------


def _new_table(ground: Ground, wish: str) -> bool:
    found = _ADD_TABLE.match(wish)
    if found is None:
        plain = re.match(
            r"^(?:add|create|introduce)\s+(?P<t>[\w ]+?)(?P<rest>\s*(?:§|\bwith\b|\bhaving\b).*)?$", wish, re.I
        )
        noun = read_noun(plain["t"]) if plain else None
        if (
            plain is None
            or noun is None
            or not noun.plural
            or ground.find_table(noun) is not None
            or re.search(r"\s(?:to|on|of|in|for)\s", plain["t"])
        ):
            return False
        found = plain
    noun = read_noun(found["t"])
    if noun is None or ground.find_table(noun) is not None:
        return False
    table = ground.thing(noun)
    ground.subject = table.name
    rest = re.sub(
        r"^\s*(?:with|having|containing|:|,|that has|which has|that have)\s*", "", found["rest"] or "", flags=re.I
    )
    details = ground.shelter.raw_marks(rest) if rest.strip().startswith("§") else []
    for detail in details:
        has_items(ground, table, detail)
    rest = re.sub(r"^\s*§\d+§\s*", "", rest)
    if not rest.strip():
        return True
    if match := re.match(r"^(?:where|that|which|so that|to)\s+(?P<s>.+)$", rest, re.I):
        read_sentence(ground, match["s"], [])
        return True
    linked = re.split(
        r"\s*,?\s+(?:and\s+)?(?:linked to|belonging to|referring to|that belongs? to|which belongs? to|for)\s+",
        rest,
        maxsplit=1,
    )
    has_items(ground, table, linked[0])
    for other in linked[1:]:
        read_sentence(ground, f"each {' '.join(table.noun)} belongs to {other}", [])
    return True


def _remove(ground: Ground, wish: str) -> bool:
    found = _REMOVE.match(wish) or _NO_LONGER.match(wish) or _NOT_NEEDED.match(wish)
    if found is None:
        return False
    groups = found.groupdict()
    what, of = groups["what"], groups.get("t")
    if re.search(r"\bto be\b", what):
        return False
    table = _table(ground, of) if of else None
    if special := re.match(
        r"^(?:the\s+)?(?P<kind>unique(?:ness)?(?: constraint| rule| key)?|default(?: value)?|not[- ]null(?: "
        r"constraint)?|check(?: constraint)?|index(?:es)?|foreign key)\b\s*(?:of|on|for|from)?\s*(?P<c>.*)$",
        what,
        re.I,
    ):
        return _remove_part(ground, table, special["kind"].lower(), special["c"] or "", of or "")
    if of is None:
        text = re.sub(r"^(?:the\s+|table\s+|all\s+)+|\s+table$", "", what, flags=re.I)
        exact = _exact_table(ground, text)
        if exact is not None and not re.search(r"\bcolumn\b", what):
            _drop_table(ground, exact)
            return True
        places = [
            ground.place(one) for one in split_list(re.sub(r"\b(?:column|field)s?\b\s*", "", what), ground.shelter)
        ]
    elif table is None:
        return False
    else:
        places = []
        for item in split_list(re.sub(r"\b(?:column|field)s?\b\s*", "", what), ground.shelter):
            noun = read_noun(item)
            column = ground.find_column(table, noun.words, fuzzy=True) if noun else None
            places.append((table, column) if column else None)
    if not places or None in places:
        return False
    for place in places:
        if place is not None:
            _drop_column(ground, *place)
    return True


def _remove_part(ground: Ground, table: Table | None, kind: str, column_text: str, of: str) -> bool:
    place = ground.place(f"{column_text} of {of}" if column_text and of else column_text or of)
    if place is None:
        return False
    table, column = place
    if kind.startswith("default"):
        column.default = None
    elif kind.startswith("not"):
        column.required = False
    elif kind.startswith("index"):
        table.indexes = [one for one in table.indexes if one.columns[:1] != (column.name,)]
    else:
        wanted = "unique" if kind.startswith("unique") else "check" if kind.startswith("check") else "foreign"
        table.rules = [one for one in table.rules if not (one.kind == wanted and column.name in one.columns)]
    return True


def _drop_column(ground: Ground, table: Table, column: Column) -> None:
    table.columns.pop(column.name)
    table.rules = [one for one in table.rules if column.name not in one.columns]
    table.indexes = [one for one in table.indexes if column.name not in one.columns]
    for other in ground.draft.tables.values():
        other.rules = [
            one
            for one in other.rules
            if not (one.kind == "foreign" and one.target == table.name and column.name in one.target_columns)
        ]


def _drop_table(ground: Ground, table: Table) -> None:
    del ground.draft.tables[table.name]
    for other in ground.draft.tables.values():
        kept = [one for one in other.rules if one.target != table.name]
        if len(kept) != len(other.rules):
            ground.warn(f"{other.name} keeps its values that referred to {table.name}, without their foreign key")
        other.rules = kept


# Data that moves --------------------------------------------------------------------------------------------------


def _move(ground: Ground, wish: str) -> bool:
    found = _MOVE.match(wish)
    table = _table(ground, found["t"]) if found else None
    if found is None or table is None:
        return False
    marks = ground.shelter.raw_marks(found["cols"])
    listed = marks[0] if marks else found["cols"]
    nouns = [read_noun(one) for one in split_list(listed, ground.shelter)]
    columns = [ground.find_column(table, one.words, fuzzy=True) for one in nouns if one]
    if not columns or None in columns:
        return False
    moved = [one for one in columns if one is not None]
    name = re.sub(
        r"^(?:separate|own|new|the|a|different)\s+|\b(?:table|entity)\b|\b(?:called|named)\b|§\d+§",
        "",
        re.sub(r"^(?:separate|own|new)\s+(?:new\s+)?", "", found["name"].strip(), flags=re.I),
        flags=re.I,
    ).strip(" ,")
    name = re.sub(r"\s*,.*$|\s+(?:with|so that|and|that|linked)\b.*$", "", name).strip()
    noun = read_noun(name) if name else read_noun(ground.shelter.bare(found["cols"])) if marks else nouns[0]
    if noun is None or len(table.key) != 1:
        return False
    if len(moved) == 1 and (not name or noun.words[-1] in moved[0].name.split("_") or noun.plural):
        return _lookup_table(ground, table, moved[0], noun)
    return _part_table(ground, table, moved, noun)


def _lookup_table(ground: Ground, table: Table, column: Column, noun: Noun) -> bool:
    """The distinct values of a column become rows of a table that the column's rows refer to."""
    if ground.find_table(noun) is not None:
        return False
    other = ground.make_table(noun)
    other.columns["name"] = Column("name", column.type)
    other.add_unique(("name",))
    required = column.required
    rule = refer(table, other, required=required)
    key = table.columns[rule.columns[0]]
    key.required = False
    one, two, old, new = reference(table), reference(other), quote_ident(column.name), quote_ident(key.name)
    ground.moves += [
        (f"INSERT INTO {two} (name) SELECT DISTINCT {old} FROM {one} WHERE {old} IS NOT NULL", ()),  # noqa: S608
        (f"UPDATE {one} SET {new} = other.id FROM {two} AS other WHERE other.name = {one}.{old}", (f"UPDATE {one} SET {old} = other.name FROM {two} AS other WHERE other.id = {one}.{new}",)),  # noqa: E501, S608
    ]  # fmt: skip
    if required:
        ground.moves.append((f"ALTER TABLE {one} ALTER COLUMN {new} SET NOT NULL", ()))
    ground.moved.add((table.name, column.name))
    _drop_column(ground, table, column)
    return True


def _part_table(ground: Ground, table: Table, columns: list[Column], noun: Noun) -> bool:
    """Columns become a table of their own with one row for each row that was there."""
    if ground.find_table(noun) is not None:
        return False
    other = ground.make_table(noun)
    rule = refer(other, table, required=True)
    other.add_unique(rule.columns)
    for column in columns:
        name = column.name.removeprefix(f"{noun.head}_") or column.name
        other.columns[name] = Column(name, column.type, column.required, column.default, type_said=True)
    new = [column.name.removeprefix(f"{noun.head}_") or column.name for column in columns]
    one, two = reference(table), reference(other)
    old_names = ", ".join(quote_ident(each.name) for each in columns)
    key = quote_ident(table.key[0])
    filled = " OR ".join(f"{quote_ident(each.name)} IS NOT NULL" for each in columns)
    where = "" if any(each.required for each in columns) else f" WHERE {filled}"
    back = ", ".join(
        f"{quote_ident(each.name)} = part.{quote_ident(name)}" for each, name in zip(columns, new, strict=True)
    )
    ground.moves.append(
        (
            f"INSERT INTO {two} ({quote_ident(rule.columns[0])}, {', '.join(map(quote_ident, new))}) SELECT {key}, "  # noqa: S608
            f"{old_names} FROM {one}{where}",
            (f"UPDATE {one} SET {back} FROM {two} AS part WHERE part.{quote_ident(rule.columns[0])} = {one}.{key}",),  # noqa: S608
        )
    )
    for column in columns:
        ground.moved.add((table.name, column.name))
        _drop_column(ground, table, column)
    return True


# Indexes and keys -------------------------------------------------------------------------------------------------


def _index(ground: Ground, wish: str) -> bool:
    found = _ADD_INDEX.match(wish)
    if found is None:
        return False
    what = found["what"]
    table, items = None, []
    if match := re.match(r"^(?P<t>[\w. ]+?)\s*§\d+§$", what):
        table, items = _table(ground, match["t"]), split_list(ground.shelter.raw_marks(what)[0], ground.shelter)
    elif match := re.match(rf"^(?P<c>.+?)\s+(?:of|in|on|from)\s+(?P<t>{_TABLE})$", what, re.I):
        table, items = _table(ground, match["t"]), split_list(match["c"], ground.shelter)
    else:
        place = ground.place(what)
        table, items = (place[0], [place[1].name]) if place else (None, [])
    if table is None:
        return False
    names = []
    for item in items:
        noun = read_noun(item)
        name = (
            (
                ground.key_or_column(table, noun)
                or ((column := ground.find_column(table, noun.words, fuzzy=True)) and column.name)
            )
            if noun
            else None
        )
        if not name:
            return False
        names.append(name)
    if found["unique"]:
        table.add_unique(tuple(names))
    else:
        ground.index(table, tuple(names), "asked for")
    return True


def _foreign(ground: Ground, wish: str) -> bool:
    found = _FK.match(wish)
    if found is None:
        return False
    a = found["a"] or found["a2"] or found["a3"]
    b = (found["b"] or found["b2"] or found["b3"]).split(".")[0]
    target = _table(ground, b)
    if target is None or not target.key:
        return False
    place = ground.place(a) if "." in a or " " in a.strip() else None
    if place is not None:
        holder, column = place
        if not any(one.kind == "foreign" and one.columns == (column.name,) for one in holder.rules):
            holder.rules.append(Rule("foreign", (column.name,), target=target.name, target_columns=target.key[:1]))
        return True
    table = _exact_table(ground, a) if found["a2"] is None else None
    if table is None:
        return False
    refer(table, target, required=False)
    return True
