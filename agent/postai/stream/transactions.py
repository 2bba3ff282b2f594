"""From messages to transactions: which tables and which rows of them each one changed.

Nothing here does input or output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from postai.stream.pgoutput import (
    UNCHANGED,
    Begin,
    Commit,
    Decoded,
    Delete,
    Insert,
    Malformed,
    Message,
    Oid,
    Relation,
    Row,
    Truncate,
    Update,
    Value,
)

ROWS = 1000
"""Rows of one table that are told apart in one transaction; one with more changed the table."""

MESSAGES = 1000
"""Messages of one transaction that are kept; one with more has one without content in place of the others."""
CONTENT = 100
"""Bytes of a message's content that are kept."""

Key = tuple[bytes | None, ...]
"""Texts of the columns of a replica identity in the order of the table's columns."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A committed transaction.

    Attributes:
        xid: its number (32 bits); 0 = a message that no transaction wrote.
        end_lsn: where its commit ends: everything that was committed up to here has been told.
        rows: changed tables, each with the old and new keys of its rows; None = any of its rows may have changed.
        messages: what pg_logical_emit_message() wrote, each once; not all of it (see MESSAGES, CONTENT).
        redefined: tables that do not look as they did when they were last changed.
    """

    xid: int
    end_lsn: int
    rows: Mapping[Oid, frozenset[Key] | None]
    messages: tuple[Message, ...] = ()
    redefined: frozenset[Oid] = frozenset()


class Assembly:
    """Puts the messages of one stream together.

    Args:
        keys: names of the columns that a table's rows are told apart by where its replica identity is FULL, which says
            nothing of them; without, such a table's rows are not told apart.
        prefix: only messages with this one are told; None = all.
    """

    def __init__(self, keys: Mapping[Oid, tuple[str, ...]] | None = None, prefix: bytes | None = None) -> None:
        self._prefix = prefix
        self._wanted = dict(keys or {})
        self._relations: dict[Oid, Relation] = {}
        self._keys: dict[Oid, tuple[int, ...]] = {}
        self._xid: int | None = None
        self._rows: dict[Oid, set[Key] | None] = {}
        self._messages: dict[Message, None] = {}
        self._redefined: set[Oid] = set()

    @property
    def relations(self) -> Mapping[Oid, Relation]:
        """Tables as they were last told of."""
        return self._relations

    def feed(self, message: Decoded) -> Transaction | None:
        """Take the next message; a transaction with its last one.

        Raises:
            Malformed: the message cannot come here.
        """
        if isinstance(message, Begin):
            if self._xid is not None:
                raise Malformed("a transaction begins within another one")
            self._xid = message.xid
        elif isinstance(message, Commit):
            return self._committed(message)
        elif isinstance(message, Relation):
            if self._relations.get(message.oid, message) != message:
                self._redefined.add(message.oid)
            self._relations[message.oid] = message
            self._keys[message.oid] = self._numbers(message)
        elif isinstance(message, Message):
            return self._told(message)
        elif isinstance(message, Truncate):
            self._rows.update(dict.fromkeys(message.relations))
        elif isinstance(message, Insert | Update | Delete):
            self._changed(message)
        return None

    def _told(self, message: Message) -> Transaction | None:
        """Anybody may write messages, as many and as long as he likes: no more than is needed is kept of them."""
        if self._prefix not in (None, message.prefix):
            return None
        kept = replace(message, content=message.content[:CONTENT])
        if not message.transactional:
            return Transaction(0, message.lsn, {}, (kept,))
        if len(self._messages) >= MESSAGES:
            kept = replace(kept, content=b"")
        self._messages[replace(kept, lsn=0)] = None
        return None

    def _committed(self, commit: Commit) -> Transaction:
        if self._xid is None:
            raise Malformed("a transaction ends that has not begun")
        rows = {oid: None if keys is None else frozenset(keys) for oid, keys in self._rows.items()}
        found = Transaction(self._xid, commit.end_lsn, rows, tuple(self._messages), frozenset(self._redefined))
        self._xid, self._rows, self._messages, self._redefined = None, {}, {}, set()
        return found

    def _changed(self, change: Insert | Update | Delete) -> None:
        oid = change.relation
        if self._xid is None or oid not in self._relations:
            raise Malformed(f"a change outside of a transaction, or of the unknown table {oid}")
        keys = self._rows.setdefault(oid, set())
        if keys is None:
            return
        numbers = self._keys[oid]
        old = None if isinstance(change, Insert) else change.old or change.old_key
        new = None if isinstance(change, Delete) else change.new
        for key in _keys(old, new, numbers):
            if key is None or len(keys) >= ROWS:
                self._rows[oid] = None
                return
            keys.add(key)

    def _numbers(self, relation: Relation) -> tuple[int, ...]:
        """Numbers of the columns that tell the table's rows apart; () = none is known."""
        if relation.identity != "f":
            return tuple(number for number, column in enumerate(relation.columns) if column.key)
        wanted = {name.encode() for name in self._wanted.get(relation.oid, ())}
        found = tuple(number for number, column in enumerate(relation.columns) if column.name in wanted)
        return found if len(found) == len(wanted) else ()


def _keys(old: Row | None, new: Row | None, numbers: tuple[int, ...]) -> tuple[Key | None, ...]:
    """The keys that a change touches; None = one that cannot be told."""
    if not numbers:
        return (None,)
    before = old.values(numbers) if old else None
    after = new.values(numbers) if new else None
    if before and after:
        # What was not sent again is what it was.
        after = tuple(b if a is UNCHANGED else a for a, b in zip(after, before, strict=True))
    return tuple(_plain(one) for one in (before, after) if one is not None)


def _plain(values: tuple[Value, ...]) -> Key | None:
    found: list[bytes | None] = []
    for value in values:
        if value is UNCHANGED:
            return None
        found.append(value)
    return tuple(found)
