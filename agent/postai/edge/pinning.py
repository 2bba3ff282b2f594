"""Which statements leave something behind in their session, so that it cannot be lent to another client.

Default yes: only what is known to end with its transaction is free. What a statement's text does not show (the code
behind triggers, views, defaults and operators) is not seen here; settings that such code changes are told by the
server's ParameterStatus messages, where it reports them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from postai.edge.free_statements import FREE_FUNCTIONS, FREE_STATEMENTS
from postai.errors import PostaiError
from postai.sql.allowlist import load_allowlist
from postai.sql.nodes import messages
from postai.sql.parse import Statement, parse

KEPT = 5000
"""Texts whose answer is kept."""
KEPT_LENGTH = 10_000
"""Bytes of the longest such text."""

_HOLD = 0x0020
"""Bit of DECLARE's options (CURSOR_OPT_HOLD in parsenodes.h)."""
_CATALOG = "pg_catalog"
_KEYWORDS = frozenset({"BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC"})
"""Names that the grammar gives to what is no operator."""


class Pinning:
    """Says of statements what they leave behind; answers are kept."""

    def __init__(self) -> None:
        allowed = load_allowlist()
        self._functions = allowed.functions - {"set_config", "setseed", "nextval", "setval", "currval", "lastval"}
        self._functions |= FREE_FUNCTIONS
        self._operators = allowed.operators | _KEYWORDS
        self._kept: OrderedDict[bytes, str | None] = OrderedDict()

    def reason(self, text: bytes) -> str | None:
        """What the statements of a text may leave behind in the session, in words; None = nothing.

        Args:
            text: as the client sent it, without its NUL; other encodings than UTF-8 are not read.
        """
        if text in self._kept:
            self._kept.move_to_end(text)
            return self._kept[text]
        found = self._reason(text)
        if len(text) <= KEPT_LENGTH:
            self._kept[text] = found
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def deallocated(self, text: bytes) -> bytes | None:
        """The name in a text that is one DEALLOCATE of one name."""
        if text.lstrip()[:10].lower() != b"deallocate":
            return None
        try:
            statements = parse(text.decode("utf-8"))
        except (PostaiError, UnicodeDecodeError):
            return None
        tree: Any = statements[0].tree
        single = len(statements) == 1 and statements[0].statement_class == "DEALLOCATE"
        return tree.name.encode() if single and tree.name else None

    def _reason(self, text: bytes) -> str | None:
        try:
            statements = parse(text.decode("utf-8"))
        except (PostaiError, UnicodeDecodeError):
            return "a text that cannot be read"
        return next(filter(None, map(self._of_statement, statements)), None)

    def _of_statement(self, statement: Statement) -> str | None:
        tree: Any = statement.tree
        kind = statement.statement_class
        if kind == "SET":
            # Also SET TRANSACTION and SET TRANSACTION SNAPSHOT, but not SET SESSION CHARACTERISTICS.
            if not tree.is_local and not tree.name.startswith("TRANSACTION"):
                return f"SET {tree.name}"
        elif kind == "DECLARE CURSOR":
            if tree.options & _HOLD:
                return "a cursor WITH HOLD"
        elif kind not in FREE_STATEMENTS:
            return kind
        return next(filter(None, map(self._of_node, messages(tree))), None)

    def _of_node(self, node: Any) -> str | None:
        kind = node.DESCRIPTOR.name
        if kind == "FuncCall":
            return self._of_call(node)
        if kind == "RangeVar":
            return "a temporary relation" if node.relpersistence == "t" or _is_temporary(node.schemaname) else None
        if kind == "String":
            return "a temporary relation" if _is_temporary(node.sval) else None
        if kind == "A_Expr":
            names = [part.string.sval for part in node.name]
            known = names[-1] in self._operators and names[:-1] in ([], [_CATALOG])
            return None if known else f"the operator {'.'.join(names)}"
        return "EXECUTE" if kind == "ExecuteStmt" else None

    def _of_call(self, call: Any) -> str | None:
        names = [part.string.sval for part in call.funcname]
        if names[:-1] in ([], [_CATALOG]):
            if names[-1] in self._functions:
                return None
            if names[-1] == "set_config" and _is_true(call):
                return None
        return f"the function {'.'.join(names)}"


def _is_temporary(name: str) -> bool:
    return name.strip().lower().startswith("pg_temp")


def _is_true(call: Any) -> bool:
    """Whether set_config's third argument says that the setting ends with the transaction."""
    return len(call.args) == 3 and bool(call.args[2].a_const.boolval.boolval)
