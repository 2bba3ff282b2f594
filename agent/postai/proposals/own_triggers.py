"""Triggers that the steps of a proposal make themselves: whoever approved the proposal has read their functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, cast

from postai.database.identifiers import qualified
from postai.proposals.types import Step
from postai.sql.parse import parse_one


def made_triggers(steps: Iterable[Step]) -> frozenset[tuple[str, str, str]]:
    """Name, table and hash of the function's body of every trigger whose function the same steps make."""
    bodies: dict[tuple[str, ...], str] = {}
    made: set[tuple[str, str, str]] = set()
    for step in steps:
        for text in (step.statement, *step.together):
            tree = cast("Any", parse_one(text).tree)
            kind = tree.DESCRIPTOR.name
            if kind == "CreateFunctionStmt":
                body = next((one.def_elem.arg for one in tree.options if one.def_elem.defname == "as"), None)
                if body is not None and len(body.list.items) == 1:
                    digest = hashlib.sha256(body.list.items[0].string.sval.encode()).hexdigest()
                    bodies[tuple(part.string.sval for part in tree.funcname)] = digest
            elif kind == "CreateTrigStmt":
                source = bodies.get(tuple(part.string.sval for part in tree.funcname))
                if source is not None:
                    table = qualified(tree.relation.schemaname, tree.relation.relname)
                    made.add((tree.trigname, table, source))
    return frozenset(made)
