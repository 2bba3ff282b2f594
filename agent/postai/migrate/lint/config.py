"""Configuration of the linter: `[tool.postai.lint]` in pyproject.toml, or `[lint]` in postai.toml, of a project."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from postai.errors import UsageError
from postai.migrate.lint.registry import rule_names
from postai.migrate.lint.types import NEWEST, OLDEST, Level, LintOptions
from postai.migrate.types import Severity

_LEVELS: tuple[str, ...] = (*get_args(Severity), "off")


def find_options(directory: Path) -> LintOptions:
    """The options of the project that a directory belongs to: of the nearest file that has such a section.

    Raises:
        UsageError: the file is no TOML, or the section has a mistake.
    """
    for place in (directory, *directory.parents):
        for name, keys in (("postai.toml", ("lint",)), ("pyproject.toml", ("tool", "postai", "lint"))):
            path = place / name
            if path.is_file():
                section = _section(path, keys)
                if section is not None:
                    return options_of(section, str(path))
    return LintOptions()


def _section(path: Path, keys: tuple[str, ...]) -> Any:
    try:
        found: Any = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML", detail=str(error), hint="Mend that place.") from None
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def options_of(section: Any, where: str) -> LintOptions:
    """The options that a section says.

    Raises:
        UsageError: an unknown key, rule or severity.
    """
    if not isinstance(section, Mapping):
        raise _mistake(where, "the section is no table")
    unknown = set(section) - {"pg_version", "severity"}
    if unknown:
        raise _mistake(where, f"unknown key {sorted(unknown)[0]!r}")
    version = section.get("pg_version", NEWEST)
    if not isinstance(version, int) or not OLDEST <= version <= NEWEST:
        raise _mistake(where, f"pg_version must be a number from {OLDEST} to {NEWEST}")
    return LintOptions(version, _levels(section.get("severity", {}), where))


def _levels(section: Any, where: str) -> dict[str, Level]:
    if not isinstance(section, Mapping):
        raise _mistake(where, "severity must be a table of rules")
    levels: dict[str, Level] = {}
    for name, level in section.items():
        if name not in rule_names():
            raise _mistake(where, f"there is no rule {name!r}")
        if level not in _LEVELS:
            raise _mistake(where, f"severity of {name} must be one of {', '.join(_LEVELS)}")
        levels[name] = level
    return levels


def _mistake(where: str, what: str) -> UsageError:
    return UsageError("the lint configuration has a mistake", detail=f"{where}: {what}", hint="docs/lint.md shows it.")
