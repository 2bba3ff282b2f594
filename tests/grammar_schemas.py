"""Made-up databases for the engine's tests, written once in a small notation: as a catalog and as DDL.

    table [; comment]
      column type[?] [pk] [unique] [-> table] [= value, value] [; comment]

A "?" behind the type means nullable; "enum = a, b" makes an enum type; values of a text column become statistics,
those of an array are its elements, and documents of a jsonb column are parted by " | ".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from postai.ask.types import AskRequest
from postai.database.catalog import Catalog, Column, ColumnStatistics, ForeignKey, Table

FOLDER = Path(__file__).parent / "grammar"
TODAY = date(2026, 5, 20)
_TYPES = {
    "bigint": ("int8", "N"), "int": ("int4", "N"), "numeric": ("numeric", "N"), "text": ("text", "S"),
    "bool": ("bool", "B"),
    "date": ("date", "D"), "timestamptz": ("timestamptz", "D"), "timestamp": ("timestamp", "D"),
    "jsonb": ("jsonb", "U"), "time": ("time", "D"),
    "array": ("_text", "A"),
    "enum": ("enum", "E"),
}  # fmt: skip
_LINE = re.compile(
    r"\s+(?P<name>\w+) (?P<type>\w+)(?P<null>\?)?(?P<pk> pk)?(?P<unique> unique)?(?: -> (?P<ref>\w+))?"
    r"(?: = (?P<values>[^;]+?))?(?: ; (?P<comment>.*))?$"
)


@dataclass(frozen=True)
class Schema:
    """A made-up database."""

    name: str
    text: str

    def questions(self) -> list[str]:
        lines = (FOLDER / f"{self.name}.questions").read_text().splitlines()
        return [line for line in lines if line.strip() and not line.startswith("#")]

    def catalog(self, keys: bool = True) -> Catalog:
        """The catalog; without `keys` no foreign key is declared."""
        tables = []
        for oid, (name, comment, lines) in enumerate(self._tables(), start=1000):
            columns, references, primary, unique = [], [], [], []
            for number, part in enumerate(lines, start=1):
                columns.append(_column(number, part))
                if part["pk"]:
                    primary.append(part["name"])
                if part["unique"]:
                    unique.append((part["name"],))
                if part["ref"] and keys:
                    key = next(line["name"] for line in self._lines(part["ref"]) if line["pk"])
                    references.append(
                        ForeignKey(f"{name}_{part['name']}_fkey", (part["name"],), 0, "public", part["ref"], (key,))
                    )
            tables.append(
                Table(
                    oid,
                    "public",
                    name,
                    "table",
                    comment,
                    tuple(columns),
                    tuple(primary),
                    tuple(unique),
                    tuple(references),
                    row_estimate=1000,
                )
            )
        return Catalog(self.name, 150000, self.name, tuple(sorted(tables, key=lambda table: table.name)))

    def ddl(self) -> str:
        """CREATE statements of the same database."""
        statements, later = [], []
        for name, comment, lines in self._tables():
            parts = []
            for part in lines:
                kind = part["type"]
                if kind == "array":
                    kind = "text[]"
                if kind == "enum":
                    kind = f"{name}_{part['name']}"
                    labels = ", ".join(f"'{value}'" for value in _values(part))
                    statements.insert(0, f"CREATE TYPE {kind} AS ENUM ({labels});")
                null = "" if part["null"] else " NOT NULL"
                parts.append(f'"{part["name"]}" {kind}{null}{" UNIQUE" if part["unique"] else ""}')
                if part["ref"]:
                    later.append(f'ALTER TABLE {name} ADD FOREIGN KEY ("{part["name"]}") REFERENCES {part["ref"]};')
                if part["comment"]:
                    text = part["comment"].replace("'", "''")
                    later.append(f"COMMENT ON COLUMN {name}.\"{part['name']}\" IS '{text}';")
            primary = [part["name"] for part in lines if part["pk"]]
            if primary:
                parts.append(f"PRIMARY KEY ({', '.join(primary)})")
            statements.append(f"CREATE TABLE {name} ({', '.join(parts)});")
            if comment:
                later.append(f"COMMENT ON TABLE {name} IS '{comment}';")
        return "\n".join(statements + later)

    def request(self, question: str) -> AskRequest:
        return AskRequest(question, "someone", ("public",), TODAY)

    def _tables(self) -> list[tuple[str, str | None, list[dict[str, str]]]]:
        found: list[tuple[str, str | None, list[dict[str, str]]]] = []
        for line in self.text.splitlines():
            if not line.strip():
                continue
            if not line.startswith(" "):
                name, _, comment = line.partition(" ; ")
                found.append((name.strip(), comment or None, []))
            else:
                match = _LINE.match(line)
                assert match, line
                found[-1][2].append(match.groupdict())
        return found

    def _lines(self, table: str) -> list[dict[str, str]]:
        return next(lines for name, _, lines in self._tables() if name == table)


def _values(part: dict[str, str]) -> list[str]:
    if part["type"] == "jsonb":
        return (part["values"] or "").split(" | ") if part["values"] else []
    return [value.strip() for value in (part["values"] or "").split(",") if value.strip()]


def _column(number: int, part: dict[str, str]) -> Column:
    base, category = _TYPES[part["type"]]
    values = tuple(_values(part))
    statistics = None
    if values and category == "S":
        statistics = ColumnStatistics(float(len(values)), 0.0, values, tuple(1 / len(values) for _ in values))
    if values and part["type"] in ("jsonb", "array"):
        common = values if part["type"] == "jsonb" else tuple(f"{{{value}}}" for value in values)
        statistics = ColumnStatistics(float(len(common)), 0.0, common, tuple(1 / len(common) for _ in common))
    return Column(
        number, part["name"], part["type"], 0, base, category, values if category == "E" else (), not part["null"],
        comment=part["comment"], statistics=statistics,
    )  # fmt: skip


def load(name: str) -> Schema:
    """One of the made-up databases, by name."""
    return Schema(name, (FOLDER / f"{name}.schema").read_text())


NAMES = (
    "shop", "library", "clinic", "helpdesk", "market", "bakery", "ranges", "fleet", "tram", "company", "exchange",
    "museum", "theatre",
)  # fmt: skip
