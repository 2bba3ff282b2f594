"""Descriptions and wishes with what has to hold afterwards, one small language of facts for both."""

from __future__ import annotations

import re
from pathlib import Path

from postai.design.draft import Draft, Rule, Table

HERE = Path(__file__).parent / "design"


def read_cases(name: str) -> list[tuple[str, list[str]]]:
    """The texts of a file with their facts; a line that begins with | goes on with the text."""
    found: list[tuple[str, list[str]]] = []
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line.startswith("> "):
            found.append((line[2:], []))
        elif line.startswith("| "):
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", found[-1][1])
        elif line and not line.startswith("#"):
            found[-1][1].append(line)
    return found


def problems(draft: Draft, facts: list[str], *, destructive: bool = False) -> list[str]:
    """The facts that do not hold."""
    return [fact for fact in facts if not _holds(draft, fact, destructive)]


def _holds(draft: Draft, fact: str, destructive: bool) -> bool:
    kind, *words = fact.split(" ", 1)[0], *fact.split(" ")[1:]
    tables = draft.tables
    if kind == "destructive":
        return destructive
    if kind == "tables":
        return len(tables) == int(words[0])
    if kind == "table":
        return words[0] in tables
    if kind == "gonetable":
        return words[0] not in tables
    name, _, column = words[0].partition(".")
    if kind in ("junction", "junctioncol"):
        pair = [
            one
            for one in tables.values()
            if one.name not in words[:2]
            and {words[0], words[1]} <= {rule.target for rule in one.rules if rule.kind == "foreign"}
        ]
        return bool(pair) and (kind == "junction" or any(words[2] in one.columns for one in pair))
    if name not in tables:
        return False
    table = tables[name]
    if kind in ("values", "default"):
        rest = fact.split(" ", 2)[2]
        if kind == "default":
            return rest in (table.columns[column].default or "") if column in table.columns else False
        return any(set(rule.values) == set(rest.split("|")) and rule.columns == (column,) for rule in table.rules)
    return _of_table(table, kind, column, words[1:])


def _of_table(table: Table, kind: str, column: str, words: list[str]) -> bool:
    if kind == "col":
        found = table.columns.get(column)
        wanted = {"null": False, "required": True}.get(words[1]) if len(words) > 1 else None
        return (
            found is not None
            and found.type.replace("timestamp with time zone", "timestamptz").startswith(words[0])
            and (wanted is None or found.required == wanted)
        )
    if kind == "gone":
        return column not in table.columns
    if kind == "nodefault":
        return table.columns[column].default is None
    if kind == "unique":
        return table.unique(tuple(words[0].split(",")))
    if kind == "notunique":
        return not table.unique(tuple(words[0].split(",")))
    if kind == "check":
        return any(
            rule.kind == "check" and re.search(rf"\b\w*{words[0]}\w*\b", rule.expression) for rule in table.rules
        )
    if kind == "index":
        return any(one.columns[0].split()[0] == words[0] for one in table.indexes)
    keys: list[Rule] = [
        rule for rule in table.rules if rule.kind == "foreign" and rule.target == (words[0] if words else table.name)
    ]
    if kind == "self":
        return bool(keys)
    if kind == "fk2":
        return len(keys) == 2
    if kind == "one":
        return any(table.unique(rule.columns) for rule in keys)
    if kind == "ondelete":
        return any(rule.on_delete == words[1] for rule in keys)
    if kind == "fk":
        wanted = {"null": False, "required": True}.get(words[1]) if len(words) > 1 else None
        return any(wanted is None or table.columns[rule.columns[0]].required == wanted for rule in keys)
    raise ValueError(kind)
