"""Runs SQL scripts of any size, statement by statement, as whoever is connected; a run that was cut off goes on.

How far the script is stands in postai.script, written in the transaction of each statement: what was committed is
never run again. Without postai in the database, or without the right, only the exported file knows; a statement that
was committed just before a crash may then be run once more, as may one that allows no transaction.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from postai.database import ConnectionLost, Database, ServerError
from postai.database.named_sql import load
from postai.deadline import Cancelled, Deadline, DeadlineExceeded
from postai.errors import PostaiError, UsageError
from postai.migrate.script_text import LONGEST, Piece, Script
from postai.sql.parse import Unparsable

FORMAT = "postai script state"
_EDGE = 1024 * 1024
_LOCKS = ("55P03", "40P01")
_NO_TRANSACTION = ("25001", "2D000")
_SETTING = re.compile(
    r"(?:set\s+(?!local\b|transaction\b|constraints\b)|reset\b|discard\b|select\s+pg_catalog\.set_config\s*\()",
    re.IGNORECASE,
)
_BEGIN = re.compile(r"(?:begin|start\s+transaction)\b(?!\s+atomic)", re.IGNORECASE)
_COMMIT = re.compile(r"(?:commit|end)\b(?!\s+prepared)(?!.*\band\s+chain)", re.IGNORECASE | re.DOTALL)
_ROLLBACK = re.compile(r"(?:rollback|abort)\b(?!\s+prepared)(?!\s+(?:work\s+|transaction\s+)?to\b)", re.IGNORECASE)
_COMMENTS = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True)
class ScriptState:
    """How far a script is.

    Attributes:
        statements: that were carried out.
        byte_offset, line: where the next one begins.
        settings: SET statements so far, which a run that goes on repeats first.
    """

    statements: int = 0
    byte_offset: int = 0
    line: int = 1
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScriptOptions:
    """Limits of a run.

    Attributes:
        lock_timeout: longest wait of one try for a lock, in seconds.
        lock_patience: how long a lock is tried for, with growing pauses; in a transaction of the script's own, and for
            COPY, there is one try.
        longest: most bytes of one statement.
        export_every: seconds between two writes of the state's file.
    """

    lock_timeout: float = 2.0
    lock_patience: float = 60.0
    longest: int = LONGEST
    export_every: float = 1.0


class ScriptFailed(PostaiError):
    """A statement of a script failed; `state` says how far it is, and where it goes on."""

    title = "the script stopped"

    def __init__(self, error: PostaiError, state: ScriptState, place: str) -> None:
        detail = f"{place}; {state.statements} statements are done, the next begins at byte {state.byte_offset}."
        super().__init__(
            error.message,
            detail=f"{error.detail.rstrip('.')}. {detail}" if error.detail else detail,
            hint=error.hint or "Correct the cause and run the same script again: it goes on there.",
        )
        self.sqlstate = error.sqlstate  # type: ignore[misc]
        self.state = state


def run_script(
    db: Database,
    path: Path,
    deadline: Deadline,
    *,
    state_file: Path | None = None,
    options: ScriptOptions | None = None,
    report: Callable[[ScriptState], None] = lambda _: None,
) -> ScriptState:
    """Run a script from where an earlier run of the same contents stopped, or from its beginning.

    Args:
        db: session of whoever the statements are run as, in autocommit mode.
        path: the script, UTF-8; not a pipe, as a run that goes on begins in its middle.
        deadline: when to stop, between two statements.
        state_file: where to write how far it is; it is removed when the script is done.
        report: is told after each statement.

    Returns:
        the state at the end.

    Raises:
        ScriptFailed: a statement failed; nothing of it, or of its transaction, is left.
        Cancelled, DeadlineExceeded: the time is over; running it again goes on.
        ConnectionLost: the session ended; running it again goes on.
        UsageError: the state's file belongs to another script.
    """
    with path.open("rb") as source:
        run = _Run(db, source, path, state_file, options or ScriptOptions(), report)
        return run.to_end(deadline)


class _Run:
    """One run of a script."""

    def __init__(
        self,
        db: Database,
        source: BinaryIO,
        path: Path,
        state_file: Path | None,
        options: ScriptOptions,
        report: Callable[[ScriptState], None],
    ) -> None:
        self._db = db
        self._path = path
        self._key = key_of(source)
        self._state_file = state_file
        self._options = options
        self._report = report
        self._sql = load(__package__, "script.sql")
        self._keeps = bool(db.query(self._sql["keeps"])[0][0])
        self._state = self._read()
        self._script = Script(source, offset=self._state.byte_offset, line=self._state.line, longest=options.longest)
        self._in_block = False
        self._pending = self._state  # within a transaction of the script's own
        self._exported = time.monotonic()

    def to_end(self, deadline: Deadline) -> ScriptState:
        self._db.execute(f"set lock_timeout = {int(self._options.lock_timeout * 1000)}")
        for setting in self._state.settings:
            self._db.execute(setting)
        piece: Piece | None = None
        try:
            for piece in self._script:
                deadline.check()
                self._carry_out(piece)
                self._report(self._state)
                if time.monotonic() - self._exported > self._options.export_every:
                    self._export()
            if self._in_block:
                raise UsageError("the script ends inside a transaction", hint="Its last COMMIT is missing.")
        except (ConnectionLost, KeyboardInterrupt):
            self._export()
            raise
        except PostaiError as error:
            self._leave_block()
            self._export()
            if isinstance(error, Cancelled | DeadlineExceeded):
                raise
            raise ScriptFailed(error, self._state, _place(piece, error)) from error
        if self._keeps:
            self._db.query(self._sql["forget"], [self._key])
        if self._state_file is not None:
            self._state_file.unlink(missing_ok=True)
        return self._state

    def _carry_out(self, piece: Piece) -> None:
        text = piece.text[match.end() :] if (match := _COMMENTS.match(piece.text)) else piece.text
        if self._in_block:
            self._in_own_transaction(piece, text)
        elif _BEGIN.match(text):
            self._db.execute(piece.text)
            self._in_block = True
            self._pending = self._after(self._state)
        elif _SETTING.match(text):
            self._db.execute(piece.text)
            after = self._after(self._state)
            self._state = replace(after, settings=(*after.settings, piece.text))
            self._note(self._state)
        else:
            self._by_itself(piece)

    def _in_own_transaction(self, piece: Piece, text: str) -> None:
        """A statement between the script's BEGIN and COMMIT: what is noted with the COMMIT covers all of them."""
        ends = _COMMIT.match(text) is not None
        if not ends:
            self._execute(piece)
        self._pending = self._after(self._pending)
        if ends:
            self._note(self._pending)
            self._execute(piece)
        elif not _ROLLBACK.match(text):
            return
        else:
            self._note(self._pending)
        self._in_block = False
        self._state = self._pending

    def _by_itself(self, piece: Piece) -> None:
        gives_up = time.monotonic() + self._options.lock_patience
        pause = 0.1
        while True:
            try:
                with self._db.transaction():
                    self._execute(piece)
                    after = self._after(self._state)
                    self._note(after)
                self._state = after
                return
            except ServerError as error:
                if error.sqlstate in _NO_TRANSACTION and not piece.copies:
                    break
                if error.sqlstate not in _LOCKS or piece.copies or time.monotonic() + pause > gives_up:
                    raise
            time.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 (spreads tries, guards nothing)
            pause = min(2.0, pause * 2)
        self._db.execute(piece.text)
        self._state = self._after(self._state)
        self._note(self._state)

    def _execute(self, piece: Piece) -> None:
        if piece.copies:
            self._db.copy_in(piece.text, self._script.rows())
        else:
            self._db.execute(piece.text)

    def _after(self, state: ScriptState) -> ScriptState:
        """The state once the statement that was just read is done."""
        return replace(state, statements=state.statements + 1, byte_offset=self._script.offset, line=self._script.line)

    def _note(self, state: ScriptState) -> None:
        if self._keeps:
            self._db.query(
                self._sql["note"],
                [self._key, state.statements, state.byte_offset, state.line, list(state.settings)],
            )

    def _leave_block(self) -> None:
        if self._in_block:
            self._db.execute("rollback")
            self._in_block = False

    def _read(self) -> ScriptState:
        if self._keeps and (rows := self._db.query(self._sql["state"], [self._key])):
            statements, byte_offset, line, settings = rows[0]
            return ScriptState(statements, byte_offset, line, tuple(settings))
        if self._state_file is None or not self._state_file.exists():
            return ScriptState()
        try:
            kept = json.loads(self._state_file.read_text("utf-8"))
            if kept["format"] != FORMAT or kept["key"] != self._key:
                raise UsageError(
                    f"{self._state_file} is the state of another script",
                    detail=f"It was written for {kept['script']}, or the script was changed since.",
                    hint="Give another file, or remove it to begin anew.",
                )
            return ScriptState(kept["statements"], kept["byte_offset"], kept["line"], tuple(kept["settings"]))
        except (KeyError, TypeError, ValueError):
            raise UsageError(
                f"{self._state_file} is no state of a script", hint="Give another file, or remove it to begin anew."
            ) from None

    def _export(self) -> None:
        if self._state_file is None:
            return
        told = {"format": FORMAT, "version": 1, "script": self._path.name, "key": self._key, **asdict(self._state)}
        beside = self._state_file.with_name(self._state_file.name + ".new")
        with beside.open("w", encoding="utf-8") as out:
            json.dump(told, out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(self._state_file)
        self._exported = time.monotonic()


def key_of(source: BinaryIO) -> str:
    """What tells scripts apart: their length, their first and their last megabyte."""
    size = source.seek(0, os.SEEK_END)
    digest = hashlib.sha256(str(size).encode())
    for begin in (0, max(0, size - _EDGE)):
        source.seek(begin)
        digest.update(source.read(_EDGE))
    source.seek(0)
    return digest.hexdigest()


def _place(piece: Piece | None, error: PostaiError) -> str:
    """Line and column of what failed, as exactly as the server told."""
    if piece is None or isinstance(error, Unparsable):
        return "It was not read further"
    position = getattr(error, "position", None)
    if position is None:
        return f"Line {piece.line}"
    before = piece.text[: position - 1]
    return f"Line {piece.line + before.count(chr(10))}, column {len(before) - (before.rfind(chr(10)) + 1) + 1}"
