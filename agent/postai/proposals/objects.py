"""Which objects of the database a statement touches, who owns them, and whether they are still what they were."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from postai.database import Database
from postai.database.named_sql import load
from postai.errors import NotPermitted, PostaiError, Refused
from postai.proposals.types import Object
from postai.sql.vet import ChangeFacts, ObjectRef

# PostgreSQL's word for a kind of object -> the catalog that holds it.
CATALOGS: Mapping[str, str] = MappingProxyType(
    {
        "table": "pg_class",
        "view": "pg_class",
        "materialized view": "pg_class",
        "index": "pg_class",
        "sequence": "pg_class",
        "foreign table": "pg_class",
        "type": "pg_type",
        "domain": "pg_type",
        "function": "pg_proc",
        "procedure": "pg_proc",
        "routine": "pg_proc",
        "statistics": "pg_statistic_ext",
        "schema": "pg_namespace",
    }
)

ROW_WRITERS = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "TRUNCATE TABLE", "COPY"})
"""Command tags of statements that write rows, so that triggers of users may fire."""

PlannedNames = Mapping[tuple[str | None, str], ObjectRef | None]


def resolve(
    db: Database, facts: ChangeFacts, planned: PlannedNames = MappingProxyType({}), *, lenient: bool = False
) -> tuple[Object, ...]:
    """The objects whose owners' roles are needed for a statement, the first one being the one it acts on.

    Args:
        facts: what the statement touches and creates, by name.
        planned: schema and name of objects that earlier steps of the same proposal create; they need not exist yet,
            what is given with them stands in for them, or else their schemas.
        lenient: whether the schema stands in for whatever does not exist; each step is looked at again when it runs.

    Raises:
        Refused: a name without a schema, or a kind of object that postai does not change.
        UnknownObject: an object does not exist.
    """
    wanted: list[dict[str, str | None]] = []
    replaced: set[int] = set()  # positions of what CREATE OR REPLACE may or may not find
    for named in facts.touched:
        ref = named
        while (stands_in := planned.get((ref.schema, ref.name))) is not None:
            ref = stands_in
        if (ref.schema, ref.name) in planned:
            wanted.append({"class": "pg_namespace", "schema": None, "name": ref.schema})
        else:
            wanted.append(_wanted(ref))
            if ref in facts.creates:
                replaced.add(len(wanted))
    wanted.extend(_place(ref) for ref in facts.creates if ref.kind != "index")
    rows = db.query(load(__package__, "objects.sql")["resolve"], [json.dumps(wanted)])
    if lenient and planned:
        absent = {row[0] for row in rows if row[2] is None}
        wanted = [
            {"class": "pg_namespace", "schema": None, "name": one["schema"]}
            if number in absent and one["schema"] is not None else one
            for number, one in enumerate(wanted, start=1)
        ]  # fmt: skip
        rows = db.query(load(__package__, "objects.sql")["resolve"], [json.dumps(wanted)])
    found: dict[tuple[str, int], Object] = {}
    for number, class_name, oid, identity, owner, lock_oid in rows:
        if oid is None and number in replaced:
            continue
        if oid is None or identity is None:
            one = wanted[number - 1]
            if one["class"] == "pg_namespace" and (None, one["name"]) in planned:
                continue  # the schema itself is made by an earlier step
            shown = ".".join(part for part in (one["schema"], one["name"]) if part)
            raise UnknownObject(f"{shown} does not exist", hint="Check the name and its schema.")
        found.setdefault((class_name, oid), Object(class_name, oid, identity, owner, lock_oid))
    if not found and not planned:
        raise Refused(
            f"{facts.statement_class} touches nothing that has an owner",
            hint="Propose changes of tables, indexes, views, types and schemas.",
        )
    return tuple(found.values())


class UnknownObject(PostaiError):
    """A statement names an object that is not there."""

    sqlstate = "42704"
    title = "unknown object"


def _wanted(ref: ObjectRef) -> dict[str, str | None]:
    catalog = CATALOGS.get(ref.kind)
    if catalog is None:
        raise Refused(f"postai does not change a {ref.kind}", detail=f"The statement names {ref.name}.")
    if catalog == "pg_namespace":
        return {"class": catalog, "schema": None, "name": ref.name}
    if ref.schema is None:
        raise Refused(
            f"{ref.kind} {ref.name} is named without its schema",
            detail="A proposal runs later and elsewhere; only full names mean the same there.",
            hint=f"Write schema.{ref.name}.",
        )
    return {"class": catalog, "schema": ref.schema, "name": ref.name}


def _place(ref: ObjectRef) -> dict[str, str | None]:
    """Where a new object will be: the database for a schema, the schema for all else."""
    if ref.kind == "schema":
        return {"class": "pg_database", "schema": None, "name": ref.name}
    if ref.schema is None:
        return _wanted(ref)
    return {"class": "pg_namespace", "schema": None, "name": ref.schema}


def as_json(objects: Iterable[Object]) -> str:
    """The objects as JSON text, each once."""
    unique = {(one.class_name, one.oid): one.as_json() for one in objects}
    return json.dumps(list(unique.values()))


def fingerprint(db: Database, objects: Iterable[Object]) -> str:
    """A hash over names, columns and definitions of the objects; another value means they were changed."""
    return str(db.query(load(__package__, "objects.sql")["fingerprint"], [as_json(objects)])[0][0])


def require_rights(db: Database, objects: Iterable[Object], approver: str) -> None:
    """Check that the approver holds each owner's role and that the connected agent may act as it.

    Raises:
        NotPermitted: with what is missing, and the GRANT in the hint.
    """
    missing = db.query(load(__package__, "objects.sql")["missing_rights"], [as_json(objects), approver])
    if missing:
        raise NotPermitted(
            f"what {approver} approved may not be carried out",
            detail="; ".join(problem for problem, _ in missing),
            hint=" ".join(dict.fromkeys(hint for _, hint in missing)),
        )


def lacking(db: Database, proposal: int, operator: str) -> tuple[str, ...]:
    """What stands against carrying a proposal out, and the way on, said before somebody applies it.

    Args:
        operator: who would; nothing is told of somebody who is no operator: others decide there.
    """
    rows = db.query(load(__package__, "objects.sql")["lacking"], [proposal, operator, operator])
    return tuple(f"postai.apply will refuse this: {problem}. {hint}" for problem, hint in rows)


def require_triggers(
    db: Database,
    objects: Iterable[Object],
    accepted: list[dict[str, str]],
    own: Collection[tuple[str, str, str]] = (),
) -> None:
    """Check that only those triggers of users would fire which the approver accepted.

    Args:
        own: name, table and hash of the function's body of triggers that steps of the same proposal make: their texts
            were approved with it.

    Raises:
        NotPermitted: naming the triggers and the owners of their functions.
    """
    tables = [one.oid for one in objects if one.class_name == "pg_class"]
    fire = db.query(load(__package__, "objects.sql")["user_triggers"], [tables])[0][0]
    unknown = [
        trigger
        for trigger in fire
        if trigger not in accepted and (trigger["trigger"], trigger["table"], trigger["source"]) not in own
    ]
    if unknown:
        raise NotPermitted(
            "a trigger would fire that nobody accepted",
            detail="; ".join(
                f"trigger {one['trigger']} on {one['table']} runs {one['function']} of {one['owner']}"
                for one in unknown
            ),
            hint="Look at the functions, then approve again with accept_triggers => true.",
        )
