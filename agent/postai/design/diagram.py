"""An entity-relationship diagram as Mermaid text."""

from __future__ import annotations

import re

from postai.design.draft import Draft, Table


def mermaid(draft: Draft, names: set[str] | None = None) -> str:
    """The tables of a draft as a Mermaid erDiagram.

    Args:
        names: only these; None = all.
    """
    shown = [one for one in draft.tables.values() if names is None or one.name in names]
    lines = ["erDiagram"]
    for table in shown:
        lines.append(f"    {_word(table.name)} {{")
        for column in table.columns.values():
            marks = [
                mark
                for mark, said in (
                    ("PK", column.name in table.key),
                    ("FK", _is_key(table, column.name)),
                    ("UK", table.unique((column.name,)) and column.name not in table.key),
                )
                if said
            ]
            lines.append(f"        {_word(column.type)} {_word(column.name)}{' ' + ', '.join(marks) if marks else ''}")
        lines.append("    }")
    for table in shown:
        for rule in table.rules:
            if rule.kind != "foreign" or rule.target not in draft.tables:
                continue
            required = all(table.columns[one].required for one in rule.columns if one in table.columns)
            many = "|o" if table.unique(rule.columns) else "}o"
            lines.append(
                f"    {_word(table.name)} {many}--{'||' if required else 'o|'} {_word(rule.target)} : "
                f"{_word(rule.columns[0])}"
            )
    return "\n".join(lines) + "\n"


def _is_key(table: Table, name: str) -> bool:
    return any(one.kind == "foreign" and name in one.columns for one in table.rules)


def _word(text: str) -> str:
    return re.sub(r"[^\w]+", "_", text).strip("_") or "_"
