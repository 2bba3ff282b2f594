"""Whether values of a type mean the same at any time, and whether reading text as the type does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from postai.sql.safety import FIRST_USER_OID


@dataclass(frozen=True, slots=True)
class Type:
    """A type as the catalog has it.

    Attributes:
        kind: pg_type.typtype.
        element, base, array: oids of related types; 0 = none.
        checked: a domain with a CHECK constraint of its own.
        ordered: somebody made an operator class that is its default order or hashing.
        trusted: of an extension that is known.
        members: types of a row's fields.
    """

    oid: int
    schema: str
    name: str
    kind: str
    element: int
    base: int
    array: int
    checked: bool
    ordered: bool
    trusted: bool
    members: tuple[int, ...]


class Types:
    """The types that one statement uses."""

    def __init__(self, rows: Iterable[Sequence[Any]] | None, plain: frozenset[str], dates: frozenset[str]) -> None:
        self._plain, self._dates = plain, dates
        self._types: dict[int, Type] = {}
        self.add(rows)

    def add(self, rows: Iterable[Sequence[Any]] | None) -> None:
        """More types, as the catalog's rows."""
        for oid, schema, name, kind, element, base, array, checked, ordered, trusted, members in rows or ():
            self._types[oid] = Type(
                oid, schema, name, kind, element, base, array, checked, ordered, trusted, tuple(members or ())
            )

    def name(self, oid: int) -> str:
        """For messages."""
        return self._types[oid].name if oid in self._types else str(oid)

    def meaning(self, oid: int) -> str:
        """ "plain", "date" (is of dates or times, or holds such), "row", or "" for what is not trusted."""
        one = self._types.get(oid)
        if one is None:
            return ""
        if one.oid < FIRST_USER_OID:
            own = one.name.removeprefix("_") if one.schema == "pg_catalog" else ""
            return "plain" if own in self._plain else "date" if own in self._dates else ""
        if one.trusted and one.kind == "b":
            return self.meaning(one.element) if one.element and one.name.startswith("_") else "plain"
        if one.ordered:
            return ""
        if one.kind == "e":
            return "plain"
        if one.kind == "d":
            return self.meaning(one.base)
        if one.kind == "c":
            return "row" if all(map(self.meaning, one.members)) else ""
        return self.meaning(one.element) if one.kind == "b" and one.element and one.name.startswith("_") else ""

    def checked(self, oid: int) -> bool:
        """Whether a value that becomes one of the type is put to a CHECK constraint."""
        one = self._types.get(oid)
        if one is None or one.oid < FIRST_USER_OID:
            return False
        return one.checked or self.checked(one.base) or self.checked(one.element)

    def with_parts(self, oid: int) -> set[int]:
        """The type, what it is made of, and their arrays."""
        found: set[int] = set()
        queue = [oid]
        while queue:
            one = queue.pop()
            if one and one not in found:
                found.add(one)
                if one in self._types:
                    known = self._types[one]
                    queue += [known.element, known.base, known.array, *known.members]
        return found
