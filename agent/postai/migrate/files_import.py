"""Histories of Alembic, Flyway and sqitch as a baseline: their tables are read, their files matched; nothing is run."""

from __future__ import annotations

import ast
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from postai.database import Database
from postai.database.identifiers import quote_ident
from postai.database.named_sql import load
from postai.errors import UsageError

TOOLS = ("alembic", "flyway", "sqitch")


@dataclass(frozen=True)
class Imported:
    """A migration that another tool has carried out.

    Attributes:
        id: "alembic:1975ea83b712", "flyway:2.1", "sqitch:project:change".
        title: the tool's own words.
        file: what was found of it in the directory; None = nothing.
        checksum: SHA-256 of that file.
        problem: why the file is not what the history says, one sentence; None = it agrees, or nobody can tell.
    """

    id: str
    title: str
    source: str
    file: Path | None
    checksum: str | None
    problem: str | None = None


def histories(db: Database) -> tuple[tuple[str, str], ...]:
    """The tools whose tables are there, each with the schema of the table."""
    rows = db.query(load(__package__, "files_import.sql")["tables"])
    return tuple((str(tool), str(schema)) for tool, schema in rows)


def read_history(db: Database, tool: str, directory: Path | None) -> tuple[Imported, ...]:
    """What a tool has carried out, oldest first.

    Args:
        tool: one of `TOOLS`.
        directory: of the tool's files; it is searched with everything below it. None = no files are matched.

    Raises:
        UsageError: the tool's table is not there, or in several schemas; Alembic's files are needed and do not fit.
    """
    places = [schema for name, schema in histories(db) if name == tool]
    if not places:
        raise UsageError(
            f"there is no history of {tool} in this database", hint="post-ai migrate baseline without --from."
        )
    if len(places) > 1:
        raise UsageError(
            f"there are histories of {tool} in several schemas", detail=", ".join(places),
            hint="Connect with a role that sees one of them, or drop what is not used.",
        )  # fmt: skip
    reader: Mapping[str, Callable[[Database, str, Path | None], tuple[Imported, ...]]] = {
        "alembic": _alembic, "flyway": _flyway, "sqitch": _sqitch,
    }  # fmt: skip
    return reader[tool](db, quote_ident(places[0]), directory)


def _alembic(db: Database, schema: str, directory: Path | None) -> tuple[Imported, ...]:
    heads = [row[0] for row in db.query(_sql("alembic", schema))]
    if directory is None:
        return tuple(Imported(f"alembic:{one}", f"revision {one}", "alembic", None, None) for one in heads)
    known = {one.revision: one for path in _files(directory, "*.py") if (one := _revision(path)) is not None}
    missing = [one for one in heads if one not in known]
    if missing:
        raise UsageError(
            f"the directory has no file of revision {missing[0]}", detail=str(directory),
            hint="Give the directory that holds Alembic's versions.",
        )  # fmt: skip
    order: dict[str, _Revision] = {}
    _ancestors(heads, known, order)
    return tuple(
        Imported(f"alembic:{one.revision}", one.title, "alembic", one.path, _sha256(one.path)) for one in order.values()
    )


@dataclass(frozen=True)
class _Revision:
    revision: str
    down: tuple[str, ...]
    title: str
    path: Path


def _revision(path: Path) -> _Revision | None:
    """What an Alembic file says of itself; it is parsed, never run."""
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (SyntaxError, ValueError, OSError):
        return None
    values: dict[str, object] = {}
    for node in tree.body:
        target = (
            node.targets[0]
            if isinstance(node, ast.Assign)
            else node.target
            if isinstance(node, ast.AnnAssign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            try:
                values[target.id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    revision, down = values.get("revision"), values.get("down_revision")
    if not isinstance(revision, str):
        return None
    before = (down,) if isinstance(down, str) else tuple(map(str, down)) if isinstance(down, tuple | list) else ()
    title = (ast.get_docstring(tree) or path.stem).strip().splitlines()[0]
    return _Revision(revision, before, title, path)


def _ancestors(heads: list[str], known: Mapping[str, _Revision], order: dict[str, _Revision]) -> None:
    """Ancestors before their descendants, each once."""
    waiting: list[tuple[str, bool]] = [(one, False) for one in reversed(heads)]
    seen: set[str] = set()
    while waiting:
        name, ready = waiting.pop()
        if ready:
            order[name] = known[name]
        elif name not in seen:
            seen.add(name)
            if name not in known:
                raise UsageError(f"the directory has no file of revision {name}", hint="Other revisions stand on it.")
            waiting.append((name, True))
            waiting += [(one, False) for one in reversed(known[name].down)]


def _flyway(db: Database, schema: str, directory: Path | None) -> tuple[Imported, ...]:
    files = {path.name: path for path in _files(directory, "*.sql")}
    found = []
    for version, description, script, checksum, kind in db.query(_sql("flyway", schema)):
        path = files.get(re.split(r"[/\\]", script)[-1])
        problem = None
        if path is not None and kind == "SQL" and checksum is not None and _flyway_checksum(path) != checksum:
            problem = f"{path.name} was changed after Flyway ran it"
        found.append(
            Imported(f"flyway:{version}", description, "flyway", path, None if path is None else _sha256(path), problem)
        )
    return tuple(found)


def _flyway_checksum(path: Path) -> int:
    """CRC-32 over the lines without their ends, as a signed number."""
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    value = 0
    for line in re.split(rb"\r\n|\r|\n", text):
        value = zlib.crc32(line, value)
    return value - 2**32 if value >= 2**31 else value


def _sqitch(db: Database, schema: str, directory: Path | None) -> tuple[Imported, ...]:
    files = {path.stem: path for path in _files(directory, "*.sql") if path.parent.name == "deploy"}
    found = []
    for _, change, project, script_hash in db.query(_sql("sqitch", schema)):
        path = files.get(change)
        problem = None
        if (
            path is not None
            and script_hash
            and hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest() != script_hash
        ):
            problem = f"deploy/{path.name} was changed after sqitch ran it"
        found.append(
            Imported(
                f"sqitch:{project}:{change}", change, "sqitch", path, None if path is None else _sha256(path), problem
            )
        )
    return tuple(found)


def _files(directory: Path | None, pattern: str) -> list[Path]:
    if directory is None:
        return []
    if not directory.is_dir():
        raise UsageError(f"{directory} is no directory")
    return sorted(path for path in directory.rglob(pattern) if path.is_file())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sql(name: str, schema: str) -> str:
    return load(__package__, "files_import.sql")[name].replace("{schema}", schema)
