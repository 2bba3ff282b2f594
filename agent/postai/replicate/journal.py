"""The driver's own notes of moves and of switches that were begun, in a small SQLite file: for when the home cannot be
asked.

The home's row decides whenever it can be read; what happened outside (where the clients go) is found by looking. The
journal only says that there is something to look at, and names what is needed for it. It holds no secret. A file that
an older version wrote is read with what it has; columns that it lacks are added when it is written to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from postai.errors import PostaiError
from postai.replicate import store
from postai.replicate.store import Ending, Row
from postai.replicate.types import Method, MoveOptions, Side, State, object_name, own_schema

if TYPE_CHECKING:
    from sqlite_utils import Database as Sqlite

FILE = "replicate.db"
# No switch takes longer, its undoing included.
LONGEST = timedelta(minutes=3)


@dataclass(frozen=True)
class Intent:
    """A switch that was begun.

    Attributes:
        row: the move as it was then; to the other side than its `serving`.
        begun_at: when.
        objects: names of what postai made for the move on both sides.
        outside: what was found or done outside since then, the newest last.
        process: id of the process on this machine that began it; None = it was not noted.
    """

    row: Row
    begun_at: datetime
    objects: tuple[str, ...]
    outside: tuple[str, ...]
    process: int | None

    def abandoned(self, now: datetime) -> bool:
        """Whether nobody is at it any more: its process is gone, or has had time enough."""
        return now - self.begun_at > LONGEST or (self.process is not None and not _alive(self.process))


class Journal:
    """The notes in one file, which is made when it is first written to.

    Args:
        path: the file; its directory is made, too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def remember(self, row: Row) -> None:
        """A move was begun from here: its home is found by its name later."""
        with self._open() as db:
            db.table("move").insert(
                {"name": row.name, "target": row.target, "source": row.source}, pk="name", replace=True, alter=True
            )

    def home_of(self, name: str) -> str | None:
        """Name of the connection of a move's home; None = it was not begun from here."""
        if not self._path.exists():
            return None
        with self._open() as db:
            if "move" not in db.table_names():
                return None
            return next((one["target"] for one in db.table("move").rows if one["name"] == name), None)

    def homes(self) -> tuple[str, ...]:
        """Names of the connections of the homes of all moves that were begun from here."""
        if not self._path.exists():
            return ()
        with self._open() as db:
            return tuple(sorted({one["target"] for one in db.table("move").rows})) if "move" in db.table_names() else ()

    def begin(self, row: Row) -> None:
        """A switch of this move begins; on return that is on the disk."""
        kept = {
            "id": row.id, "name": row.name, "source": row.source, "target": row.target,
            "method": row.method and row.method.value, "state": row.state.value, "serving": row.serving.value,
            "options": json.dumps(asdict(row.options)),
            "objects": json.dumps([own_schema(row.id), object_name(row.id, "fwd"), object_name(row.id, "rev")]),
            "begun_at": datetime.now(UTC).isoformat(), "outside": "[]", "process": os.getpid(),
        }  # fmt: skip
        with self._open() as db:
            db.table("intent").insert(kept, pk=("target", "id"), replace=True, alter=True)

    def note(self, row: Row, what: str) -> None:
        """Something was found or done outside."""
        with self._open() as db:
            for kept in self._kept(db):
                if (kept["target"], kept["id"]) == (row.target, row.id):
                    outside = [*json.loads(kept["outside"]), f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: {what}"]
                    db.table("intent").update((row.target, row.id), {"outside": json.dumps(outside)})

    def end(self, row: Row) -> None:
        """The switch is at its end, and the home knows it; nothing happens where none was begun."""
        if self._path.exists():
            with self._open() as db:
                if "intent" in db.table_names():
                    db.table("intent").delete_where("target = ? and id = ?", [row.target, row.id])

    def unfinished(self) -> tuple[Intent, ...]:
        """Switches that were begun and whose end the home was not told."""
        if not self._path.exists():
            return ()
        with self._open() as db:
            return tuple(_intent(one) for one in self._kept(db))

    @staticmethod
    def _kept(db: Sqlite) -> list[dict[str, Any]]:
        return list(db.table("intent").rows) if "intent" in db.table_names() else []

    @contextmanager
    def _open(self) -> Iterator[Sqlite]:
        import sqlite3

        from sqlite_utils import Database as Sqlite

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            db = Sqlite(self._path)
            try:
                db.execute("pragma synchronous = full")
                yield db
            finally:
                db.close()
        except (sqlite3.Error, OSError) as error:
            failure = PostaiError(
                f"the journal {self._path} cannot be used",
                detail=str(error),
                hint="See that the directory may be written to and its disk has space; a broken file may be removed "
                "when no move is being switched.",
            )
        else:
            return
        raise failure


def _intent(kept: dict[str, Any]) -> Intent:
    known = {field.name for field in fields(MoveOptions)}
    options = store.options_from({key: value for key, value in json.loads(kept["options"]).items() if key in known})
    begun = datetime.fromisoformat(kept["begun_at"])
    row = Row(
        kept["id"], kept["name"], kept["source"], kept["target"], Method(kept["method"]), State.SWITCHING,
        State(kept["state"]), Side(kept["serving"]), options, None, None, None, None, None, None, None, None,
        0, Ending(), "", begun, begun, None,
    )  # fmt: skip
    return Intent(
        row, begun, tuple(json.loads(kept["objects"])), tuple(json.loads(kept["outside"])), kept.get("process")
    )


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
