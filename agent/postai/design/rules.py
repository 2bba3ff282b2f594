"""Sentences that are rules: uniqueness, ranges, defaults, deletion, comparisons of columns, what is looked up by what."""  # noqa: E501

from __future__ import annotations

import re

from postai.design.attributes import Attribute, apply_details, default_expression, read_attribute, split_list
from postai.design.draft import Column, Rule, Table
from postai.design.ground import Ground
from postai.design.kinds import kind_of
from postai.design.nouns import Noun, read_noun
from postai.design.relations import MANY_MANY, Relation, junction
from postai.design.sentences import Clause
from postai.design.shelter import values_of

_A = r"(?:an?|the|each|every|any|all|one)"
_STORE = (
    r"(?:we|i|you|the system|it|they)?\s*(?:also|must|need to|want to|should|have to|would like to|will)?\s*"
    r"(?:store|keep|record|track|save|know|remember|note|register|log|hold|there (?:is|are)|have|needs?)"
)
_FOR_EACH = re.compile(
    rf"^(?:for|per)\s+{_A}\s+(?P<a>[\w-]+(?:\s[\w-]+)??)(?:\s+(?:in|and|of|at|on|per|for|from|with)\s+(?:each |"
    rf"every |an? |the |per |one )?(?P<b>[\w-]+(?:\s[\w-]+)??))?\s*,?\s*{_STORE}\s+(?:track of\s+)?(?P<list>.+)$",
    re.I,
)
_WITH_EACH = re.compile(
    rf"^(?P<list>.+?)\s+(?:is|are)\s+(?:stored|kept|recorded|tracked|saved|noted)\s+(?:for|per)\s+(?:{_A}\s+"
    rf")?(?P<a>\w+)(?:\s+(?:and|in|per|on)\s+(?:{_A}\s+)?(?P<b>\w+))?$",
    re.I,
)
_DELETED = re.compile(
    rf"^(?:when(?:ever)?|if|once|after|as soon as)\s+(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?:is|are|gets?|has been|have "
    rf"been)\s+(?:deleted|removed|erased),?\s*(?:then\s+)?(?P<rest>.+)$",
    re.I,
)
_DELETING = re.compile(
    rf"^(?:deleting|removing)\s+(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?P<not>(?:must not|should not|does not|may not|"
    rf"cannot|never)\s+)?(?:also\s+|should\s+|must\s+|will\s+)*(?:deletes?|removes?|affects?)\s+(?:also\s+|all\s+"
    rf")?(?P<b>[\w ,]+?)(?:\s+(?:too|as well))?$",
    re.I,
)
_DELETED_WITH = re.compile(
    r"^(?P<b>[\w ]+?)\s+(?:is|are|must be|should be|gets?|get|will be)\s+(?:also\s+|automatically\s+)?(?:deleted|"
    r"removed)\s+(?:together\s+|along\s+|automatically\s+)?(?:with|when|if|once)\s+(?P<a>(?:their|its|the|an?|his)\s+"
    r"[\w ]+?)(?:\s+(?:is|are|gets?)(?:\s+(?:deleted|removed))?)?$",
    re.I,
)
_NOT_DELETED = re.compile(
    rf"^(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?:cannot|can not|must not|may not|should not|can never)\s+be\s+(?:deleted|"
    rf"removed)\s+(?:while|if|as long as|when|until|unless)\s+(?P<rest>.+)$",
    re.I,
)
_LOOKUP = re.compile(
    r"(?:look(?:ed|s)?\s+(?:them\s+|it\s+)?up|search(?:ed|es)?(?:\s+for)?|find|found|filter(?:ed)?|quer(?:y|ied)|"
    r"list(?:ed)?|sort(?:ed)?|fetch(?:ed)?|retrieved?|access(?:ed)?|selected|display(?:ed)?|show(?:n)?|ask for|"
    r"browsed?|ordered)\b",
    re.I,
)
_BY = re.compile(
    rf"^(?:(?:we|users|people|customers|staff|they|i|you|employees|it)\s+)?(?P<x>[\w ]*?)\s*\b(?:is|are|will be|"
    rf"must be|should be|can be)?\s*(?:\w+\s+){{0,2}}?{_LOOKUP.pattern}\s*(?P<y>[\w ]*?)\s+by\s+(?:their\s+|its\s+|"
    rf"the\s+|an?\s+)?(?P<by>.+)$",
    re.I,
)
_NEWEST = re.compile(
    r"\b(?P<order>newest|latest|most recent|recent|last|oldest|earliest)\s+(?P<x>[\w ]+?)\s+(?:of|for|by|from)\s+"
    r"(?P<y>(?:one|an?|each|every|the|some|single|given)\s+[\w ]+)$",
    re.I,
)
_NO_TWO = re.compile(
    r"^no two\s+(?P<x>[\w ]+?)\s+(?:can |may |must |should )?(?:share|have|use|get|carry|hold)\s+(?:the same\s+|"
    r"an?\s+|one\s+|equal\s+)?(?P<c>[\w ]+?)(?:\s+(?:in|within|on|at|of|for|per)\s+(?P<scope>(?:the same|one|an?|"
    r"each|every|the|any)\s+[\w ]+))?$",
    re.I,
)
_TWO_SAME = re.compile(
    r"^two\s+(?P<x>[\w ]+?)\s+(?:of|in|on|at|from|for)\s+(?P<scope>the same\s+[\w ]+?)\s+(?:cannot|must not|may "
    r"not|can never|must never|should not)\s+(?:have|share|use|get)\s+(?:the same\s+|an?\s+|one\s+)?(?P<c>[\w ]+)$",
    re.I,
)
_ONCE_PER = re.compile(
    rf"^(?P<a>(?:{_A}\s+)?\w+)\s+(?:can|may|must)\s+(?:only\s+)?be\s+\w+\s+(?:only\s+|at most\s+)?once\s+(?:per|"
    rf"for each|in each|for every|for the same|in the same)\s+(?P<b>\w+)$",
    re.I,
)
_NOT_SELF = re.compile(
    rf"^(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?:cannot|can not|can never|must not|may not|never)\s+(?:ever\s+)?\w+(?:\s+"
    rf"(?:against|with|to|from|by))?\s+(?:itself|themselves|himself|themself|herself)$",
    re.I,
)
_WHICH = re.compile(
    r"^(?:we\s+|also\s+)*(?:want to\s+|need to\s+|must\s+)?(?:track|record|store|know|keep track of|remember|log|"
    r"save)\s+(?:of\s+)?which\s+(?P<a>\w+)\s+(?P<verb>\w+)\s+which\s+(?P<b>\w+)$",
    re.I,
)
_ONLY_ONE = re.compile(
    rf"^(?:there\s+(?:is|are|can be|may be|must be|should be)\s+)?(?:at most|only|exactly|just|no more than)\s+one\s+"
    rf"(?P<x>[\w ]+?)\s+(?:per|for each|for every|for)\s+(?P<a>(?:{_A}\s+)?\w+(?: \w+)??)(?:\s+(?:and|in|per|in "
    rf"each|for each)\s+(?:per\s+|each\s+|every\s+|the\s+)?(?P<b>[\w ]+))?$",
    re.I,
)
_COMBINATION = re.compile(
    r"^(?:the )?combinations?\s+of\s+(?P<list>.+?)\s+(?:must be|is|are|has to be|should be|have to be)\s+unique(?:\s+"
    r"(?:in|for|within|on)\s+(?P<t>[\w ]+))?$",
    re.I,
)
_AFTER = re.compile(
    r"^(?P<left>.+?)\s+(?:must|has to|have to|should|can|may|will|cannot|is|are|comes?|lies?|be|always|never|only|"
    r"not|\s)*\s*(?P<op>(?:later|earlier|greater|less|larger|smaller|higher|lower|more|bigger|cheaper|fewer)(?:\s+"
    r"than)(?:\s+or (?:equal to|the same as|equal))?|after|before|exceeds?|on or after|on or before|at least|at "
    r"most)\s+(?P<right>(?!zero\b|\d)(?:the|its|their|an?)?\s*[a-z][\w ]*)$",
    re.I,
)
_ENDS = re.compile(
    r"^(?:(?P<t>(?:an?|the|each|every)\s+[\w ]+?|[\w ]+?s|it|they)\s+)?(?:must\s+|has to\s+|have to\s+|always\s+|"
    r"should\s+|can only\s+|cannot\s+|never\s+|not\s+|may\s+|can\s+)*(?P<end>ends?|finish(?:es)?|close[sd]?|"
    r"expires?|stops?)\s+(?P<op>after|before|later than)\s+(?:it|they|the \w+)\s+(?P<start>starts?|begins?|opens?|"
    r"has started|have started|is started)$",
    re.I,
)
_OVERLAP = re.compile(
    r"^(?:two\s+|no two\s+)?(?P<x>[\w ]+?)\s+(?:of|for|in|on|at)\s+(?:the same|one|an?|each|the)\s+(?P<scope>[\w ]+?"
    r")\s+(?:cannot|must not|may not|can not|never|should not|must never|do not|may|can|are not allowed to|not)\s*"
    r"(?:ever\s+)?overlap(?: in time)?$|^(?:the same |an? )?(?P<scope2>[\w ]+?)\s+(?:cannot|must not|may not|can "
    r"not|can never)\s+(?:be\s+)?(?:double[- ]?booked|have overlapping (?P<x2>[\w ]+)|be (?:booked|reserved|"
    r"rented) twice (?:at the same time|for overlapping \w+))$",
    re.I,
)
_NEW = re.compile(
    r"^(?:an?\s+|every\s+|all\s+|each\s+)?new\s+(?P<t>[\w ]+?)\s+(?:is|are|starts?|begins?|gets?|has|have|should "
    r"be|must be|will be|becomes?)\s+(?:(?:out\s+)?as\s+|in\s+|always\s+|initially\s+|set to\s+|marked\s+(?:as\s+"
    r")?|the\s+(?:status|state)\s+|status\s+)*(?P<v>not\s+\w+|[\w§-]+(?:\s[\w-]+)?)(?P<tail>\s+(?:unless|by "
    r"default|until|when|at first|initially|status|state).*)?$",
    re.I,
)
_WHEN_CREATED = re.compile(
    rf"^(?P<t>(?:{_A}\s+)?[\w ]+?)\s+(?:is|are|starts?|begins?)\s+(?:out\s+)?(?:as\s+|in\s+)?(?P<v>not\s+\w+|"
    rf"[\w§-]+(?:\s[\w-]+)?)\s+(?:when (?:it is |they are )?(?:created|new|added|placed|first created)|by default|"
    rf"at first|initially|unless (?:stated|said|specified|noted) otherwise|at creation|to begin with)$",
    re.I,
)
_STARTS = re.compile(
    rf"^(?P<t>(?:{_A}\s+)?[\w ]+?)\s+(?:starts?|begins?)\s+(?:out\s+)?(?:as|at|with|in)\s+(?P<v>[\w§-]+)$", re.I
)
_DEFAULTS = re.compile(
    r"^(?:(?:the\s+)?default\s+(?:value\s+)?(?:for|of)?\s*(?P<c>.+?)\s+(?:is|should be|must be|shall be|becomes)\s+"
    r"|(?P<c2>.+?)\s+(?:should\s+|must\s+|shall\s+)?defaults?\s+to\s+)(?P<v>.+)$",
    re.I,
)
_ONCE = re.compile(
    rf"^(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?:can|may|must|is allowed to|can be|should)\s+(?:only\s+)?(?P<verb>.+?)\s+"
    rf"(?P<b>(?:an?|the same|one|the|each|every)\s+[\w ]+?)\s+(?:(?:only|at most|just)\s+once|no more than once|"
    rf"once(?: only)?)$",
    re.I,
)
_AGAIN = re.compile(
    rf"^(?P<a>(?:{_A}\s+|the same\s+)?[\w ]+?)\s+(?:can|may)\s+(?P<verb>.+?)\s+(?P<b>(?:an?|the same|one|the)\s+"
    rf"[\w ]+?)\s+(?:more than once|several times|many times|multiple times|repeatedly|again)$",
    re.I,
)


def read_rule(ground: Ground, text: str) -> bool:
    """Read a sentence that is a rule; False where it is none of those known here."""
    for rule in (_for_each, _deletion, _unique_rule, _lookup, _overlap, _compare, _defaults, _times):
        if rule(ground, text):
            return True
    return False


_AT_EACH = re.compile(
    r"^(?:at|in|during|on)\s+(?:each|every)\s+(?P<a>\w+)\s*,?\s*(?:the\s+|all\s+)?(?P<who>\w+s)\s+(?P<verb>\w+)\s+"
    r"(?P<n>one|an?|several|many|multiple)\s+(?P<b>\w+)$",
    re.I,
)


def _thing(ground: Ground, text: str) -> Table | None:
    noun = read_noun(text)
    if noun is None:
        return None
    found = ground.find_table(noun, fuzzy=ground.existing)
    return found or (ground.thing(noun) if ground.is_thing(noun) or ground.alias(noun) else None)


def _for_each(ground: Ground, text: str) -> bool:
    from postai.design.reading import has_items

    if found := _AT_EACH.match(text):
        one, other = _thing(ground, found["a"]), _thing(ground, found["b"])
        if one is None or other is None:
            return False
        ground.relations.append(
            Relation(one.name, other.name, many=found["n"].lower() in ("several", "many", "multiple"), shared=True)
        )
        return True
    found = _FOR_EACH.match(text) or _WITH_EACH.match(text)
    if found is None:
        return False
    a, b = _thing(ground, found["a"]), _thing(ground, found["b"]) if found["b"] else None
    if a is None and found["b"] is None:
        return False
    if found["b"] and (a is None or b is None):
        a = a or (None if ground.existing else ground.thing(noun) if (noun := read_noun(found["a"])) else None)
        b = b or (None if ground.existing else ground.thing(noun) if (noun := read_noun(found["b"])) else None)
        if a is None or b is None:
            return False
    assert a is not None
    if b is not None and b is not a:
        table = junction(ground.draft, a, b, Relation(a.name, b.name, many=True), ground.pairing)
        table.schema = a.schema
    else:
        table = a
    ground.subject = table.name
    has_items(ground, table, found["list"])
    return True


# Deletion ---------------------------------------------------------------------------------------------------------


def _deletion(ground: Ground, text: str) -> bool:
    if found := _DELETED.match(text):
        return _on_delete(ground, found["a"], found["rest"])
    if found := _DELETING.match(text):
        return _delete(ground, found["a"], found["b"], "NO ACTION" if found["not"] else "CASCADE", text)
    if found := _DELETED_WITH.match(text):
        return _delete(ground, found["a"], found["b"], "CASCADE", text)
    if found := re.match(
        rf"^(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?:that|which|who)\s+(?:appears?|occurs?|is|are|has|have)\s+(?:still\s+)?(?:used\s+|referenced\s+|referred to\s+)?(?:in\s+|by\s+)?(?P<b>[\w ]+?)\s+(?:must not|cannot|can not|may not|must never)\s+be\s+(?:deleted|removed)$",  # noqa: E501
        text,
        re.I,
    ):
        return _delete(ground, found["a"], found["b"], "RESTRICT", text)
    if found := _NOT_DELETED.match(text):
        rest = re.sub(
            r"^(?:it|they|there|he|she)\s+(?:still\s+)?(?:has|have|is|are|owns?)\s+(?:still\s+)?(?:any\s+|some\s+|"
            r"still\s+)?|\s+(?:belong|refer|exist|are|is|use)\b.*$",
            "",
            found["rest"],
            flags=re.I,
        )
        return _delete(ground, found["a"], rest, "RESTRICT", text)
    return False


def _on_delete(ground: Ground, a: str, rest: str) -> bool:
    low = rest.lower()
    noun = re.sub(
        r"\b(?:all|also|its|their|his|her|of|the|must|should|will|are|is|be|get|gets|stay|stays|remain|remains|"
        r"keep|lose|but)\b.*$",
        "",
        re.sub(
            r"^(?:all\s+(?:of\s+)?|also\s+|its\s+|their\s+|the\s+|his\s+|her\s+|any\s+|we\s+(?:keep|want to keep|"
            r"delete)\s+)+",
            "",
            rest,
            flags=re.I,
        ),
        flags=re.I,
    )
    if re.search(
        r"\b(?:kept|stay|stays|remain|remains|keep|set to null|empty|without|lose|loses|unassigned|not deleted|"
        r"survive)\b",
        low,
    ):
        action = "SET NULL"
    elif re.search(r"\b(?:deleted|removed|go|disappear|too|as well|delete|vanish)\b", low):
        action = "CASCADE"
    elif re.search(r"\b(?:refused|prevented|not allowed|rejected|forbidden|blocked)\b", low):
        action = "RESTRICT"
    else:
        return False
    return _delete(ground, a, noun or rest, action, f"when {a} is deleted, {rest}")


def _delete(ground: Ground, a: str, b: str, action: str, text: str) -> bool:
    parent_noun = read_noun(a)
    if parent_noun is None or not (
        ground.is_thing(parent_noun) or ground.find_table(parent_noun, fuzzy=ground.existing)
    ):
        return False

    def say() -> bool:
        parent = _thing(ground, a)
        done = False
        for part in re.split(r"\s*,\s*|\s+and\s+", b):
            noun = read_noun(part)
            child = _thing(ground, part) if noun else None
            children = [child] if child else []
            if (
                noun
                and parent
                and child is None
                and noun.head in ("it", "them", "child", "everything", "row", "record", "data")
            ):
                children = [one for one in ground.draft.tables.values() if one.keys_to(parent.name)]
            for each in children:
                keys = each.keys_to(parent.name) if parent and each else []
                if not keys and parent:
                    keys = [
                        two
                        for one in ground.draft.tables.values()
                        if one.pair and {parent.name, each.name} <= set(one.pair)
                        for two in one.keys_to(parent.name)
                    ]
                for key in keys:
                    _act_on_delete(ground, key, action, each)
                    done = True
        return done

    ground.defer(say, text)
    return True


def _act_on_delete(ground: Ground, key: Rule, action: str, table: Table) -> None:
    if key.on_delete == action:
        return
    if key.name is not None:
        table.rules.remove(key)
        key = Rule("foreign", key.columns, target=key.target, target_columns=key.target_columns, replaces=key.name)
        table.rules.append(key)
    key.on_delete = action
    column = table.columns.get(key.columns[0])
    if action == "SET NULL" and column is not None and column.required:
        if set(key.columns) <= set(table.key):
            key.on_delete = ""
            ground.warn(
                f"{table.name}.{column.name} is part of the key and cannot be emptied when the row it refers to is "
                f"deleted"
            )
            return
        column.required = False
        ground.note(
            f"{table.name}.{column.name} may be empty, as the rows are kept when what they refer to is deleted."
        )


# Uniqueness -------------------------------------------------------------------------------------------------------


def _unique_rule(ground: Ground, text: str) -> bool:
    if found := _WHICH.match(text):
        from postai.design.sentences import lemma_of

        a, b = _thing(ground, found["a"]), _thing(ground, found["b"])
        if a is None or b is None:
            return False
        ground.relations += [
            Relation(a.name, b.name, many=True, lemma=lemma_of(found["verb"]) or "have"),
            Relation(b.name, a.name, many=True, lemma=lemma_of(found["verb"]) or "have"),
        ][: 1 if lemma_of(found["verb"]) in MANY_MANY else 2]
        return True
    if found := _ONCE_PER.match(text):
        a, b = _thing(ground, found["a"]), _thing(ground, found["b"])
        return a is not None and b is not None and _pair_unique(ground, a, b, text)
    if found := _NOT_SELF.match(text):
        a = _thing(ground, found["a"])
        return a is not None and _not_self(ground, a, text)
    if found := _NO_TWO.match(text) or _TWO_SAME.match(text):
        return _no_two(ground, found["x"], found["c"], found["scope"], text)
    if found := _COMBINATION.match(text):
        parts = [one for one in (read_noun(one) for one in re.split(r"\s*,\s*|\s+and\s+", found["list"])) if one]
        return _unique_over(ground, parts, found["t"] or "", text)
    if found := _ONLY_ONE.match(text):
        x, x_text = read_noun(found["x"]), found["x"]
        scopes = [one for one in (read_noun(found["a"]), read_noun(found["b"]) if found["b"] else None) if one]
        if x is None:
            return False

        def say() -> bool:
            table = _thing(ground, x_text)
            for candidate in [table] if table else ground.draft.tables.values():
                keys = [ground.key_or_column(candidate, one) for one in scopes]
                if None not in keys and (table or ground.find_column(candidate, x.words)):
                    candidate.add_unique(tuple(one for one in keys if one))
                    return True
            return False

        ground.defer(say, text)
        return True
    if found := _ONCE.match(text):
        return _once(ground, found["a"], found["verb"], found["b"], text)
    if found := _AGAIN.match(text):
        a, b = _thing(ground, found["a"]), _thing(ground, found["b"])
        if a and b:
            ground.pairing.repeated.add(frozenset((a.name, b.name)))
            return True
    return False


def _once(ground: Ground, a: str, verb: str, b: str, text: str) -> bool:
    b = re.sub(r"\bsame\b", "", b)
    one = _thing(ground, a)
    other = _thing(ground, b)
    if one is None or other is None:
        return False
    pair = frozenset((one.name, other.name))
    ground.pairing.once.add(pair)
    from postai.design.relations import NOMINALS
    from postai.design.sentences import lemma_of

    words = [lemma_of(word) for word in verb.split()]
    lemma = next((word for word in words if word in NOMINALS), "")
    if lemma and one is not other:
        ground.relations.append(Relation(one.name, other.name, many=True, lemma=lemma))

    return _pair_unique(ground, one, other, text)


def _pair_unique(ground: Ground, one: Table, other: Table, text: str) -> bool:
    def say() -> bool:
        for table in ground.draft.tables.values():
            if table in (one, other):
                continue
            left, right = table.keys_to(one.name), table.keys_to(other.name)
            if left and right:
                table.add_unique((left[0].columns[0], right[-1].columns[0]))
                return True
        return False

    ground.defer(say, text)
    return True


def _not_self(ground: Ground, thing: Table, text: str) -> bool:
    def say() -> bool:
        for table in ground.draft.tables.values():
            keys = [one.columns[0] for one in table.keys_to(thing.name)]
            if len(keys) == 2:
                table.add_check(tuple(keys), f"{keys[0]} <> {keys[1]}")
                return True
            if len(keys) == 1 and table is thing:
                table.add_check((keys[0],), f"{keys[0]} <> {table.key[0]}")
                return True
        return False

    ground.defer(say, text)
    return True


def _no_two(ground: Ground, x: str, c: str, scope: str | None, text: str) -> bool:
    columns = [one for one in (read_noun(one) for one in re.split(r"\s+and\s+(?:the same\s+)?|\s*,\s*", c)) if one]
    table = _thing(ground, x)
    scope_noun = read_noun(re.sub(r"^the same\s+", "", scope, flags=re.I)) if scope else None
    if table is None or not columns:
        return False
    if scope_noun is None and not ground.existing:
        for one in columns:
            if ground.find_column(table, one.words) is None and not ground.is_thing(one) and len(columns) == 1:
                ground.add(table, Attribute(one, one.words, "text"))

    def say() -> bool:
        candidates = [
            table,
            *(one for one in ground.draft.tables.values() if one is not table and one.keys_to(table.name)),
        ]
        for candidate in candidates:
            names = [ground.key_or_column(candidate, one) for one in ([scope_noun] if scope_noun else []) + columns]
            if None not in names:
                candidate.add_unique(tuple(one for one in names if one))
                return True
        return False

    ground.defer(say, text)
    return True


def _unique_over(ground: Ground, parts: list[Noun], table_text: str, text: str) -> bool:
    def say() -> bool:
        tables = (
            [found]
            if table_text and (found := _thing(ground, table_text))
            else sorted(ground.draft.tables.values(), key=lambda one: one.name != ground.subject)
        )
        for table in tables:
            names = [ground.key_or_column(table, one) for one in parts]
            if None not in names and len(set(names)) == len(parts):
                table.add_unique(tuple(one for one in names if one))
                return True
        return False

    ground.defer(say, text)
    return True


# Indexes ----------------------------------------------------------------------------------------------------------


def _lookup(ground: Ground, text: str) -> bool:
    if (found := _NEWEST.search(text)) and not re.search(r"\b(?:add|keep|remove|store)\b", text, re.I):
        rows, other, order = _thing(ground, found["x"]), _thing(ground, found["y"]), found["order"].lower()
        if rows is None or other is None:
            return False
        holder, target = rows, other

        def newest() -> bool:
            keys = holder.keys_to(target.name)
            times = [one.name for one in holder.columns.values() if one.type.startswith("timestamp")] or [
                one.name for one in holder.columns.values() if one.type == "date"
            ]
            if not keys or not times:
                return False
            ground.index(
                holder,
                (keys[0].columns[0], f"{times[0]} DESC"),
                f"the {order} {holder.name} of one of {target.name}",
            )
            return True

        ground.defer(newest, text)
        return True
    found = _BY.match(text) if _LOOKUP.search(text) else None
    if found is None or re.search(r"\b(?:sorted|ordered)\s+by\s+whom\b", text):
        return False
    table = None
    for part in (found["y"], found["x"]):
        for words in _tails(part):
            noun = read_noun(words)
            if (noun and ground.is_thing(noun)) or (noun and ground.existing and ground.find_table(noun, fuzzy=True)):
                table = _thing(ground, words)
                break
        if table:
            break
    if (
        table is None
        and ground.existing
        and re.search(r"\b(?:it|them|they)\b", text)
        and ground.subject in ground.draft.tables
    ):
        table = ground.draft.tables[ground.subject]
    if table is None:
        return False
    chosen = table
    by = re.sub(
        r"\s+(?:very |quite )?(?:often|frequently|a lot|mostly|all the time|most of the time|regularly|usually|"
        r"first|quickly|fast)$",
        "",
        found["by"],
        flags=re.I,
    )
    together = not re.search(r"\bor\b", by)
    parts = [
        one for one in re.split(r"\s*,\s*(?:and |or )?(?:by )?|\s+(?:and|or)\s+(?:by\s+)?(?:then by\s+)?", by) if one
    ]

    def say() -> bool:
        names = []
        for part in parts:
            noun = read_noun(re.sub(r"^(?:their|its|the|an?)\s+", "", part))
            name = ground.key_or_column(chosen, noun) if noun else None
            if name is None and noun and noun.head in ("date", "time", "day"):
                name = next(
                    (one.name for one in chosen.columns.values() if one.type.startswith(("timestamp", "date"))), None
                )
            if name is None and noun and ground.existing:
                column = ground.find_column(chosen, noun.words, fuzzy=True)
                name = column.name if column else None
            if name is None:
                return False
            names.append(name)
        if together:
            ground.index(chosen, tuple(names), f"{chosen.name} are looked up by {', '.join(names)}")
        else:
            for name in names:
                ground.index(chosen, (name,), f"{chosen.name} are looked up by {name}")
        return True

    ground.defer(say, text)
    return True


def _tails(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[at:]) for at in range(max(0, len(words) - 3), len(words))]


# Rows whose times exclude each other, columns that are compared ---------------------------------------------------


def _overlap(ground: Ground, text: str) -> bool:
    found = _OVERLAP.match(text)
    if found is None:
        return False

    def say() -> bool:
        scope_text = found["scope"] or found["scope2"]
        scope = read_noun(scope_text)
        table_text = found["x"] or found["x2"] or ""
        tables = [one for one in ([_thing(ground, table_text)] if table_text else ground.draft.tables.values()) if one]
        for table in tables:
            span = _span(table)
            by = ground.key_or_column(table, scope) if scope else None
            if span is None or by is None:
                continue
            start, end = span
            kind = (
                "daterange"
                if table.columns[start].type == "date"
                else "tstzrange"
                if table.columns[start].type == "timestamptz"
                else "tsrange"
            )
            expression = f"EXCLUDE USING gist ({by} WITH =, {kind}({start}, {end}) WITH &&)"
            if not ground.btree_gist:
                ground.warn(
                    f"rows of {table.name} can overlap: the rule needs the extension btree_gist; after CREATE "
                    f"EXTENSION btree_gist: ALTER TABLE {table.name} ADD {expression}"
                )
            elif not any(one.expression == expression for one in table.rules):
                table.rules.append(Rule("exclude", (by, start, end), expression))
            return True
        return False

    ground.defer(say, text)
    return True


def _span(table: Table) -> tuple[str, str] | None:
    start = next(
        (
            one.name
            for one in table.columns.values()
            if re.search(
                r"(?:^|_)(?:start|starts|begin|begins|from|checkin|check_in|arrival|pickup|opens|started|"
                r"valid_from)(?:_|$)",
                one.name,
            )
            and one.type.startswith(("date", "timestamp"))
        ),
        None,
    )
    end = next(
        (
            one.name
            for one in table.columns.values()
            if re.search(
                r"(?:^|_)(?:end|ends|finish|finishes|to|until|checkout|check_out|departure|return|closes|ended|"
                r"valid_to|valid_until|dropoff|due|expires|expiry)(?:_|$)",
                one.name,
            )
            and one.type.startswith(("date", "timestamp"))
        ),
        None,
    )
    return (start, end) if start and end else None


def _compare(ground: Ground, text: str) -> bool:
    if found := _ENDS.match(text):
        table = (
            _thing(ground, found["t"])
            if found["t"] and found["t"].lower() not in ("it", "they")
            else ground.draft.tables.get(ground.subject)
        )
        if table is None:
            return False

        def ends() -> bool:
            span = _span(table)
            if span is None:
                return False
            table.add_check(span, f"{span[1]} > {span[0]}")
            return True

        ground.defer(ends, text)
        return True
    found = _AFTER.match(text)
    if found is None:
        return False
    left = re.sub(
        r"\s+(?:must|has to|have to|should|can|may|will|cannot|is|are|comes?|lies?|be|always|never|only|not)\b.*$",
        "",
        found["left"],
        flags=re.I,
    )
    negated = bool(re.search(r"\b(?:not|never|cannot)\b", text[: found.start("op")], re.I))
    operator = _operator(found["op"].lower(), negated=negated)
    right = found["right"]
    if ground.existing and ground.place(left) is None:
        return False
    if not ground.existing and ground.place(left, fuzzy=False) is None and ground.place(right, fuzzy=False) is None:
        return False

    def say() -> bool:
        one = ground.place(left)
        if one is None:
            return False
        table, column = one
        noun = read_noun(re.sub(r"\s+of\s+.*$", "", right))
        other = ground.find_column(table, noun.words, fuzzy=True) if noun else None
        if other is None or other is column:
            return False
        table.add_check((column.name, other.name), f"{column.name} {operator} {other.name}")
        return True

    ground.defer(say, text)
    return True


def _operator(word: str, *, negated: bool) -> str:
    equal = "equal" in word or "on or" in word or word in ("at least", "at most") or "the same" in word
    more = word.startswith(
        ("later", "greater", "larger", "higher", "more", "bigger", "after", "on or after", "exceed", "at least")
    )
    if negated:
        more, equal = not more, not equal
    return (">" if more else "<") + ("=" if equal else "")


# Defaults ---------------------------------------------------------------------------------------------------------


def _defaults(ground: Ground, text: str) -> bool:
    if found := re.match(r"^(?P<t>(?:an?|the|each|every)?\s*[\w ]+?)\s+defaults?\s+to\s+(?P<v>.+)$", text, re.I):
        table = _thing(ground, found["t"])
        if table is not None and ground.last[0] == table.name and ground.last[1] in table.columns:
            return default_of(ground, f"{table.name}.{ground.last[1]}", found["v"])
    if found := _DEFAULTS.match(text):
        return default_of(ground, (found["c"] or found["c2"]).strip(), found["v"])
    found = _WHEN_CREATED.match(text) or _NEW.match(text) or _STARTS.match(text)
    if found is None:
        return False
    value = ground.shelter.without_details(found["v"]).strip()
    target = ground.place(found["t"], fuzzy=False)
    if target is not None and read_noun(found["t"]) and ground.find_table(read_noun(found["t"])) is None:
        return default_of(ground, found["t"], value)
    table = _thing(ground, found["t"])
    if table is None:
        return False
    negated = value.lower().startswith("not ")
    plain = re.sub(r"^not\s+", "", value, flags=re.I)
    for rule in table.rules:
        match = next((one for one in rule.values if one.lower() == plain.lower()), None)
        if match and not negated:
            from postai.database.identifiers import quote_literal

            table.columns[rule.columns[0]].default = quote_literal(match).strip()
            return True
    noun = read_noun(plain)
    if noun and len(plain.split()) > 1 and (named := ground.find_column(table, (noun.words[0],))):
        return default_of(ground, f"{table.name}.{named.name}", plain.split(None, 1)[1])
    column = ground.find_column(table, noun.words) if noun else None
    if column is not None and column.type == "boolean":
        column.default = "false" if negated else "true"
        return True
    opposite = {
        "inactive": "active",
        "unpaid": "paid",
        "unpublished": "published",
        "unread": "read",
        "disabled": "enabled",
        "unverified": "verified",
        "incomplete": "complete",
        "unfinished": "finished",
        "undone": "done",
        "private": "public",
        "open": "closed",
    }
    column = ground.find_column(table, (opposite[plain.lower()],)) if plain.lower() in opposite else None
    if column is not None and column.type == "boolean":
        column.default = "true" if negated else "false"
        return True
    status = next(
        (one for name in ("status", "state", "stage", "phase") if (one := ground.find_column(table, (name,)))), None
    )
    if status is not None and not negated and status.type == "text":
        from postai.database.identifiers import quote_literal

        status.default = quote_literal(value.lower()).strip()
        return True
    if noun and not ground.existing and (negated or kind_of(noun.words).type == "boolean"):
        ground.add(
            table,
            Attribute(
                noun,
                ("is", *noun.words) if noun.words[0] != "is" else noun.words,
                "boolean",
                default="false" if negated else "true",
                required=True,
            ),
        )
        return True
    return False


def default_of(ground: Ground, place: str, value: str) -> bool:
    """Give the column that a phrase names a default; False where either is not understood."""
    found = ground.place(place)
    if found is None:
        return False
    table, column = found
    expression = _value_for(ground, table, column, value)
    if expression is None:
        return False
    column.default = expression
    ground.last = (table.name, column.name)
    return True


def _value_for(ground: Ground, table: Table, column: Column, value: str) -> str | None:
    text = re.sub(
        r"\s+(?:by default|unless.*|for new.*|if .*|when .*)$", "", ground.shelter.without_details(value), flags=re.I
    ).strip(" '\"")
    values = next((one.values for one in table.rules if one.values and one.columns == (column.name,)), ())
    made = Attribute(Noun((column.name,)), (column.name,), column.type, values=values)
    return default_expression(text, made)


def _times(ground: Ground, text: str) -> bool:
    """ "We track when orders were created": moments of rows."""
    found = re.match(
        r"^(?:we\s+|please\s+|also\s+)*(?:need to\s+|want to\s+|should\s+|must\s+)?(?:track|record|store|know|"
        r"remember|keep track of|save|see)\s+when\s+(?P<t>(?:an?|each|every|the)?\s*[\w ]+?)\s+(?:was|were|is|are|"
        r"has been|have been)\s+(?:last\s+)?(?P<v>\w+ed|sent|paid|made)(?:\s+and\s+(?:when (?:it was|they were)\s+"
        r")?(?:last\s+)?(?P<v2>\w+ed))?$",
        text,
        re.I,
    )
    table = _thing(ground, found["t"]) if found else None
    if found is None or table is None:
        return False
    for verb in filter(None, (found["v"], found["v2"])):
        made = read_attribute(f"when it was {verb}", ground.shelter)
        if made is not None:
            ground.add(table, made)
    return True


# What is said of one column ---------------------------------------------------------------------------------------


def read_subject_rule(ground: Ground, clause: Clause) -> bool:
    """A statement about a column: "hire date is required", "customer emails have to be unique"."""
    verb = clause.verb
    assert verb is not None
    subject = ground.shelter.bare(clause.subject)
    tail = clause.text[len(clause.subject) :].strip() if not clause.inherited else clause.text
    noun = read_noun(subject)
    if noun is None or re.match(r"^(?:we|i|there)$", subject, re.I):
        return False
    pronoun = noun.words in (("it",), ("they",), ("this",))
    if (
        pronoun
        and ground.last[0] in ground.draft.tables
        and (verb.lemma == "be" or verb.modal or verb.lemma in ("exceed", "contain", "default"))
    ):
        table = ground.draft.tables[ground.last[0]]
        target = (table, table.columns[ground.last[1]]) if ground.last[1] in table.columns else None
    elif (measured := ground.find_table(noun)) is not None:
        amounts = [
            one
            for one in measured.columns.values()
            if one.type.startswith(("numeric", "integer", "double")) and not one.name.endswith("_id")
        ]
        ranged = re.search(
            r"\b(?:negative|positive|greater|less|more|at least|at most|between|above|below|zero|exceed)\b", tail, re.I
        )
        target = (measured, amounts[0]) if verb.lemma == "be" and ranged and len(amounts) == 1 else None
    else:
        target = ground.place(subject, fuzzy=ground.existing)
    if (
        verb.lemma == "have"
        and not verb.modal
        and not re.search(r"\b(?:to be|unique|at (?:least|most)|between|characters|default)\b|§", tail)
    ):
        return False
    if (
        target is None
        and " and " not in subject
        and not ground.existing
        and verb.lemma in ("be", "contain", "exceed", "default")
        and ground.find_table(noun) is None
        and not pronoun
    ):
        target = _new_column(ground, noun, tail)
    if target is None and re.search(r"\s+and\s+|,", subject) and _is_column_rule(tail):
        parts = [ground.place(one, fuzzy=ground.existing) for one in split_list(subject, ground.shelter)]
        if parts and None not in parts:
            return all([say(ground, *one, tail, verb.negated) for one in parts if one])
    if target is None:
        return False
    table, column = target
    return say(ground, table, column, tail, verb.negated)


def _new_column(ground: Ground, noun: Noun, tail: str) -> tuple[Table, Column] | None:
    """A column that is first met in a rule: of the thing that its name begins with, else of what the text is about."""
    if not _is_column_rule(tail):
        return None
    table = None
    words = noun.words
    for size in range(len(words) - 1, 0, -1):
        if (found := ground.find_table(Noun(words[:size]))) or (
            words[:size] in ground.candidates and (found := ground.thing(Noun(words[:size])))
        ):
            table, words = found, words[size:]
            break
    if table is None:
        if len(words) > 3 or ground.is_thing(noun) or not ground.topic:
            return None
        best = max(ground.topic.values())
        table = next(ground.draft.tables[name] for name, count in ground.topic.items() if count == best)
        ground.note(f"Assumed: {' '.join(noun.words)} belongs to {table.name}.")
    attribute = read_attribute(" ".join(words), ground.shelter)
    if attribute is None:
        return None
    attribute.required = True if attribute.required is None and not attribute.optional_by_nature else attribute.required
    return table, ground.add(table, attribute)


def _is_column_rule(tail: str) -> bool:
    return bool(
        re.search(
            r"\b(?:unique|required|optional|mandatory|negative|positive|empty|null|between|at least|at most|money|"
            r"default|more than|less than|greater|amounts?|zero|one of|either|or|characters|number|date|boolean|"
            r"percent|percentage|given|filled|exceed|below|above)\b|§",
            tail,
            re.I,
        )
    )


def say(ground: Ground, table: Table, column: Column, tail: str, negated: bool) -> bool:
    """Apply what a statement says about a column; False where nothing of it is understood."""
    low = tail.lower()
    opened = ground.shelter.open(tail).replace("·", ".")
    ground.last = (table.name, column.name)
    if re.search(
        r"\b(?:no longer|need not|not have to|not need to|does not|do not)\b.*\bunique\b|\bnot (?:be )?unique\b|"
        r"\bnot unique\b",
        low,
    ):
        table.rules = [one for one in table.rules if not (one.kind == "unique" and column.name in one.columns)]
        table.indexes = [
            one
            for one in table.indexes
            if not (one.definition.startswith("CREATE UNIQUE") and one.columns == (column.name,))
        ]
        return True
    if re.search(
        r"\b(?:no longer|not|never)\b[\w ]*\b(?:required|mandatory|compulsory|have to be (?:given|filled|set))\b|"
        r"\b(?:becomes?|is|be|are|made)\s+(?:now\s+)?optional\b",
        low,
    ):
        column.required = False
        return True
    made = Attribute(Noun((column.name,)), (column.name,), column.type)
    apply_details(
        made,
        re.sub(
            r"^(?:is|are|be|must|should|can|may|has|have|to|only|always|will|shall|\s)+(?=\d|one of|either)", "", opened
        ),
    )
    if not made.values and (
        found := re.search(
            r"\b(?:is|are|be|only|contains?|either|one of|allowed|has|have|hold|as|values?)\s*:?\s+"
            r"(?P<v>(?:\"?[\w-]+(?: [\w-]+)?\"?\s*,\s*)*\"?[\w-]+(?: [\w-]+)?\"?,?\s+(?:or|and)\s+\"?[\w-]+(?: "
            r"[\w-]+)?\"?)\s*(?:,.*|by default.*|and (?:a new|new|the default|defaults?|initially|starts?).*)?$",
            opened,
            re.I,
        )
    ):
        values = values_of(re.sub(r"^(?:only\s+)?(?:one of|either|the values?)\s*:?\s*", "", found["v"], flags=re.I))
        bad = {
            "unique",
            "required",
            "optional",
            "mandatory",
            "null",
            "empty",
            "positive",
            "negative",
            "not",
            "must",
            "given",
            "filled",
            "zero",
            "more",
            "present",
        }
        if (
            len(values) > 1
            and not made.checks
            and not any(set(one.lower().split()) & bad for one in values)
            and not made.unique
            and made.required is None
            and not negated
        ):
            made.values = values
    new_name = made.name != (column.name,)
    understood = bool(
        made.values
        or made.checks
        or made.unique
        or made.required is not None
        or made.default
        or made.type_said
        or made.type != column.type
        or new_name
        or made.role_of
    )
    if not understood:
        return False
    if made.type != column.type and column.was is None:
        column.type = made.type
    if column.was is not None and made.type != column.type and not made.type_said:
        made.type = column.type
    if column.was is not None and made.type_said and made.type != column.type:
        column.type = made.type
    ground.say_of(table, column, made)
    return True
