"""Undo that nobody has to wait for: what was dropped is made again in the forms in which it would be made online.

Each function gives a list of statements with `;` between them; the step runner carries them out as steps.
"""

from __future__ import annotations

from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.migrate.picture import Column, Constraint, Index, Relation
from postai.migrate.work import Work


def listed(*statements: str) -> str:
    """One undo out of several statements."""
    return ";\n".join(statements)


def marks_of(relation: Relation, index: Index) -> list[str]:
    """What is said of an index, or of its table by it, and goes with it: comment, CLUSTER, replica identity."""
    name = quote_ident(index.name)
    return [
        *_comment(f"INDEX {index.full_name}", index.comment),
        *([f"ALTER TABLE {relation.full_name} CLUSTER ON {name}"] if index.clustered else []),
        *([f"ALTER TABLE {relation.full_name} REPLICA IDENTITY USING INDEX {name}"] if index.identity else []),
    ]


def _comment(what: str, text: str | None) -> list[str]:
    return [] if text is None else [f"COMMENT ON {what} IS {quote_literal(text).strip()}"]


def constraint_again(work: Work, relation: Relation, known: Constraint) -> str:
    """Declares a constraint again that is dropped: NOT VALID and validated, or on an index built CONCURRENTLY."""
    name = quote_ident(known.name)
    index = next((one for one in relation.indexes if one.name == known.name), None)
    return listed(
        *_declared_again(work, relation, known, index),
        *_comment(f"CONSTRAINT {name} ON {relation.full_name}", known.comment),
        *(marks_of(relation, index) if index is not None and known.kind in "pux" else []),
    )


def _declared_again(work: Work, relation: Relation, known: Constraint, index: Index | None) -> list[str]:
    alter, name = f"ALTER TABLE {relation.full_name}", quote_ident(known.name)
    plain = f"{alter} ADD CONSTRAINT {name} {known.definition}"
    if relation.new:
        return [plain]
    if known.kind in "pu" and relation.kind == "r" and index is not None and "OVERLAPS" not in known.definition:
        word = "PRIMARY KEY" if known.kind == "p" else "UNIQUE"
        later = " DEFERRABLE" if known.deferrable else ""
        later += " INITIALLY DEFERRED" if known.deferred else ""
        return [
            index.definition.replace("INDEX ", "INDEX CONCURRENTLY ", 1),
            f"{alter} ADD CONSTRAINT {name} {word} USING INDEX {name}{later}",
        ]
    whole = relation.kind == "p"
    if known.kind == "f" and not whole:
        whole = work.ask("kind", known.referenced_oid) == [("p",)]
    if known.kind not in "cfn" or not known.valid or (known.kind == "f" and whole and work.version < 18):
        return [plain]
    return [f"{plain} NOT VALID", f"{alter} VALIDATE CONSTRAINT {name}"]


def not_null_again(work: Work, relation: Relation, column: Column) -> str:
    """Forbids NULLs again in a column that is let have them."""
    alter, own = f"ALTER TABLE {relation.full_name}", quote_ident(column.name)
    known = [one for one in relation.constraints if one.kind == "n" and one.columns == (column.number,)]
    if relation.new or relation.blurred or (work.version >= 18 and not known):
        return f"{alter} ALTER COLUMN {own} SET NOT NULL"
    if known:
        return constraint_again(work, relation, known[0])
    check = quote_ident(work.constraint_name(relation, [column.name], "not_null"))
    return listed(
        f"{alter} ADD CONSTRAINT {check} CHECK ({own} IS NOT NULL) NOT VALID",
        f"{alter} VALIDATE CONSTRAINT {check}",
        f"{alter} ALTER COLUMN {own} SET NOT NULL",
        f"{alter} DROP CONSTRAINT {check}",
    )


def partition_again(work: Work, relation: Relation, partition: Relation, default: Relation | None) -> str:
    """Attaches a partition that is detached, after CHECKs have shown that its rows, and those of the DEFAULT one, fit.

    Args:
        default: the DEFAULT partition of the same parent; None = there is none.
    """
    attach = f"ALTER TABLE {relation.full_name} ATTACH PARTITION {partition.full_name} {partition.bound}"
    rows = work.ask("bound", partition.oid)
    if not rows or rows[0][0] is None or "satisfies_hash_partition" in rows[0][0] or partition is default:
        return attach
    guarded = [(partition, rows[0][0]), *([(default, f"NOT ({rows[0][0]})")] if default is not None else [])]
    names = [quote_ident(work.constraint_name(one, [], "bound")) for one, _ in guarded]
    alters = [f"ALTER TABLE {one.full_name}" for one, _ in guarded]
    named = list(zip(alters, names, strict=True))
    return listed(
        *(
            f"{alter} ADD CONSTRAINT {name} CHECK ({test}) NOT VALID"
            for (alter, name), (_, test) in zip(named, guarded, strict=True)
        ),
        *(f"{alter} VALIDATE CONSTRAINT {name}" for alter, name in named),
        attach,
        *(f"{alter} DROP CONSTRAINT {name}" for alter, name in named),
    )


def index_again(relation: Relation, index: Index) -> str:
    """Makes an index again that is dropped: CONCURRENTLY; of a partitioned table on each leaf, then attached."""
    if not index.partitioned:
        return listed(index.definition.replace("INDEX ", "INDEX CONCURRENTLY ", 1), *marks_of(relation, index))
    made: list[str] = []
    attached: list[str] = []
    _parts(relation, index, made, attached)
    return listed(*made, *reversed(attached))


def _parts(relation: Relation, index: Index, made: list[str], attached: list[str]) -> None:
    made += [index.definition, *marks_of(relation, index)]
    above = qualified(index.schema, index.name)
    for child in relation.children:
        for one in child.indexes:
            if index.oid and one.parent_oid == index.oid:
                attached.append(f"ALTER INDEX {above} ATTACH PARTITION {one.full_name}")
                if one.partitioned:
                    _parts(child, one, made, attached)
                else:
                    made += [one.definition.replace("INDEX ", "INDEX CONCURRENTLY ", 1), *marks_of(child, one)]
