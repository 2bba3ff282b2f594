"""Which functions an expression may call when it meets a server, though only on a copy.

On an empty copy hardly anything is evaluated: constants are folded, a default may be computed once. On a copy other
people's functions are bodies that do nothing, so only PostgreSQL's own functions and those of extensions are looked at.
"""

from __future__ import annotations

from google.protobuf.message import Message

from postai.database import Database, named_sql
from postai.sql.allowlist import Allowlist, load_allowlist
from postai.sql.nodes import messages
from postai.sql.parse import Unparsable, parse
from postai.sql.safety import EXTENSION_EXCEPTIONS, KNOWN_EXTENSIONS

_SEQUENCES = frozenset({"nextval", "currval", "lastval", "setval"})
_READING = frozenset({"RangeVar", "RangeFunction", "SubLink", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


class Harmless:
    """Judges expressions by the names of the functions they call.

    Args:
        db: a session of the real database.
    """

    def __init__(self, db: Database) -> None:
        block = named_sql.load(__package__, "definitions.sql")["unsafe_functions"]
        rows = db.query(block, (sorted(KNOWN_EXTENSIONS), sorted(EXTENSION_EXCEPTIONS)))
        self._listed: Allowlist = load_allowlist()
        self._unsafe = frozenset(name for (name,) in rows)

    def culprit(self, tree: Message) -> str | None:
        """The first function that must not be called; None = there is none."""
        for node in messages(tree):
            if node.DESCRIPTOR.name == "FuncCall":
                name = node.funcname[-1].string.sval
                unlisted = name in self._listed.unlisted and name not in _SEQUENCES
                if unlisted or name in self._unsafe:
                    return str(name)
        return None

    def passes(self, text: str) -> bool:
        """Whether one statement's text calls nothing that must not be called."""
        try:
            return all(self.culprit(one.tree) is None for one in parse(text))
        except Unparsable:
            return False

    def computes(self, definition: str) -> bool:
        """Whether the body of a CREATE FUNCTION ... LANGUAGE sql only computes from its arguments."""
        try:
            (statement,) = parse(definition)
            bodies = [statement.tree]
            for one in getattr(statement.tree, "options", ()):
                if one.def_elem.defname == "as":
                    for item in one.def_elem.arg.list.items:
                        bodies += [inner.tree for inner in parse(item.string.sval)]
        except (Unparsable, ValueError):
            return False
        kinds = {node.DESCRIPTOR.name for tree in bodies for node in messages(tree)}
        return not kinds & _READING and all(self.culprit(tree) is None for tree in bodies)
