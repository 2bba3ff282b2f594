"""A directory of migrations: plain SQL files, two for each migration, with a header that says what they are.

`0001_add_status.up.sql` leads on, `0001_add_status.down.sql` leads back. A header is comment lines at the top of the
file: `-- id:`, `-- title:`, `-- made:`, `-- checksum:` (SHA-256 of everything below the header) and `-- destructive:`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from postai.errors import PostaiError, UsageError
from postai.sql.parse import Unparsable, parse

_NAME = re.compile(r"(?P<id>\d{1,18})_(?P<label>[A-Za-z0-9_-]{1,80})\.(?P<way>up|down)\.sql")
_FIELD = re.compile(r"-- (id|title|made|checksum|destructive): ?(.*)")
_FIELDS = ("id", "title", "made", "checksum", "destructive")
DIGITS = 4
LARGEST = 64 << 20
"""Bytes of a file that is read."""


class ChangedFile(PostaiError):
    """A file is not what its checksum says."""

    sqlstate = "PA010"
    exit_code = 12
    title = "checksum"


@dataclass(frozen=True)
class Script:
    """One file.

    Attributes:
        body: everything below the header.
        checksum: SHA-256 of the body, hexadecimal.
        stated: the checksum that the header states; None = the header has none.
        header_lines: lines above the body.
    """

    path: Path
    title: str
    made: str
    destructive: bool
    body: str
    checksum: str
    stated: str | None
    header_lines: int = 0

    def require_sql(self) -> None:
        """Check that its statements parse.

        Raises:
            Unparsable: they do not; lines are those of the file.
        """
        try:
            parse("\n" * self.header_lines + self.body)
        except Unparsable as error:
            error.detail = f"{self.path.name}: {error.detail or 'it cannot be read'}"
            raise

    def require_unchanged(self) -> None:
        """Check the body against the header.

        Raises:
            ChangedFile: it was changed after it was made.
        """
        if self.stated is not None and self.stated != self.checksum:
            raise ChangedFile(
                f"{self.path.name} is not what its checksum says",
                detail=f"stated {self.stated}, found {self.checksum}",
                hint="Undo the edit; or, where it has run nowhere yet, put the found value into the header.",
            )


@dataclass(frozen=True)
class Migration:
    """The two files of a migration; `down` is None where nothing leads back."""

    id: str
    up: Script
    down: Script | None


def read_directory(directory: Path) -> tuple[Migration, ...]:
    """The migrations of a directory, in the order of their numbers.

    Raises:
        UsageError: it is no directory, a file's name or header lies, a number is used twice, or an up file is missing.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is no directory", hint="post-ai migrate generate makes the first migration.")
    ups: dict[int, tuple[str, Script]] = {}
    downs: dict[int, Script] = {}
    for path in sorted(directory.iterdir()):
        found = _NAME.fullmatch(path.name)
        if found is None:
            if path.name.endswith((".up.sql", ".down.sql")) and not path.name.startswith("."):
                raise UsageError(
                    f"{path.name} is no name of a migration",
                    hint="A number, an underscore, letters, digits, - and _, then .up.sql or .down.sql.",
                )
            continue
        number, up = int(found["id"]), found["way"] == "up"
        script = _read(path, found["id"])
        if number in (ups if up else downs):
            raise UsageError(
                f"two migrations have the number {number}", detail=path.name, hint="Give one a new number."
            )
        if up:
            ups[number] = (found["id"], script)
        else:
            downs[number] = script
    alone = sorted(downs.keys() - ups.keys())
    if alone:
        raise UsageError(f"{downs[alone[0]].path.name} has no up file", hint="Restore the up file, or remove this one.")
    return tuple(Migration(ups[number][0], ups[number][1], downs.get(number)) for number in sorted(ups))


def write(
    directory: Path, title: str, up: Sequence[str], down: Sequence[str], *, destructive: bool, made: datetime,
    notes: Iterable[str] = (),
) -> tuple[Path, Path]:  # fmt: skip
    """Write the two files of a new migration under the next number; no existing file is touched.

    Args:
        up, down: statements without semicolons.
        destructive: whether `up` destroys data.
        made: now, with its time zone.
        notes: sentences that stand as comments above the statements.

    Raises:
        UsageError: as of `read_directory`; the files cannot be written.
    """
    known = read_directory(directory) if directory.exists() else ()
    number = max((int(one.id) for one in known), default=0) + 1
    label = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:60].strip("_") or "change"
    stem = f"{number:0{DIGITS}d}_{label}"
    paths = directory / f"{stem}.up.sql", directory / f"{stem}.down.sql"
    comments = "".join(f"-- {' '.join(note.split())}\n" for note in notes)
    nothing = "-- Nothing leads back.\n"
    bodies = comments + body_of(up), body_of(down) or nothing
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, body, loses in zip(paths, bodies, (destructive, bool(down)), strict=True):
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(_header(f"{number:0{DIGITS}d}", title, made, body, destructive=loses) + body)
    except OSError as error:
        raise UsageError(f"the migration cannot be written to {directory}", detail=error.strerror) from None
    return paths


def body_of(statements: Sequence[str]) -> str:
    """Statements as a script."""
    return "".join(f"{one.rstrip().rstrip(';')};\n" for one in statements)


def checksum(body: str) -> str:
    """SHA-256 of a body; line ends are counted as \\n, white space at both ends is not."""
    return hashlib.sha256(body.replace("\r\n", "\n").strip().encode()).hexdigest()


def _header(number: str, title: str, made: datetime, body: str, *, destructive: bool) -> str:
    values = (
        number, " ".join(title.split())[:200], made.isoformat(timespec="seconds"), checksum(body),
        "yes" if destructive else "no",
    )  # fmt: skip
    return "".join(f"-- {name}: {value}\n" for name, value in zip(_FIELDS, values, strict=True)) + "\n"


def _read(path: Path, number: str) -> Script:
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(
                f"{path.name} is larger than {LARGEST >> 20} MB", hint="Load data with COPY, not with a migration."
            )
        text = path.read_text("utf-8-sig")  # some editors write a mark before the first word
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is not UTF-8", detail=f"byte {error.start}") from None
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read", detail=error.strerror) from None
    fields: dict[str, str] = {}
    lines = text.splitlines(keepends=True)
    used = 0
    for line in lines:
        found = _FIELD.fullmatch(line.rstrip())
        if found is None or found[1] in fields:
            break
        fields[found[1]] = found[2].strip()
        used += 1
    body = "".join(lines[used:])
    if int(fields.get("id", number) or "-1", 10) != int(number):
        raise UsageError(
            f"{path.name} says that it is {fields['id']}", hint="The number of the file and of its header must agree."
        )
    return Script(
        path=path,
        title=fields.get("title") or path.name.split(".")[0].partition("_")[2].replace("_", " "),
        made=fields.get("made", ""),
        destructive=fields.get("destructive", "no") == "yes",
        body=body,
        checksum=checksum(body),
        stated=fields.get("checksum") or None,
        header_lines=used,
    )
