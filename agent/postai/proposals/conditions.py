"""Pre- and postconditions of steps: one boolean, read only, never more than the guard lets through."""

from __future__ import annotations

from postai.database import Database
from postai.errors import Refused
from postai.sql.guard import check
from postai.sql.safety import Safety, load_safety

# The guard knows only functions that every supported server has: it looks at another one with the same arguments.
INPUT_TEST = ("pg_catalog.pg_input_is_valid(", "pg_catalog.starts_with(")


class Conditions:
    """Checks and evaluates conditions of one database.

    Args:
        db: session in which the conditions are looked at and, by default, evaluated.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._safety: Safety | None = None

    def vet(self, condition: str) -> str:
        """The statement to run for a condition.

        Raises:
            Refused: it is no SELECT that the guard knows to be harmless.
        """
        if self._safety is None:
            self._safety = load_safety(self._db)
        vetted = check(condition.replace(*INPUT_TEST), self._safety, search_path=("pg_catalog",)).sql
        return condition if INPUT_TEST[0] in condition else vetted

    def holds(self, condition: str, db: Database | None = None, milliseconds: int | None = None) -> bool:
        """Whether a condition is true now.

        Args:
            condition: a SELECT of one boolean.
            db: another session to evaluate it in, e.g. the one whose transaction is looked at.
            milliseconds: how long it may take, where it reads rows; None = as any statement of the session.

        Raises:
            Refused: the guard does not let it through, or it gives anything but one boolean.
        """
        statement = self.vet(condition)
        session = self._db if db is None else db
        with session.transaction():
            # Also inside a transaction that has written: the setting ends with this block (a savepoint there).
            session.execute("set transaction read only")
            session.execute("set local search_path = pg_catalog")
            # Where a policy would hide rows, an error is better than an answer about the rest.
            session.execute("set local row_security = off")
            if milliseconds is not None:
                session.execute(f"set local statement_timeout = {milliseconds}")
            rows = session.query(statement)
        if len(rows) != 1 or len(rows[0]) != 1 or not isinstance(rows[0][0], bool):
            raise Refused("a condition must give one boolean", detail=condition)
        return rows[0][0]
