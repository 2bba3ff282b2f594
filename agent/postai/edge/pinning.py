"""Which statements leave something behind in their session, so that it cannot be lent to another client.

Default yes: only what is known to end with its transaction is free. What a statement's text does not show (the code
behind triggers, views, defaults and operators) is not seen here; settings that such code changes are told by the
server's ParameterStatus messages, where it reports them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from postai.edge.free_statements import FREE_FUNCTIONS, FREE_STATEMENTS
from postai.edge.texts import brief, legible
from postai.errors import PostaiError
from postai.sql.allowlist import load_allowlist
from postai.sql.nodes import messages
from postai.sql.parse import Statement, parse

KEPT = 5000
"""Texts whose answer is kept."""
KEPT_LENGTH = 10_000
"""Bytes of the longest such text."""
TOO_LONG = "a text that takes too long to be read"
HELD_CURSOR = "a cursor WITH HOLD"

_NUMBERS = bytes.maketrans(b"123456789", b"000000000")
_MORE_THAN_NUMBERS = re.compile(rb"[^\W\d]\d|\d[^\W\d]|[\x80-\xff]\d|\d[\x80-\xff]|\$\d|\\|[uU]&")
"""Digits that are part of names, of parameters or of escapes."""
_UNDONE = frozenset(
    [
        "a temporary relation", HELD_CURSOR, "LISTEN", "UNLISTEN", "PREPARE", "DEALLOCATE", "DEALLOCATE ALL",
        "DISCARD ALL", "DISCARD PLANS", "DISCARD TEMP", "DISCARD SEQUENCES", "RESET", "EXECUTE",
        "the function pg_advisory_lock", "the function pg_advisory_lock_shared",
        "the function pg_try_advisory_lock", "the function pg_try_advisory_lock_shared", "the function nextval",
        "the function setval", "the function currval", "the function lastval",
    ]
)  # fmt: skip
"""Reasons that DISCARD ALL takes away."""
_LASTING = frozenset({"role", "session_authorization", "seed"})
"""Settings that RESET ALL leaves as they are."""

_HOLD = 0x0020
"""Bit of DECLARE's options (CURSOR_OPT_HOLD in parsenodes.h)."""
_CATALOG = "pg_catalog"
_KEYWORDS = frozenset({"BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC"})
"""Names that the grammar gives to what is no operator."""
_OPERATORS = {"A_Expr": "name", "SubLink": "oper_name", "SortBy": "use_op"}
"""Nodes that name an operator, and where; some need not."""


Special = tuple[bytes, bytes | None]
"""Tag of a DEALLOCATE or DISCARD ALL, and the one name that it closes; None = all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a text.

    Attributes:
        reason: what its statements may leave behind in the session, in words; None = nothing.
        stays: whether DISCARD ALL does not undo it.
        special: the text is one statement of that kind.
        held: the cursor WITH HOLD that the text, one statement, declares, and is all that it leaves behind.
        closed: the cursor that the text, one statement, closes.
    """

    reason: str | None
    stays: bool = False
    special: Special | None = None
    held: str | None = None
    closed: str | None = None


class Pinning:
    """Says of statements what they leave behind; answers are kept.

    Texts that differ in their numbers alone leave the same behind; where digits stand in nothing but numbers, one
    answer is kept for all of them.
    """

    def __init__(self) -> None:
        allowed = load_allowlist()
        self._functions = allowed.functions - {"set_config", "setseed", "nextval", "setval", "currval", "lastval"}
        self._functions |= FREE_FUNCTIONS
        self._operators = allowed.operators | _KEYWORDS
        self._shapes: dict[bytes, Finding] = {}
        self._texts: dict[bytes, Finding] = {}

    def reason(self, text: bytes) -> str | None:
        """What the statements of a text may leave behind in the session, in words; None = nothing."""
        return self.find(text).reason

    def find(self, text: bytes) -> Finding:
        """What is known of a text.

        Args:
            text: as the client sent it, without its NUL; other encodings than UTF-8 are not read.
        """
        if len(text) > KEPT_LENGTH:
            text = brief(text)
        shape = text.translate(_NUMBERS)
        found = self._shapes.get(shape) or self._texts.get(text)
        if found is None:
            found = self._look(text)
            if len(text) <= KEPT_LENGTH:
                if found.held or found.closed or _MORE_THAN_NUMBERS.search(shape):
                    _keep(self._texts, text, found)
                else:
                    _keep(self._shapes, shape, found)
        return found

    def _look(self, text: bytes) -> Finding:
        if not legible(text):
            return Finding(TOO_LONG, stays=True)
        try:
            statements = parse(text.decode("utf-8"))
        except (PostaiError, UnicodeDecodeError):
            return Finding("a text that cannot be read", stays=True)
        special = _special(statements[0]) if len(statements) == 1 else None
        if special is not None and special[1] is None:
            return Finding(None, special=special)
        reasons = list(filter(None, map(self._of_statement, statements)))
        stays = any(reason not in _UNDONE and not _is_plain_set(reason) for reason in reasons)
        held, closed = _cursor(statements, reasons)
        return Finding(reasons[0] if reasons else None, stays, special, held, closed)

    def _of_statement(self, statement: Statement) -> str | None:
        tree: Any = statement.tree
        kind = statement.statement_class
        if kind == "SET":
            # Also SET TRANSACTION and SET TRANSACTION SNAPSHOT, but not SET SESSION CHARACTERISTICS.
            if not tree.is_local and not tree.name.startswith("TRANSACTION"):
                return f"SET {tree.name}"
        elif kind != "DECLARE CURSOR" and kind not in FREE_STATEMENTS:
            return kind
        held = HELD_CURSOR if kind == "DECLARE CURSOR" and tree.options & _HOLD else None
        return next(filter(None, map(self._of_node, messages(tree))), held)

    def _of_node(self, node: Any) -> str | None:
        kind = node.DESCRIPTOR.name
        if kind == "FuncCall":
            return self._of_call(node)
        if kind == "RangeVar":
            return "a temporary relation" if node.relpersistence == "t" or _is_temporary(node.schemaname) else None
        if kind == "String":
            return "a temporary relation" if _is_temporary(node.sval) else None
        if kind in _OPERATORS:
            names = [part.string.sval for part in getattr(node, _OPERATORS[kind])]
            known = not names or (names[-1] in self._operators and names[:-1] in ([], [_CATALOG]))
            return None if known else f"the operator {'.'.join(names)}"
        return "EXECUTE" if kind == "ExecuteStmt" else None

    def _of_call(self, call: Any) -> str | None:
        names = [part.string.sval for part in call.funcname]
        if names[:-1] in ([], [_CATALOG]):
            if names[-1] in self._functions:
                return None
            if names[-1] == "set_config" and _is_local(call):
                return None
        return f"the function {'.'.join(names)}"


def _cursor(statements: Sequence[Statement], reasons: list[str]) -> tuple[str | None, str | None]:
    """The cursor WITH HOLD that is declared, and is all that is left behind, and the one that is closed."""
    if len(statements) != 1:
        return None, None
    tree: Any = statements[0].tree
    kind = statements[0].statement_class
    if kind == "DECLARE CURSOR" and reasons == [HELD_CURSOR]:
        return tree.portalname, None
    return None, (tree.portalname or None) if kind == "CLOSE CURSOR" else None


def _is_plain_set(reason: str) -> bool:
    return reason.startswith("SET ") and reason[4:].lower() not in _LASTING


def _special(statement: Statement) -> Special | None:
    if statement.statement_class in ("DEALLOCATE ALL", "DISCARD ALL"):
        return statement.statement_class.encode(), None
    if statement.statement_class == "DEALLOCATE":
        tree: Any = statement.tree
        return b"DEALLOCATE", tree.name.encode()
    return None


def _keep(kept: dict[bytes, Finding], key: bytes, found: Finding) -> None:
    kept[key] = found
    if len(kept) > KEPT:
        del kept[next(iter(kept))]


def _is_temporary(name: str) -> bool:
    return name.strip().lower().startswith("pg_temp")


def is_temporary_path(path: str) -> bool:
    """Whether tables that are made without a schema's name may be temporary by a search_path."""
    return "pg_temp" in path.lower()


def _is_local(call: Any) -> bool:
    """Whether what set_config sets ends with the transaction, and what is made meanwhile is not temporary."""
    if len(call.args) != 3 or not call.args[2].a_const.boolval.boolval:
        return False
    name, value = (arg.a_const for arg in call.args[:2])
    if name.HasField("sval") and name.sval.sval.lower() != "search_path":
        return True
    return name.HasField("sval") and value.HasField("sval") and not is_temporary_path(value.sval.sval)
