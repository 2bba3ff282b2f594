"""Statements that make, change and drop the parts of a schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from postai.migrate.drift_types import Part

_ORDER = (
    "schema", "type", "domain", "domain constraint", "sequence", "table", "foreign table", "column", "sequence owner",
    "storage", "function", "procedure", "aggregate", "constraint", "index", "foreign key", "view", "materialized view",
    "rule", "trigger", "row security", "policy", "statistics",
)  # fmt: skip
_LAST_TO_GO = frozenset({"schema", "type", "domain", "sequence", "function", "procedure", "aggregate"})
"""Others may still need them while the rest is changed."""
HOLDERS = frozenset({"table", "foreign table", "column", "sequence"})
"""Kinds of parts that hold what nobody can make again once they are dropped."""
_WHOLE = {"smallint", "integer", "bigint"}
_TEXT = re.compile(r"(text|character varying)(\(\d+\))?")
_HEAD = re.compile(r'((?:"(?:[^"]|"")*"|[^".])+)\.')


def order(part: Part, *, gone: bool) -> tuple[int, int, int, str, str]:
    """Where a fix stands among the others: drops first, then what others are made of; last what they needed."""
    kind = "foreign key" if part.kind == "constraint" and part.parts[1] == "f" else part.kind
    rank = _ORDER.index(kind)
    partition = int(kind == "table" and bool(part.parts[2]))
    if gone:
        return (2 if kind in _LAST_TO_GO else 0, -rank, -partition, part.of, part.name)
    return (1, rank, partition, part.of, part.name)


def shown(part: Part) -> str:
    """What people call it: "column public.orders.status"."""
    if not part.name:
        return f"{part.kind} {part.of}"
    if part.kind == "column":
        return f"column {part.of}.{part.name}"
    if part.kind == "index":
        return f"index {_schema(part.of)}.{part.name}"
    return f"{part.kind} {part.name} on {part.of}"


def create(part: Part, columns: Iterable[Part] = ()) -> str | None:
    """The statement that makes a part; of a table with its columns."""
    maker = _MAKERS.get(part.kind)
    return _table(part, columns) if part.kind in ("table", "foreign table") else maker(part) if maker else None


def drop(part: Part) -> str:
    """The statement that takes a part away."""
    on = f"{part.name} ON {part.of}"
    match part.kind:
        case "column":
            return f"ALTER TABLE {part.of} DROP COLUMN {part.name}"
        case "constraint":
            return f"ALTER TABLE {part.of} DROP CONSTRAINT {part.name}"
        case "domain constraint":
            return f"ALTER DOMAIN {part.of} DROP CONSTRAINT {part.name}"
        case "index":
            return f"DROP INDEX {_schema(part.of)}.{part.name}"
        case "storage":
            names = ", ".join(option.split("=")[0] for option in part.parts[0].split(", "))
            return f"ALTER TABLE {part.of} RESET ({names})"
        case "sequence owner":
            return f"ALTER SEQUENCE {part.of} OWNED BY NONE"
        case "row security":
            return _row_security(part.of, ("DISABLE", "NO FORCE"))
        case "rule" | "trigger" | "policy":
            return f"DROP {part.kind.upper()} {on}"
    return f"DROP {part.kind.upper()} {part.of}"


def keeps_values(wanted: Part, there: Part) -> bool:
    """Whether `alter` loses no value; a value that does not fit may make it fail."""
    if wanted.kind != "column":
        return True
    if ("AS (" in wanted.parts[3]) != ("AS (" in there.parts[3]):
        return False
    kind, now = wanted.parts[0], there.parts[0]
    return (
        kind in (now, "text")
        or (kind in _WHOLE and now in _WHOLE)
        or (kind == "numeric" and (now in _WHOLE or now.startswith("numeric(")))
        or (kind == "double precision" and now == "real")
        or (_TEXT.fullmatch(kind) is not None and _TEXT.fullmatch(now) is not None)
    )


def alter(wanted: Part, there: Part) -> str | None:
    """The statements that make a part what it should be; None = only by making it anew, with what it holds."""
    changer = _CHANGERS.get(wanted.kind)
    if changer is not None:
        return changer(wanted, there)
    made = create(wanted)
    return None if made is None else f"{drop(there)};\n{made}"


def _schema(of: str) -> str:
    """The schema of a qualified name, quoted as it stands there."""
    found = _HEAD.match(of)
    return found[1] if found else of


def _table(part: Part, columns: Iterable[Part]) -> str:
    persistence, parents, bound, key, server = part.parts
    head = f"CREATE {persistence + ' ' if persistence else ''}{part.kind.upper()} {part.of}"
    tail = f" PARTITION BY {key}" if key else ""
    if bound:
        return f"{head} PARTITION OF {parents} {bound}{tail}"
    body = ", ".join(f"{one.name} {_column(one)}" for one in columns)
    inherits = f" INHERITS ({parents})" if parents else ""
    return f"{head} ({body}){inherits}{tail}{f' SERVER {server}' if server else ''}"


def _column(part: Part) -> str:
    kind, collation, default, generated, required = part.parts
    pieces = [
        kind,
        f"COLLATE {collation}" if collation else "",
        f"DEFAULT {default}" if default else "",
        f"GENERATED {generated}" if generated else "",
        required,
    ]
    return " ".join(piece for piece in pieces if piece)


def _domain(part: Part) -> str:
    kind, default, required = part.parts
    pieces = [f"CREATE DOMAIN {part.of} AS {kind}", f"DEFAULT {default}" if default else "", required]
    return " ".join(piece for piece in pieces if piece)


def _trigger(part: Part) -> str:
    state = part.parts[1]
    return part.parts[0] + (f";\nALTER TABLE {part.of} {state} TRIGGER {part.name}" if state else "")


def _view(part: Part) -> str:
    options = f" WITH ({part.parts[1]})" if part.parts[1] else ""
    return f"CREATE OR REPLACE VIEW {part.of}{options} AS {_body(part)}"


def _body(part: Part) -> str:
    return part.parts[0].strip().rstrip(";")


def _row_security(table: str, states: tuple[str, ...]) -> str:
    return ";\n".join(f"ALTER TABLE {table} {state} ROW LEVEL SECURITY" for state in states)


_MAKERS: Mapping[str, Callable[[Part], str]] = {
    "schema": lambda one: f"CREATE SCHEMA {one.of}",
    "type": lambda one: f"CREATE TYPE {one.of} {one.parts[0]}",
    "domain": _domain,
    "domain constraint": lambda one: f"ALTER DOMAIN {one.of} ADD CONSTRAINT {one.name} {one.parts[0]}",
    "sequence": lambda one: f"CREATE SEQUENCE {one.of} {one.parts[0]}",
    "sequence owner": lambda one: f"ALTER SEQUENCE {one.of} OWNED BY {'.'.join(one.parts)}",
    "column": lambda one: f"ALTER TABLE {one.of} ADD COLUMN {one.name} {_column(one)}",
    "storage": lambda one: f"ALTER TABLE {one.of} SET ({one.parts[0]})",
    "constraint": lambda one: f"ALTER TABLE {one.of} ADD CONSTRAINT {one.name} {one.parts[0]}",
    "index": lambda one: one.parts[0],
    "view": _view,
    "materialized view": lambda one: f"CREATE MATERIALIZED VIEW {one.of} AS {_body(one)}",
    "rule": _body,
    "trigger": _trigger,
    "row security": lambda one: _row_security(one.of, one.parts),
    "policy": lambda one: f"CREATE POLICY {one.name} ON {one.of} {one.parts[0]}",
    "function": lambda one: one.parts[0].strip(),
    "procedure": lambda one: one.parts[0].strip(),
    "statistics": lambda one: one.parts[0],
}


def _column_changes(wanted: Part, there: Part) -> str | None:
    kind, collation, default, generated, required = wanted.parts
    kind_now, collation_now, default_now, generated_now, required_now = there.parts
    if "AS (" in generated or "AS (" in generated_now:
        return f"{drop(there)};\n{create(wanted)}"
    found = []
    retyped = (kind, collation) != (kind_now, collation_now)
    if retyped and default_now:
        found.append("DROP DEFAULT")
    if retyped:
        collate = f" COLLATE {collation}" if collation else ""
        # An assignment refuses text that is too long, a cast cuts it.
        using = "" if _TEXT.fullmatch(kind) and _TEXT.fullmatch(kind_now) else f" USING {wanted.name}::{kind}"
        found.append(f"TYPE {kind}{collate}{using}")
    if generated_now and not generated:
        found.append("DROP IDENTITY")
    if required and not required_now:
        found.append("SET NOT NULL")
    if generated and not generated_now:
        found.append(f"ADD GENERATED {generated}")
    elif generated != generated_now and generated:
        found.append(f"SET GENERATED {generated.removesuffix(' AS IDENTITY')}")
    if required_now and not required:
        found.append("DROP NOT NULL")
    if default and (default != default_now or retyped):
        found.append(f"SET DEFAULT {default}")
    elif default_now and not default and not retyped:
        found.append("DROP DEFAULT")
    changes = ", ".join(f"ALTER COLUMN {wanted.name} {one}" for one in found)
    return f"ALTER TABLE {wanted.of} {changes}" if changes else None


def _type_changes(wanted: Part, there: Part) -> str | None:
    """New labels of an enum; nothing else can be changed in place."""
    labels, now = (re.findall(r"'(?:[^']|'')*'", one.parts[0]) for one in (wanted, there))
    enum = all(one.parts[0].startswith("AS ENUM") for one in (wanted, there))
    if not enum or [one for one in labels if one in now] != now:
        return None
    found = []
    for place, label in enumerate(labels):
        if label not in now:
            where = f" AFTER {labels[place - 1]}" if place else f" BEFORE {now[0]}" if now else ""
            found.append(f"ALTER TYPE {wanted.of} ADD VALUE {label}{where}")
    return ";\n".join(found)


def _domain_changes(wanted: Part, there: Part) -> str | None:
    if wanted.parts[0] != there.parts[0]:
        return None
    found = []
    if wanted.parts[1] != there.parts[1]:
        found.append(f"SET DEFAULT {wanted.parts[1]}" if wanted.parts[1] else "DROP DEFAULT")
    if wanted.parts[2] != there.parts[2]:
        found.append("SET NOT NULL" if wanted.parts[2] else "DROP NOT NULL")
    return ";\n".join(f"ALTER DOMAIN {wanted.of} {one}" for one in found)


def _sequence_changes(wanted: Part, _: Part) -> str:
    cycle = "" if wanted.parts[0].endswith(" CYCLE") else " NO CYCLE"
    return f"ALTER SEQUENCE {wanted.of} {wanted.parts[0]}{cycle}"


def _table_changes(wanted: Part, there: Part) -> str | None:
    persistence, parents, bound, key, server = wanted.parts
    if key != there.parts[3] or server != there.parts[4]:
        return None
    found = []
    if (parents, bound) != there.parts[1:3]:
        before = [one for one in there.parts[1].split(", ") if one]
        after = [one for one in parents.split(", ") if one]
        if there.parts[2]:
            found.append(f"ALTER TABLE {there.parts[1]} DETACH PARTITION {wanted.of}")
        else:
            found += [f"ALTER TABLE {wanted.of} NO INHERIT {one}" for one in before if one not in after or bound]
        if bound:
            found.append(f"ALTER TABLE {parents} ATTACH PARTITION {wanted.of} {bound}")
        else:
            found += [f"ALTER TABLE {wanted.of} INHERIT {one}" for one in after if one not in before or there.parts[2]]
    if persistence != there.parts[0]:
        found.append(f"ALTER TABLE {wanted.of} SET {persistence or 'LOGGED'}")
    return ";\n".join(found)


def _constraint_changes(wanted: Part, there: Part) -> str:
    if there.parts[0] == wanted.parts[0] + " NOT VALID":
        return f"ALTER TABLE {wanted.of} VALIDATE CONSTRAINT {wanted.name}"
    return f"{drop(there)};\n{create(wanted)}"


def _index_changes(wanted: Part, there: Part) -> str:
    if wanted.parts[0] == there.parts[0] and not wanted.parts[1]:
        return f"REINDEX INDEX CONCURRENTLY {_schema(wanted.of)}.{wanted.name}"
    return f"{drop(there)};\n{create(wanted)}"


def _storage_changes(wanted: Part, there: Part) -> str:
    return f"{drop(there)};\n{create(wanted)}"


_CHANGERS: Mapping[str, Callable[[Part, Part], str | None]] = {
    "column": _column_changes,
    "type": _type_changes,
    "domain": _domain_changes,
    "sequence": _sequence_changes,
    "table": _table_changes,
    "foreign table": _table_changes,
    "constraint": _constraint_changes,
    "index": _index_changes,
    "sequence owner": lambda wanted, _: create(wanted),
    "view": lambda wanted, _: create(wanted),
    "function": lambda wanted, _: create(wanted),
    "procedure": lambda wanted, _: create(wanted),
    "row security": lambda wanted, _: create(wanted),
    "storage": _storage_changes,
    "schema": lambda _, __: None,
}
