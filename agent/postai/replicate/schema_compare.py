"""How the schemas of two servers differ, whatever their versions.

Servers of different versions write the same view or expression in different ways. What was made from the other side's
definition and reads differently is remembered as the same (`remember`, right after it was made), so that later only
real changes are differences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from postai.database import ServerError, named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.replicate.types import USERS_SCHEMA, own_schema

Change = Literal["missing", "unexpected", "changed"]

# Kinds whose text a server writes itself from what it keeps; each version does it in its own way.
_WRITTEN = frozenset(
    {"column", "constraint", "index", "policy", "rule", "trigger", "view", "materialized view", "function", "procedure",
     "domain", "table", "statistics", "publication", "aggregate", "sequence", "collation"}
)  # fmt: skip
# What a part is read from that older servers have not, with the first version.
_NEWER = MappingProxyType(
    {"generated": 120_000, "compression": 140_000, "row_filter": 150_000, "published_schemas": 150_000}
)
# Kinds that a role may not be allowed to make, and that a move goes on without.
SPARED = frozenset({"event trigger", "publication", "security label", "language"})
# What `remember` notes as the text of a part that is missing.
_MISSING = ""
_TRIES = 3
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')


@dataclass(frozen=True)
class Part:
    """One aspect of one part of a schema.

    Attributes:
        aspect: definition, owner, grants or comment.
        kind: "table", "column", "index" ...
        of: the object with its schema, quoted; of a part of a table the table.
        name: of the part, quoted; "" where the part is the object itself.
        text: what is compared.
        oid, number: of the object and column on its server: what was renamed keeps them.
    """

    aspect: str
    kind: str
    of: str
    name: str
    text: str
    oid: int
    number: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.aspect, self.kind, self.of, self.name

    @property
    def shown(self) -> str:
        """For people: "comment of table shop.item"."""
        whole = f"{self.kind} {self.of}{f' {self.name}' if self.name else ''}"
        return whole if self.aspect == "definition" else f"{self.aspect} of {whole}"


@dataclass(frozen=True)
class Difference:
    """Where the target's schema is not the source's.

    Attributes:
        change: missing (on the target), unexpected (only there), changed.
        part: as the source has it; as the target has it where it is unexpected.
        other: as the target has it, where it is changed.
    """

    change: Change
    part: Part
    other: Part | None = None

    @property
    def shown(self) -> str:
        """For people: "column shop.item.price is missing on the target"."""
        words = {"missing": "is missing on the target", "unexpected": "is on the target only", "changed": "differs"}
        return f"{self.part.shown} {words[self.change]}"


def parts(db: Database, schemas: Sequence[str] = (), *, after_rows: bool = True) -> tuple[Part, ...]:
    """Everything that the schema of the user consists of.

    Args:
        schemas: only these; () = all of the user's, and what belongs to no schema.
        after_rows: whether with indexes, keys, triggers and all that is made after the rows.
    """
    for left in range(_TRIES, 0, -1):
        try:
            with db.transaction():
                db.query(_sql("limits"))
                return tuple(_part(*row) for row in db.query(*_query(db, schemas, after_rows=after_rows)))
        except ServerError as error:
            # An object was dropped between the catalog's row and its definition.
            if left == 1 or error.sqlstate not in ("XX000", "42P01", "42704", "55P03"):
                raise
    raise AssertionError


def _part(aspect: str, kind: str, of: str, name: str, text: str, oid: int, number: int) -> Part:
    """A part, its names quoted only where they must be on any version: servers differ in that, so they quote all."""
    return Part(aspect, kind, _named(of), _named(name), text, oid, number)


def _named(text: str) -> str:
    return _QUOTED.sub(lambda match: quote_ident(match[1].replace('""', '"')), text)


def _query(db: Database, schemas: Sequence[str], *, after_rows: bool) -> tuple[str, tuple[list[str], ...]]:
    blocks = ["objects"]
    count = 2
    if after_rows:
        blocks.append("after_rows")
        count += 1
    if not schemas:
        blocks += ["of_database", *(["of_database_after_rows"] if after_rows else [])]
    text = _sql("parts").replace("{objects}", "\n".join(_sql(block) for block in blocks))
    for newer, since in _NEWER.items():
        text = text.replace(f"{{{newer}}}", _sql(newer) if db.server_version >= since else "null")
    return text, (list(schemas),) * count


def compare_schema(
    source: Database, target: Database, schemas: Sequence[str] = (), move: int | None = None, *, after_rows: bool = True
) -> tuple[Difference, ...]:
    """The differences between two schemas; () when they are the same.

    Args:
        source: the side whose schema is right.
        target: the side that was made from it.
        schemas: only these; () = all of the user's.
        move: id of the move, whose memory of what reads differently stands on the target; None = compare as written.
        after_rows: as `parts`.
    """
    wanted = parts(source, schemas, after_rows=after_rows)
    has = parts(target, schemas, after_rows=after_rows)
    same = known_same(source, target, move) if move is not None else {}
    return differences(wanted, has, same)


def differences(
    wanted: Iterable[Part], has: Iterable[Part], same: dict[tuple[str, str, str, str], tuple[str, str]]
) -> tuple[Difference, ...]:
    """The differences of two readings; a part of an object that is missing as a whole is not told by itself."""
    should = {one.key: one for one in wanted}
    there = {one.key: one for one in has}
    found = [Difference("missing", should[key]) for key in should.keys() - there.keys()]
    # One more extension is no harm: the home itself may need some.
    more = (there[key] for key in there.keys() - should.keys())
    found += [Difference("unexpected", one) for one in more if one.kind != "extension"]
    for key in should.keys() & there.keys():
        one, other = should[key], there[key]
        if one.text != other.text and same.get(key) != (one.text, other.text):
            found.append(Difference("changed", one, other))
    gone = {(one.change, one.part.of) for one in found if _whole(one.part)}
    # Of what is there as a whole or not at all, the whole says it.
    kept = [
        one for one in found
        if (_whole(one.part) or (one.change, one.part.of) not in gone)
        and (one.change == "changed" or one.part.kind not in SPARED or one.part.key not in same)
    ]  # fmt: skip
    return tuple(sorted(kept, key=lambda one: (one.part.of, one.part.kind, one.part.name, one.part.aspect, one.change)))


def _whole(part: Part) -> bool:
    return part.aspect == "definition" and part.name == "" and part.kind not in ("row security", "replica identity")


def remember(
    source: Database,
    target: Database,
    move: int,
    schemas: Sequence[str] = (),
    only: frozenset[tuple[str, str, str, str]] | None = None,
    unreachable: frozenset[str] = frozenset(),
    *,
    spared: bool = False,
    known: Sequence[Difference] | None = None,
) -> tuple[Difference, ...]:
    """Note what the two servers write differently now, right after the target's schema was made from the source's.

    Definitions only between different major versions; servers of one version write alike.

    Args:
        only: keys of parts that were made just now; what was noted of others stays. None = of all.
        unreachable: owners on the source that the target's objects could not be given to.
        spared: whether what is missing of the kinds SPARED was left out with a warning, and is not asked for again.

        known: all that differs, where that was just read.

    Returns:
        what was noted.
    """
    target.execute(_sql("same_table").replace("{schema}", own_schema(move)))
    different = compare_schema(source, target, schemas) if known is None else known
    versions = source.server_version // 10000 != target.server_version // 10000
    owners = [one.part for one in different if one.part.aspect == "owner" and one.part.text in unreachable]
    foreign = {(part.kind, part.of) for part in owners}

    def may_stay(one: Difference) -> bool:
        if one.change == "missing":
            return spared and one.part.kind in SPARED
        if one.part.aspect == "definition":
            return versions and one.part.kind in _WRITTEN
        return one.part.aspect in ("owner", "grants") and (one.part.kind, one.part.of) in foreign

    found = [
        one for one in different
        if one.change != "unexpected" and (only is None or one.part.key in only) and may_stay(one)
    ]  # fmt: skip
    columns = [[*one.part.key, one.part.text, one.other.text if one.other else _MISSING] for one in found]
    with target.transaction():
        if only is None:
            target.execute(_sql("forget_same").replace("{schema}", own_schema(move)))
        if columns:
            target.execute(
                _sql("add_same").replace("{schema}", own_schema(move)), [list(x) for x in zip(*columns, strict=True)]
            )
    return tuple(found)


def known_same(source: Database, target: Database, move: int) -> dict[tuple[str, str, str, str], tuple[str, str]]:
    """What `remember` noted of the two sides, on whichever it stands: after a switch they have changed places."""
    turned = {key: (other, one) for key, (one, other) in remembered(source, move).items()}
    return turned | remembered(target, move)


def remembered(target: Database, move: int) -> dict[tuple[str, str, str, str], tuple[str, str]]:
    """What `remember` noted: the texts of both sides by the part's key."""
    ((there,),) = target.query(_sql("has_same"), (f"{own_schema(move)}.same",))
    if not there:
        return {}
    rows = target.query(_sql("same").replace("{schema}", own_schema(move)))
    return {(aspect, kind, of, name): (one, other) for aspect, kind, of, name, one, other in rows}


def _sql(name: str) -> str:
    return named_sql.load(__package__, "schema_compare.sql")[name].replace("{users_schema}", USERS_SCHEMA)
