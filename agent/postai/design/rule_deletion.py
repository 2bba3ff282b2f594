"""Sentences about what happens to rows when what they refer to is deleted."""

from __future__ import annotations

import re

from postai.design.draft import Rule, Table
from postai.design.ground import Ground
from postai.design.nouns import read_noun
from postai.design.things import named_thing

_A = r"(?:an?|the|each|every|any|all|one)"
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
_NOT_DELETING = re.compile(
    rf"^(?:deleting|removing|the deletion of|it\s+(?:must|should)\s+(?:not\s+be\s+|be\s+im)possible to (?:delete|"
    rf"remove)"
    rf"|(?:we|you|"
    rf"people|users|nobody|no one)\s+(?:must|may|should|can|cannot)?\s*(?:not\s+)?(?:delete|remove))"
    rf"\s+(?P<a>(?:{_A}\s+)?[\w ]+?)\s+"
    r"(?:(?:must|should|may|shall)\s+not\s+be\s+(?:possible|allowed|permitted)\s+|(?:must|should)"
    r"\s+be\s+(?:forbidden|prevented|"
    r"refused|impossible|blocked)\s+|(?:is|are)\s+(?:not allowed|forbidden|impossible)\s+)?(?:while|if|as long as|"
    r"when|until|unless)"
    r"\s+(?P<rest>.+)$|^(?:prevent|forbid|block|disallow|refuse|do not allow)\s+(?:deleting|removing|the deletion of|"
    r"deletion of|"
    rf"to delete)\s+(?P<a2>(?:{_A}\s+)?[\w ]+?)\s+(?:while|if|as long as|when|that|which|who|with)\s+(?P<rest2>.+)$",
    re.I,
)
_NOT_DELETED = re.compile(
    rf"^(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?:cannot|can not|must not|may not|should not|can never)\s+be\s+(?:deleted|"
    rf"removed)\s+(?:while|if|as long as|when|until|unless|who|that|which|with)\s+(?P<rest>.+)$",
    re.I,
)
_USED = re.compile(
    rf"^(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?:that|which|who)\s+(?:appears?|occurs?|is|are|has|have)\s+(?:still\s+)?"
    r"(?:used\s+|referenced\s+|referred to\s+)?(?:in\s+|by\s+)?(?P<b>[\w ]+?)\s+(?:must not|cannot|can not|may not|"
    r"must never)\s+be\s+(?:deleted|removed)$",
    re.I,
)


def deletion(ground: Ground, text: str) -> bool:
    """Read what happens on deletion; False where the sentence says nothing of it."""
    if found := _DELETED.match(text):
        return _on_delete(ground, found["a"], found["rest"])
    if found := _DELETING.match(text):
        return _delete(ground, found["a"], found["b"], "NO ACTION" if found["not"] else "CASCADE", text)
    if found := _DELETED_WITH.match(text):
        return _delete(ground, found["a"], found["b"], "CASCADE", text)
    if found := _USED.match(text):
        return _delete(ground, found["a"], found["b"], "RESTRICT", text)
    if found := _NOT_DELETED.match(text) or _NOT_DELETING.match(text):
        groups = found.groupdict()
        rest = re.sub(
            r"^(?:it |they |there |he |she )?(?:still\s+)?(?:has|have|is|are|owns?)\s+(?:still\s+)?(?:any\s+|some\s+|"
            r"still\s+)?|\s+(?:belong|refer|exist|are|is|use)\b.*$",
            "",
            groups["rest"] or groups.get("rest2") or "",
            flags=re.I,
        )
        return _delete(ground, groups["a"] or groups.get("a2") or "", rest, "RESTRICT", text)
    return False


def _on_delete(ground: Ground, a: str, rest: str) -> bool:
    low = rest.lower()
    noun = re.sub(
        r"\b(?:all|also|its|their|his|her|of|the|must|should|will|are|is|be|get|gets|stay|stays|remain|remains|go|"
        r"goes|disappear|disappears|vanish|vanishes|"
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
        parent = named_thing(ground, a)
        done = False
        for part in re.split(r"\s*,\s*|\s+and\s+", b):
            noun = read_noun(part)
            child = named_thing(ground, part) if noun else None
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
