"""Sequences: they are not replicated, so the switch puts them on the new side where they stand on the old one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from postai.database import named_sql
from postai.database.identifiers import qualified, quote_literal
from postai.database.protocol import Database
from postai.errors import VerificationFailed
from postai.replicate.types import USERS_SCHEMA

# A sequence that is read or set stays locked until the statement's end; the lock table is finite.
AT_A_TIME = 500

Values = Mapping[str, tuple[int, bool]]


def names(db: Database, schemas: Sequence[str] = ()) -> tuple[str, ...]:
    """The sequences of these schemas (() = of all of the user's), as schema.name quoted where it must be."""
    found = db.query(_sql("sequences").replace("{users_schema}", USERS_SCHEMA), (list(schemas), list(schemas)))
    return tuple(qualified(schema, name) for schema, name in found)


def read(db: Database, sequences: Sequence[str]) -> Values:
    """`last_value` and `is_called` of these sequences.

    Read from the sequences themselves: the view pg_sequences has no value of one that was set but not called.
    """
    found: dict[str, tuple[int, bool]] = {}
    for some in _parts(sequences):
        one = "select {}, last_value, is_called from {}"
        with db.transaction():
            db.query(_sql("no_views"))
            rows = db.query(" union all ".join(one.format(quote_literal(name), name) for name in some))
        found.update({name: (value, called) for name, value, called in rows})
    return found


def copy(source: Database, target: Database, sequences: Sequence[str], known: Values | None = None) -> int:
    """Put sequences on the target where they stand on the source.

    Args:
        known: where they stand on the target, read before; None = read now.

    Returns:
        how many had to be set.
    """
    wanted = read(source, sequences)
    known = read(target, sequences) if known is None else known
    changed = [name for name in wanted if known.get(name) != wanted[name]]
    for some in _parts(changed):
        values = [wanted[name] for name in some]
        target.query(_sql("set"), (list(some), [value for value, _ in values], [called for _, called in values]))
    return len(changed)


def catch_up(source: Database, target: Database, sequences: Sequence[str]) -> int:
    """Move sequences of the target on that are behind the source's, none back: both are in use.

    Returns:
        how many had to be set.
    """
    wanted, known = read(source, sequences), read(target, sequences)
    down = {name for (name,) in target.query(_sql("descending"), (list(wanted),))}
    ahead = [name for name in wanted if wanted[name] != known[name] and (wanted[name] < known[name]) is (name in down)]
    return copy(source, target, ahead, known)


def require_equal(source: Database, target: Database, schemas: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of the sequences of these schemas (() = of all of the user's), which both sides must have.

    Raises:
        VerificationFailed: the target lacks some.
    """
    wanted = names(source, schemas)
    if missing := sorted(set(wanted) - set(names(target, schemas))):
        raise VerificationFailed(
            f"{len(missing)} sequences are missing on the target",
            detail=", ".join(missing[:20]),
            hint="Copy the schema of the source again, or create them.",
        )
    return wanted


def _parts(sequences: Sequence[str]) -> Iterable[Sequence[str]]:
    return (sequences[at : at + AT_A_TIME] for at in range(0, len(sequences), AT_A_TIME))


def _sql(name: str) -> str:
    return named_sql.load(__package__, "sequences.sql")[name]
