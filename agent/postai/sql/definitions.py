"""Whether definitions are still those that a guard's snapshot was made from, asked in the same breath as EXPLAIN.

The guard judges a statement by a snapshot of the catalog. Until the server plans it, somebody may put other code behind
a name that was harmless: a view, an overload, an operator. So a short question goes ahead of every EXPLAIN of a
statement that is not the connected person's own, in one message with it: it fails when anything has changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from postai.database import Database, ServerError
from postai.database.identifiers import quote_literal
from postai.database.named_sql import load
from postai.deadline import DeadlineExceeded

_CHANGED = "changed: "


class DefinitionsChanged(DeadlineExceeded):
    """What was found out until now is all there is: definitions changed, and what follows was not looked at."""

    title = "definitions changed"


def definitions(db: Database) -> str:
    """The fingerprint of all definitions that could run code, behind the snapshot of this moment and a blank."""
    blocks = load(__package__, "definitions.sql")
    return str(db.query(blocks["moment"].replace("/* fingerprint */", blocks["fingerprint"]))[0][0])


def same_definitions(wanted: str, *, besides: Iterable[str] = ()) -> str:
    """A statement that fails unless the fingerprint is that one: send it in one message before an EXPLAIN.

    Args:
        wanted: what `definitions` gave.
        besides: schemas that this transaction has made, which nobody else can see.
    """
    blocks = load(__package__, "definitions.sql")
    own = "".join(f", {quote_literal(name)}" for name in sorted(set(besides)))
    question = blocks["require"].replace("/* fingerprint */", blocks["fingerprint"]).replace("/* besides */", own)
    snapshot, _, fingerprint = wanted.partition(" ")
    return question.replace(":snapshot", quote_literal(snapshot)).replace(":wanted", quote_literal(fingerprint))


@contextmanager
def unchanged() -> Iterator[None]:
    """Tell the failure of `same_definitions` from others.

    Raises:
        DefinitionsChanged: that is what happened.
    """
    try:
        yield
    except ServerError as error:
        if error.sqlstate == "22P02" and _CHANGED in error.message:
            raise DefinitionsChanged(
                "definitions in this database changed while statements were looked at", hint="Ask again."
            ) from error
        raise
