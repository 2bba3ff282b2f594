"""The file of a second tier, as one thread writes it: SQL, and nothing that the loop waits for.

    entry  a reply with what it was made from (tiers.pack), and whether changes of that are told (promised)
    tag    which entries were made from a relation (key 0), or from a row of it (key = 64 bits of a hash of its values:
           two rows that share them are forgotten together)
    state  one row: whose content this is
    wish   which answers were used most, whatever is forgotten (see warming.py)

What is promised to be forgotten with a change outlives no stream: its slot is temporary, as one that a dead edge leaves
behind would hold the server's log, and so nobody tells of changes between two streams. With synchronous = normal the
last transactions may be lost when the machine stops, but then nothing of the file is used (see disk.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import stat
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote

from postai.edge.tiers import Kept, Tag, Values, pack, pack_value

VERSION = 2
FIND = "select id, until, record from entry where key = ?"

_EVICTED = 20
"""Entries that are thrown away at a time."""
PATIENCE = 0.5
"""Seconds for which somebody else may have locked the file."""
_FREE = 8
"""One part in that many of the file is freed beforehand, for the next batch."""
_PRAGMAS = (
    "pragma journal_mode = wal", "pragma synchronous = normal", "pragma mmap_size = 0", "pragma temp_store = memory",
    f"pragma journal_size_limit = {16 << 20}", "pragma cache_size = -8192",
)  # fmt: skip
_USED = """
select (pages.page_count - free.freelist_count) * size.page_size
  from pragma_page_count() as pages, pragma_freelist_count() as free, pragma_page_size() as size
"""


Saved = tuple[bytes, bytes, float]
"""The name of a scope, what was asked for, and what its answer has saved."""


@dataclass(frozen=True, slots=True)
class Put:
    """Keep an entry."""

    name: bytes
    kept: Kept


@dataclass(frozen=True, slots=True)
class Change:
    """Forget what was made from these rows; None = any row."""

    oid: int
    rows: tuple[Values, ...] | None


@dataclass(frozen=True, slots=True)
class Begin:
    """A stream begins: drop what is not of this source, and what changes may have been missed of."""

    epoch: int
    source: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """Forget everything."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Save:
    """Keep this in the place of what was saved before: scopes, requests, scores."""

    rows: tuple[Saved, ...]


Order = Put | Change | Begin | Flush | Save


@dataclass(slots=True)
class Batch:
    """What waits to be written.

    Attributes:
        orders: in the order in which they were told.
        used: ids of entries that were read.
        position: the LSN up to which every change is among these orders, or was before; None = not told.
        puts: how many of the orders are entries, put_bytes: and of how many bytes.
    """

    orders: list[Order] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    position: int | None = None
    puts: int = 0
    put_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a batch.

    Attributes:
        epoch: of the last Begin or Flush that was obeyed; 0 = none.
        position: of the batch.
        stored: entries that were kept, evicted: those that made room.
        size: bytes that the file uses.
    """

    epoch: int
    position: int | None
    stored: int
    evicted: int
    size: int


class InUse(OSError):
    """Another process has the file: nothing is wrong with what is in it."""


class DiskFile:
    """An open file; only one process has it open.

    Args:
        path: where it is; made with its directory if need be, for the owner alone.
        limit: bytes.
        fresh: whether what is there is thrown away.

    Raises:
        OSError, sqlite3.Error: it cannot be used.
    """

    def __init__(self, path: Path, limit: int, *, fresh: bool) -> None:
        self._path, self._limit = path, limit
        self._epoch = self._stored = self._evicted = 0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            self._lock_file(stack)
            try:
                self._db = self._open(fresh)
            except sqlite3.DatabaseError:  # no database, a damaged one, or one of another version
                self._db = self._open(True)
            stack.callback(self._db.close)
            self._clock: int = self._one("select coalesce(max(used), 0) from entry")
            self._stack = stack.pop_all()

    def __enter__(self) -> DiskFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def reader(self) -> sqlite3.Connection:
        """A connection that only reads; it belongs to whoever gets it."""
        uri = f"file:{quote(str(self._path))}?mode=ro"
        db = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
        db.execute("pragma mmap_size = 0").close()
        db.execute(FIND, (b"",)).close()
        return db

    def saved(self) -> list[Saved]:
        """What was saved last."""
        return self._db.execute("select scope, request, score from wish").fetchall()

    def write(self, batch: Batch) -> Written:
        """Obey a batch, in one transaction.

        Raises:
            sqlite3.Error: the file cannot be written, or is damaged.
        """
        self._stored = self._evicted = 0
        self._clock += 1
        self._db.execute("begin immediate")
        for order in batch.orders:
            self._obey(order)
        self._db.executemany("update entry set used = ? where id = ?", [(self._clock, one) for one in batch.used])
        size = self._shrink()
        self._db.execute("commit")
        return Written(self._epoch, batch.position, self._stored, self._evicted, size)

    # Opening.

    def _lock_file(self, stack: contextlib.ExitStack) -> None:
        """A file of its own is locked: SQLite's locks on the database end when any descriptor of it is closed."""
        lock = os.open(f"{self._path}.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse("another process uses it") from None

    def _open(self, fresh: bool) -> sqlite3.Connection:
        if fresh:
            for end in ("", "-wal", "-shm", "-journal"):
                Path(f"{self._path}{end}").unlink(missing_ok=True)
        self._own()
        db = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                db.execute(pragma).close()
            (version,) = db.execute("pragma user_version").fetchone()
            if version == 0:
                _make(db)
            elif version != VERSION:
                raise sqlite3.DatabaseError(f"version {version}")
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _own(self) -> None:
        """See that the file is ours, and that nobody else may read it: it holds what users may read."""
        file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise OSError("it is no file of ours")
            os.fchmod(file, 0o600)
        finally:
            os.close(file)

    # Orders.

    def _obey(self, order: Order) -> None:
        match order:
            case Put(name, kept):
                self._put(name, kept)
            case Change(oid, None):
                self._delete("select entry from tag where rel = ?", (oid,))
            case Change(oid, rows):
                for key in (0, *map(_key, rows or ())):
                    self._delete("select entry from tag where rel = ? and key = ?", (oid, key))
            case Begin(epoch, source):
                self._begin(source)
                self._epoch = epoch
            case Flush(epoch):
                self._clear()
                self._epoch = epoch
            case Save(saved):
                self._db.execute("delete from wish")
                self._db.executemany("insert into wish (scope, request, score) values (?, ?, ?)", saved)

    def _put(self, name: bytes, kept: Kept) -> None:
        self._delete("select id from entry where key = ?", (name,))
        entry = self._db.execute(
            "insert into entry (key, until, promised, used, record) values (?, ?, ?, ?, ?)",
            (name, kept.until, kept.position is not None, self._clock, pack(kept, name)),
        ).lastrowid
        rows = {(*_split(tag), entry) for tag in kept.tags}
        self._db.executemany("insert into tag (rel, key, entry) values (?, ?, ?)", rows)
        self._stored += 1

    def _begin(self, source: bytes) -> None:
        (known,) = self._db.execute("select source from state").fetchone()
        if known != source:
            self._clear()
        else:
            self._delete("select id from entry where promised", ())
        if self._one("select exists (select 1 from entry)"):
            (found,) = self._db.execute("pragma integrity_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
        self._db.execute("update state set source = ?", (source,))

    def _delete(self, which: str, parameters: tuple[Any, ...]) -> int:
        found = self._db.execute(which, parameters).fetchall()
        self._db.executemany("delete from tag where entry = ?", found)
        self._db.executemany("delete from entry where id = ?", found)
        return len(found)

    def _clear(self) -> None:
        self._db.execute("delete from tag")
        self._db.execute("delete from entry")

    def _shrink(self) -> int:
        """Throw away what was used least recently until there is room; the bytes that are used now."""
        size: int = self._one(_USED)
        most = self._limit - self._limit // _FREE
        while size > most:
            found = self._delete("select id from entry order by used limit ?", (_EVICTED,))
            self._evicted += found
            if not found:
                break
            size = self._one(_USED)
        return size

    def _one(self, sql: str) -> Any:
        (found,) = self._db.execute(sql).fetchone()
        return found


def _make(db: sqlite3.Connection) -> None:
    from sqlite_utils import Database

    made = Database(db)
    entry: dict[str, Any] = {
        "id": int, "key": bytes, "until": float, "promised": int, "used": int, "record": bytes,
    }  # fmt: skip
    made.table("entry").create(entry, pk="id", not_null=set(entry) - {"id"})
    made.table("entry").create_index(["key"], unique=True)
    made.table("entry").create_index(["used"])
    made.table("tag").create({"rel": int, "key": int, "entry": int}, not_null={"rel", "key", "entry"})
    made.table("tag").create_index(["rel", "key", "entry"])
    made.table("tag").create_index(["entry"])
    made.table("state").create({"source": bytes})
    made.table("state").insert({"source": b""})
    wish: dict[str, Any] = {"scope": bytes, "request": bytes, "score": float}
    made.table("wish").create(wish, not_null=set(wish))
    db.execute(f"pragma user_version = {VERSION}")


def _split(tag: Tag) -> tuple[int, int]:
    return (tag, 0) if isinstance(tag, int) else (tag[0], _key(tag[1]))


def _key(values: Values) -> int:
    name = blake2b(b"".join(map(pack_value, values)), digest_size=8)
    return int.from_bytes(name.digest(), "big", signed=True) or 1
