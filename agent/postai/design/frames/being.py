"""Reads what a thing is: one of several values, a state, something of another thing."""

from __future__ import annotations

import re

from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.frames.acting import read_act
from postai.design.frames.arguments import prepositional
from postai.design.frames.binding import Group, Values
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import is_word
from postai.design.frames.having import compare_mods
from postai.design.frames.phrases import items_of, read_item
from postai.design.frames.tokens import Tokens, comma_parts, text_of
from postai.design.frames.traits import condition
from postai.design.frames.world import Link, World
from postai.design.kinds import is_value, kind_of
from postai.design.nouns import Noun, is_plural


def read_be(world: World, table: Table, clause: Clause) -> bool:
    verb = clause.verb
    assert verb is not None
    rest = list(clause.rest)
    if not rest:
        said = [one.lower() for one in clause.group if one.lower() not in ("is", "are", "not")]
        return _default_flag(world, table, said, negated=verb.negated)
    low = [one.lower() for one in rest]
    if _default_flag(world, table, low, negated=verb.negated):
        return True
    if isinstance(rest[0], Values):
        return _one_of(world, table, rest, clause)
    if low[0] in (
        "by",
        "in",
        "at",
        "for",
        "from",
        "to",
        "on",
        "with",
        "of",
        "under",
        "against",
        "between",
        "along",
        "near",
    ):
        return read_act(world, table, clause)
    if low[0] in ("a", "an") and len(low) <= 3 and read_state(world, table, text_of(rest[1:]), negated=verb.negated):
        return True
    if low[0] in ("a", "an", "one", "people", "the") or is_plural(low[0]):
        return _is_a(world, table, clause)
    if low[0] == "responsible":
        return read_act(world, table, clause)
    if low[0] == "valid" and "from" in low:
        for end in ("from", "until"):
            world.put(table, Attribute(Noun(("valid", end)), ("valid", end), "date"))
        return True
    if low[0] == "unique" and not verb.negated:
        made = world.own_value(table)
        condition(made, rest)
        world.put(table, made)
        return True
    if read_state(world, table, text_of(rest), negated=verb.negated) or _of_last(world, table, clause):
        return True
    if verb.may and is_word(rest[0]) and (len(rest) == 1 or isinstance(rest[1], Group) or rest[1] == ","):
        name = (low[0],) if kind_of((low[0],)).type == "boolean" else ("is", low[0])
        made = Attribute(Noun(name), name, "boolean", default="false", required=True)
        for one in rest[1:2]:
            condition(made, [one])
        world.put(table, made)
        return True
    return False


_DEFAULT = re.compile(r"(?:,? ?(?:by default|at first|initially|usually|normally|in the beginning|when created))+$")


def _default_flag(world: World, table: Table, low: Tokens, *, negated: bool) -> bool:
    """ "Exhibits are on display by default", "normally it is not": the default of a flag that was named."""
    text = text_of(low)
    said = _DEFAULT.sub("", text)
    if said == text:
        return False
    name = said.replace(" ", "_") if said else world.ground.last[1] if world.ground.last[0] == table.name else ""
    column = table.columns.get(name) or table.columns.get(f"is_{name}")
    if column is None or column.type != "boolean":
        return False
    column.default = "false" if negated else "true"
    return True


def _one_of(world: World, table: Table, rest: Tokens, clause: Clause) -> bool:
    values = rest[0].values if isinstance(rest[0], Values) else ()
    behind = rest[1:]
    verb = clause.verb
    low = [one.lower() for one in values]
    if len(values) == 2 and (low[1] == "not" or low[1] == f"not {low[0]}" or low[1].startswith("not")):
        default = "false"
        text = text_of(behind).lower()
        if (
            re.search(
                rf"\bby default (?:it is |they are )?{re.escape(low[0])}|\b{re.escape(low[0])} (?:by default|at "
                rf"first|initially|when|unless)|^(?:it is|which is|usually it is)$",
                text,
            )
            and "not " + low[0] not in text
        ):
            default = "true"
        name = (low[0],) if kind_of((low[0],)).type == "boolean" else ("is", low[0])
        world.put(table, Attribute(Noun(name), name, "boolean", default=default, required=True))
        return True
    known = [
        column
        for column in table.columns.values()
        if any(rule.values == values for rule in table.rules if column.name in rule.columns)
    ]
    if known:
        return True
    name = ("status",)
    if all(one.endswith(("er", "or", "ist")) or one in ("theory", "practice") for one in low):
        name = ("type",)
    made = Attribute(Noun(name), name, "text")
    condition(made, [rest[0]])
    if verb is not None and verb.may:
        made.required = False
    for part in comma_parts(behind):
        condition(made, part)
    world.put(table, made)
    return True


def _is_a(world: World, table: Table, clause: Clause) -> bool:
    """ "A term is a text in one language", "a bug can be a duplicate of another bug"."""
    parts = prepositional(list(clause.rest))
    head = read_item(parts[0][1]) if parts else None
    verb = clause.verb
    assert verb is not None and head is not None
    done = False
    if head.noun is not None and "of" in head.noun.words:
        cut = [one.lower() for one in head.core].index("of")
        parts = [("", head.core[:cut]), ("of", head.core[cut + 1 :]), *parts[1:]]
        head = read_item(parts[0][1])
    for prep, part in parts[1:]:
        for item in items_of(part):
            target = world.table(item.noun)
            if prep == "with" and target is None:
                compare_mods(world, table, item)
                done |= world.add(table, item)
            elif target is table and head.noun is not None:
                world.link(Link(table.name, table.name, optional=True, role=(*head.noun.words, "of"), lemma="be"))
                done = True
            elif target is not None and item.noun is not None:
                world.link(
                    Link(
                        table.name,
                        target.name,
                        many=item.noun.plural and item.noun.quantity != "one",
                        optional=verb.may,
                        lemma="be",
                        prep=prep,
                    )
                )
                done = True
    if head.noun is not None and len(head.noun.words) > 1 and head.noun.head.endswith("ing"):
        doer = world.table(Noun(head.noun.words[:-1]))
        if doer is not None and doer is not table:
            world.link(Link(table.name, doer.name, lemma="be"))
            done = True
    if (
        head.noun is not None
        and is_value(head.noun.words)
        and not verb.may
        and world.table(head.noun) is None
        and parts[1:]
    ):
        done |= world.add(table, head)
    elif head.noun is not None and world.table(head.noun) not in (None, table) and not parts[1:]:
        return True
    return done


def read_state(world: World, table: Table, text: str, *, negated: bool = False) -> bool:
    """ "It is waiting at first", "a survey is not active when created": the default of a state or flag."""
    low = re.sub(
        r"\b(?:by default|at first|initially|when (?:it is )?(?:created|new)|to begin with|in the beginning|as well|"
        r"unless .*|at the (?:start|beginning))\b.*",
        "",
        text.lower(),
    ).strip(" ,")
    low = low.removeprefix("not ") if (negated := negated or low.startswith("not ")) else low
    for rule in table.rules:
        if rule.values and len(rule.columns) == 1:
            value = next((one for one in rule.values if one.lower() == low), None)
            if value is not None and not negated:
                table.columns[rule.columns[0]].default = "'" + value.replace("'", "''") + "'"
                return True
    for column in table.columns.values():
        if column.type == "boolean" and column.name.removeprefix("is_") == low.replace(" ", "_"):
            column.default = "false" if negated else "true"
            return True
    if re.fullmatch(r"[a-z]+(?: [a-z]+)?", low) and re.search(
        r"by default|at first|initially|when|beginning|to begin", text.lower()
    ):
        name = ("is", *low.split()) if kind_of((low,)).type != "boolean" else (low,)
        world.put(table, Attribute(Noun(name), name, "boolean", default="false" if negated else "true", required=True))
        return True
    return False


def _of_last(world: World, table: Table, clause: Clause) -> bool:
    """ "It must not be negative": the value that was named last."""
    assert clause.verb is not None
    if world.pending:
        for one in world.pending:
            condition(one, [*(["not"] if clause.verb.negated else []), *clause.rest])
        return True
    name, column_name = world.ground.last
    column = table.columns.get(column_name) if name == table.name else None
    if column is None:
        return False
    made = Attribute(Noun(tuple(column_name.split("_"))), tuple(column_name.split("_")), column.type)
    before = repr(made)
    condition(made, [*(["not"] if clause.verb.negated else []), *clause.rest])
    if repr(made) == before:
        return False
    world.put(table, made)
    return True
