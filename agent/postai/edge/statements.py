"""What statements are, as far as it counts for where they go; answers are kept by text."""

from __future__ import annotations

import hashlib
import re
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from postai.edge.texts import legible
from postai.errors import PostaiError
from postai.sql.nodes import messages
from postai.sql.parse import fingerprint, parse

KEPT = 5000
"""Texts whose answer is kept."""
KEPT_LENGTH = 10_000
"""Bytes of the longest such text."""

_ABOUT_THE_SERVER = frozenset(
    {"current_setting", "inet_server_addr", "inet_server_port", "pg_backend_pid", "pg_is_in_recovery",
     "pg_postmaster_start_time", "pg_conf_load_time", "pg_is_wal_replay_paused", "txid_current_snapshot",
     "pg_current_snapshot"}
)  # fmt: skip
"""Functions whose answer is about the server itself: clients that ask want to know it of the primary."""
_WRITES = re.compile(rb"\s*(?:insert|update|delete|merge|copy|create|alter|drop)\b", re.IGNORECASE)
"""Begins texts that need not be parsed to be known as others."""
_PLACES = frozenset({"location", "name_location", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end"})
"""Fields of a tree's nodes that tell where in the text something stands."""
_COUNT = struct.Struct("!h")
_OID = struct.Struct("!i")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text is.

    Attributes:
        selects: it is one SELECT, VALUES or TABLE; the catalog says whether it only reads.
        begins: it begins a transaction that only reads, and that a replica can have.
        fingerprint: of a text that selects; "" of others.
        key: equal only for texts that differ in layout and in the values of constants alone. Fingerprints are
            coarser: they take `t10` for `t11`, and `f(1)` for `f(1, 2)`.
    """

    selects: bool
    begins: bool
    fingerprint: str = ""
    key: str = ""


_OTHER = Shape(selects=False, begins=False)


class Shapes:
    """Says of texts what they are."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Shape] = OrderedDict()

    def of(self, meaning: bytes) -> Shape:
        """What a statement is.

        Args:
            meaning: its text, for one of Parse followed by NUL and the types of its parameters.
        """
        found = self._kept.get(meaning)
        if found is None:
            found = _look(text_and_types(meaning)[0])
            if len(meaning) <= KEPT_LENGTH:
                self._kept[meaning] = found
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(meaning)
        return found


def text_and_types(meaning: bytes) -> tuple[bytes, tuple[int, ...]]:
    """The text of a statement, and the oids of the types that were declared for its parameters."""
    text, end, rest = meaning.partition(b"\0")
    if not end or len(rest) < _COUNT.size:
        return text, ()
    (count,) = _COUNT.unpack_from(rest)
    known = rest[_COUNT.size : _COUNT.size + count * _OID.size]
    return text, tuple(oid & 0xFFFFFFFF for (oid,) in _OID.iter_unpack(known[: len(known) // 4 * 4]))


def _look(data: bytes) -> Shape:
    if not legible(data) or _WRITES.match(data):
        return _OTHER
    try:
        text = data.decode("utf-8")
        statements = parse(text)
        if len(statements) != 1:
            return _OTHER
        tree: Any = statements[0].tree
        kind = tree.DESCRIPTOR.name
        if kind == "TransactionStmt":
            return Shape(selects=False, begins=statements[0].statement_class in _BEGINS and _reads_only(tree.options))
        if kind != "SelectStmt" or _is_about_the_server(tree):
            return _OTHER
        print_ = fingerprint(text)
    except (PostaiError, UnicodeDecodeError):
        return _OTHER
    return Shape(selects=True, begins=False, fingerprint=print_, key=_key(tree))


_BEGINS = frozenset({"BEGIN", "START TRANSACTION"})


def _reads_only(options: Any) -> bool:
    """Whether the last word of the options is READ ONLY; SERIALIZABLE is nothing for a replica."""
    found: dict[str, Any] = {one.def_elem.defname: one.def_elem.arg.a_const for one in options}
    only = found.get("transaction_read_only")
    isolation = found.get("transaction_isolation")
    return only is not None and only.ival.ival == 1 and (isolation is None or isolation.sval.sval != "serializable")


def _is_about_the_server(tree: Any) -> bool:
    calls = (node for node in messages(tree) if node.DESCRIPTOR.name == "FuncCall")
    return any(call.funcname[-1].string.sval in _ABOUT_THE_SERVER for call in calls)


def _key(tree: Any) -> str:
    """A hash of all but layout and values of constants, whose kinds count: only a text can be read as any type."""
    plain = type(tree)()
    plain.CopyFrom(tree)
    for node in messages(plain):
        if node.DESCRIPTOR.name == "A_Const":
            kind = node.WhichOneof("val")
            node.Clear()
            if kind is not None:
                getattr(node, kind).SetInParent()
            continue
        for field, _ in node.ListFields():
            if field.name in _PLACES:
                node.ClearField(field.name)
    return hashlib.blake2b(plain.SerializeToString(deterministic=True), digest_size=16).hexdigest()
