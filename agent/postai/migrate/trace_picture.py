"""The relations of a copy at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from postai.database import Database, named_sql
from postai.database.identifiers import qualified, quote_ident
from postai.scratch.renaming import Renaming

LOCKABLE = frozenset("rpvmf")
"""Kinds of relations that statements of applications lock: tables, views, materialized views, foreign tables."""
STORED = frozenset("rm")


@dataclass(frozen=True)
class Relation:
    """A relation of the copy; attributes in the order of the block `relations`."""

    oid: int
    kind: str
    schema: str
    name: str
    file: int | None
    table: int | None
    parent: int | None
    clustered: bool
    default: int | None

    @property
    def label(self) -> str:
        """Its name with its schema, quoted where it must be."""
        return qualified(self.schema, self.name)


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key of the copy; attributes in the order of the block `foreign_keys`."""

    oid: int
    name: str
    referencing: int
    referenced: int
    validated: bool


class Picture:
    """All relations of the copy, by oid, and its foreign keys."""

    def __init__(self, relations: Iterable[Relation], keys: Iterable[ForeignKey]) -> None:
        self.by_oid: Mapping[int, Relation] = {one.oid: one for one in relations}
        self.keys: Mapping[int, ForeignKey] = {one.oid: one for one in keys}
        self._children: dict[int, list[Relation]] = {}
        self._schemas: dict[str, set[str]] = {}
        for one in self.by_oid.values():
            if one.parent is not None:
                self._children.setdefault(one.parent, []).append(one)
            self._schemas.setdefault(one.name, set()).add(one.schema)

    def find(self, schema: str | None, name: str, path: Sequence[str]) -> Relation | None:
        """The relation of that name, as a session with that search_path finds it."""
        places = self._schemas.get(name, set())
        place = schema if schema else next((one for one in path if one in places), None)
        found = (one for one in self.by_oid.values() if one.name == name and one.schema == place)
        return next(found, None)

    def shown(self, one: Relation, path: Sequence[str]) -> str:
        """Its name as a session with that search_path may write it, the schema left out where it can be."""
        places = self._schemas.get(one.name, set())
        visible = next((place for place in path if place in places), None) == one.schema
        return quote_ident(one.name) if visible else one.label

    def tree(self, one: Relation) -> Iterator[Relation]:
        """It and everything that is a partition of it or inherits from it."""
        yield one
        for child in self._children.get(one.oid, ()):
            yield from self.tree(child)

    def leaves(self, one: Relation) -> list[Relation]:
        """The tables with rows of their own among its tree (of an ordinary table, itself)."""
        if one.kind != "p":
            return [one]
        return [leaf for leaf in self.tree(one) if leaf.kind in STORED]

    def default_of(self, one: Relation) -> Relation | None:
        """Its default partition."""
        return None if one.default is None else self.by_oid.get(one.default)

    def indexes(self, one: Relation) -> list[Relation]:
        """Its indexes."""
        return [index for index in self.by_oid.values() if index.table == one.oid]


def take_picture(copy: Database, renaming: Renaming | None = None) -> Picture:
    """Read the relations that there are now; schemas that stand for others get their names."""
    blocks = named_sql.load(__package__, "trace.sql")
    places = None if renaming is None else list(renaming.places)
    relations = [Relation(*row) for row in copy.query(blocks["relations"], (places,))]
    if renaming is not None:
        relations = [replace(one, schema=renaming.real(one.schema)) for one in relations]
    return Picture(relations, (ForeignKey(*row) for row in copy.query(blocks["foreign_keys"], (places,))))
