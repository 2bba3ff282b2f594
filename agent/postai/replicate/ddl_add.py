"""What a change of the schema on the one side needs on the other, as statements: what only adds something.

New objects come from pg_dump, columns and values of enums from the catalogs.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from postai.database import named_sql
from postai.database.identifiers import quote_ident, quote_literal
from postai.database.protocol import Database
from postai.replicate import dump_text
from postai.replicate.schema_compare import Difference, Part

_IDENT = r'(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)'
_NAME = rf"{_IDENT}(?:\.{_IDENT})*"
_MAKES = re.compile(
    r"CREATE (?:OR REPLACE )?(?:UNLOGGED |FOREIGN |MATERIALIZED |UNIQUE |DEFAULT )?"
    r"(?:SCHEMA|TYPE|DOMAIN|FUNCTION|PROCEDURE|AGGREGATE|OPERATOR|COLLATION|TEXT SEARCH|CONVERSION|CAST|SEQUENCE|TABLE|"
    rf"VIEW|INDEX|STATISTICS)(?: IF NOT EXISTS)?(?: ({_NAME}))?(?: ON (?:ONLY )?({_NAME}) USING)?"
)
_OWNER = re.compile(rf"ALTER [A-Z ]+ ({_NAME})[^;]*? OWNER TO {_IDENT}$", re.DOTALL)
_SAYS = re.compile(r"COMMENT ON |GRANT |REVOKE |ALTER DEFAULT PRIVILEGES |SET (?:SESSION AUTHORIZATION|ROLE) ")
_ATTACH = re.compile(rf"ALTER TABLE ONLY {_NAME} ATTACH PARTITION ({_NAME}) ")
_ATTACH_INDEX = re.compile(rf"ALTER INDEX {_NAME} ATTACH PARTITION ")
_OF_RELATION = (
    re.compile(rf"ALTER (?:TABLE|SEQUENCE|VIEW|MATERIALIZED VIEW|FOREIGN TABLE) (?:ONLY )?({_NAME})"),
    re.compile(rf"CREATE (?:CONSTRAINT )?TRIGGER {_IDENT} .*? ON ({_NAME}) ", re.DOTALL),
    re.compile(rf"CREATE POLICY {_IDENT} ON ({_NAME})"),
    re.compile(rf"CREATE RULE {_IDENT} AS\s+ON [A-Z]+ TO ({_NAME})"),
)
_MADE = re.compile(rf"CREATE (?:UNLOGGED |FOREIGN )?TABLE ({_NAME})")


@dataclass(frozen=True)
class Added:
    """Statements that add what the other side lacks.

    Attributes:
        statements: in an order in which most can run; one that fails may run after others.
        unequal: tables whose rows may have got other values there than here (a default that is not the same each time).
    """

    statements: tuple[str, ...]
    unequal: tuple[str, ...]


def names(text: str) -> tuple[str, ...]:
    """The parts of a qualified name without their quotes."""
    return tuple(
        one[1:-1].replace('""', '"') if one.startswith('"') else one for one in re.findall(_IDENT, text)
    )  # fmt: skip


def quoted(text: str) -> str:
    """A qualified name as pg_dump writes it when it quotes all; of a function without its arguments."""
    return ".".join(quote_all(one) for one in names(text)[:2])


def quote_all(name: str) -> str:
    """A name in quotes, whether it needs them or not."""
    return '"' + name.replace('"', '""') + '"'


def by_dump(found: Iterable[Difference]) -> bool:
    """Whether some difference is more than a column or a value of an enum."""
    return any(
        not (one.change == "missing" and _is_column(one.part)) and (one.change != "changed" or one.part.kind != "enum")
        for one in found
    )


def of_dump(
    statements: Iterable[str], found: Sequence[Difference], renamed: Iterable[str], known: Container[str]
) -> tuple[str, ...]:
    """Of pg_dump's statements those that only add: new objects, and what is said of them.

    Args:
        found: the differences.
        known: digests of statements that were run already; what is missing now is made again all the same.
        renamed: new names of tables that only were renamed, which must not be made.
    """
    skipped = {names(one) for one in renamed}
    new = {
        names(one.part.of)[:2] for one in found
        if one.change == "missing" and one.part.aspect == "definition" and one.part.name == ""
    } - skipped  # fmt: skip
    said = [quoted(one.part.of) for one in found if one.part.aspect in ("comment", "grants")]
    kept = []
    for one in statements:
        made = _MADE.match(one)
        if made and names(made[1]) in skipped:
            continue
        match = _MAKES.match(one) or _OWNER.match(one)
        if match is not None or _ATTACH_INDEX.match(one):
            kept += [one] if dump_text.digest(one) not in known or _subject(match) in new else []
        elif _SAYS.match(one):
            kept += [one] if dump_text.digest(one) not in known or any(name in one for name in said) else []
        elif any(names(of[1]) in new for of in (rule.match(one) for rule in (_ATTACH, *_OF_RELATION)) if of):
            kept.append(one)
    # A partition is attached with the keys and indexes that it brings; else it would be given others.
    return tuple(
        sorted(kept, key=lambda one: (1 if _ATTACH.match(one) else 0) + (2 if _ATTACH_INDEX.match(one) else 0))
    )


def _subject(match: re.Match[str] | None) -> tuple[str, ...]:
    """What a statement makes: schema and name; an index stands in the schema of its table."""
    if match is None or match[1] is None:
        return ()
    own = names(match[1])
    of = names(match[2]) if match.re is _MAKES and match[2] else ()
    return (*of[:1], *own)


def columns(publisher: Database, found: Iterable[Difference]) -> Added:
    """ALTER TABLE for columns that the other side lacks in tables that it has."""
    statements: list[str] = []
    unequal: set[str] = set()
    wanted = [one.part for one in found if one.change == "missing" and _is_column(one.part)]
    for part in sorted(wanted, key=lambda one: (one.of, one.number)):
        with publisher.transaction():
            publisher.query(named_sql.load(__package__, "schema_compare.sql")["limits"])
            rows = publisher.query(_sql("column"), (part.oid, part.oid, part.number))
        if rows and not rows[0][-1]:  # a partition or child gets it with its parent
            made, same = _column(part, *rows[0][:-1])
            statements += made
            if not same and publisher.query(_sql("any_row").replace("{table}", part.of)):
                unequal.add(part.of)
    return Added(tuple(statements), tuple(sorted(unequal)))


def _column(
    part: Part, kind: str, collation: str | None, not_null: bool, default: str | None, identity: str, generated: str,
    has_missing: bool, missing: str | None,
) -> tuple[list[str], bool]:  # fmt: skip
    """Statements for one column, and whether older rows have the same value on both sides then."""
    alter = f"alter table {part.of}"
    head = f"{alter} add column {part.name} {kind}{f' collate {collation}' if collation else ''}"
    null = " not null" if not_null else ""
    if generated:
        return [f"{head} generated always as ({default}) {'stored' if generated == 's' else 'virtual'}{null}"], True
    if identity:
        return [f"{head} generated {'always' if identity == 'a' else 'by default'} as identity"], False
    if has_missing:
        # Rows that were there have the value of that moment; a default such as now() has another one today.
        then = f"set default {default}" if default is not None else "drop default"
        value = f"{quote_literal(missing)}::{kind}" if missing is not None else "null"
        return [f"{head} default {value}{null}; {alter} alter column {part.name} {then}"], True
    if default is not None:
        return [f"{head} default {default}{null}"], False
    return [head + null], True


def enum_values(publisher: Database, found: Iterable[Difference]) -> tuple[str, ...]:
    """ALTER TYPE for values of enums that the other side lacks, where it has all others in that order."""
    statements = []
    for one in found:
        if one.change != "changed" or one.part.kind != "enum" or one.part.aspect != "definition" or one.other is None:
            continue
        ((wanted,),) = publisher.query(_sql("enum"), (one.part.oid,))
        has = _literals(one.other.text)
        if [value for value in wanted if value in has] != has:
            continue
        for at, value in enumerate(wanted):
            if value not in has:
                # All before it are there by now; it stands behind them.
                place = (
                    f" after {quote_literal(wanted[at - 1])}"
                    if at
                    else (f" before {quote_literal(has[0])}" if has else "")
                )
                statements.append(f"alter type {one.part.of} add value if not exists {quote_literal(value)}{place}")
    return tuple(statements)


def _literals(text: str) -> list[str]:
    """The values of a list of literals as the server wrote it."""
    found = []
    for escaped, value in re.findall(r"(E?)'((?:[^']|'')*)'", text):
        plain = value.replace("''", "'")
        found.append(plain.replace("\\\\", "\\") if escaped else plain)
    return found


def fix(one: Difference) -> str:
    """What to run where the schema is followed, so that it is as on the other side; words where that is open."""
    part = one.part
    if one.change == "unexpected":
        return _removal(part)
    if part.aspect == "owner":
        kind = "table" if part.kind in ("view", "materialized view") else part.kind
        return f"ALTER {kind.upper()} {part.of} OWNER TO {quote_ident(part.text)}"
    if part.aspect == "definition":
        if part.kind in ("function", "procedure"):
            return part.text
        if part.kind == "view":
            return f"CREATE OR REPLACE VIEW {part.of} {part.text}"
        if part.kind == "constraint" and one.change == "missing":
            return f"ALTER TABLE {part.of} ADD CONSTRAINT {part.name} {part.text}"
        if part.kind in ("trigger", "rule", "index") and one.change == "missing":
            return part.text
    return f"make {part.shown} as it is on the other side: {part.text}"


def _removal(part: Part) -> str:
    if part.aspect == "comment":
        return f"remove the {part.shown}: COMMENT ON ... IS NULL"
    if part.aspect != "definition":
        return f"take away what is granted: {part.shown}: {part.text}"
    if part.kind in ("column", "constraint"):
        return f"ALTER TABLE {part.of} DROP {part.kind.upper()} {part.name}"
    if part.kind in ("trigger", "rule", "policy"):
        return f"DROP {part.kind.upper()} {part.name} ON {part.of}"
    kind = {"enum": "TYPE"}.get(part.kind, part.kind.upper())
    return f"DROP {kind} {part.of}"


def _is_column(part: Part) -> bool:
    return part.kind == "column" and part.aspect == "definition"


def _sql(name: str) -> str:
    return named_sql.load(__package__, "ddl.sql")[name]
