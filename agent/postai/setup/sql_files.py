"""Where the SQL part of postai lies, and in which order it is read.

In a checkout (editable install) the folders are `sql/` and `plpython/` of the repository; a wheel carries the same
folders inside the package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import postai
from postai.errors import PostaiError, UsageError

SOCKET_PLACEHOLDER = "MODULE_PATHNAME"
"""Stands for the socket path in plpython/*.sql; the extension mechanism fills it in from the control file."""

_PATH = re.compile(r"/[A-Za-z0-9._/@+-]+")
_INCLUDE = re.compile(r"^-- include: ([a-z0-9_]+\.sql)$", re.MULTILINE)
_UPGRADE = re.compile(r"(\d+\.\d+\.\d+)--(\d+\.\d+\.\d+)\.sql")


@dataclass(frozen=True)
class SqlFiles:
    """The SQL of one version of postai.

    Attributes:
        root: directory that holds `sql/` and `plpython/`.
    """

    root: Path

    def core(self) -> tuple[Path, ...]:
        """The files of the SQL core in load order."""
        return tuple(sorted((self.root / "sql").glob("[0-9]*.sql")))

    def plpython(self) -> tuple[Path, ...]:
        """The files of the PL/Python layer in load order."""
        return tuple(sorted((self.root / "plpython").glob("[0-9]*.sql")))

    def versions(self) -> dict[str, Path]:
        """Frozen complete scripts of older versions."""
        return {path.stem: path for path in (self.root / "sql" / "versions").glob("*.sql")}

    def upgrades(self) -> dict[tuple[str, str], Path]:
        """(from, to) -> script."""
        found = {}
        for path in (self.root / "sql" / "upgrade").glob("*.sql"):
            match = _UPGRADE.fullmatch(path.name)
            if match:
                found[match[1], match[2]] = path
        return found

    def read(self, path: Path) -> str:
        """Text of a file; a line `-- include: NAME` stands for that file of the core (used by upgrade scripts)."""
        text = path.read_text(encoding="utf-8")
        return _INCLUDE.sub(lambda match: (self.root / "sql" / match[1]).read_text(encoding="utf-8"), text)

    def upgrade_path(self, before: str, after: str) -> tuple[Path, ...]:
        """The scripts that lead from one version to another, in order.

        Raises:
            UsageError: there is no such way (a downgrade, or a version that was never released).
        """
        steps = self.upgrades()
        path: list[Path] = []
        version = before
        while version != after:
            following = [key for key in steps if key[0] == version]
            if not following:
                raise UsageError(
                    f"no upgrade leads from version {before} of postai in this database to {after}",
                    hint="Install the Python package of a version that is not older: pip install --upgrade postai",
                )
            version = following[0][1]
            path.append(steps[following[0]])
        return tuple(path)


def find() -> SqlFiles:
    """The SQL files of this installation.

    Raises:
        PostaiError: the package was installed without them.
    """
    package = Path(postai.__file__).parent
    for root in (package / "_sql", package.parents[1]):
        if (root / "sql" / "10_schema.sql").is_file():
            return SqlFiles(root)
    raise PostaiError(
        "the SQL files of postai are missing from this installation",
        detail=f"neither {package / '_sql'} nor {package.parents[1] / 'sql'} holds them",
        hint="Install the wheel again: pip install --force-reinstall postai",
    )


def with_socket_path(text: str, path: Path) -> str:
    """A PL/Python file with the socket path written into it.

    Raises:
        UsageError: the path is relative, too long for a socket, or holds characters that a literal must not hold.
    """
    if not _PATH.fullmatch(str(path)) or len(str(path)) > 100:
        raise UsageError(
            f"the socket path {str(path)!r} cannot be written into a function",
            detail="It is written as a literal, so that no setting can change it.",
            hint="Use an absolute path of at most 100 letters, digits and the characters . _ / @ + -",
        )
    return text.replace(SOCKET_PLACEHOLDER, str(path))
