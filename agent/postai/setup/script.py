"""Running the statements of an installation, and remembering them for `--dry-run` and the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from postai.database import Database, ServerError
from postai.database.named_sql import load


class Script:
    """The statements of one run, inside one transaction.

    Args:
        database: an open session, in a transaction.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._sql = load("postai.setup", "script.sql")
        self._statements: list[str] = []
        self._notices: list[str] = []

    @property
    def statements(self) -> tuple[str, ...]:
        """What ran so far, secrets left out."""
        return tuple(self._statements)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know."""
        return tuple(self._notices)

    def note(self, text: str) -> None:
        self._notices.append(text)

    def run(self, statement: str, params: Sequence[object] = (), *, shown: str | None = None) -> None:
        """Run one statement; `shown` is its text without secrets, for one that holds a secret."""
        if shown is None:
            self.database.execute(statement, params)
        else:
            for step in ("hush", "hidden_text", "run_hidden", "unhush"):
                self.database.execute(self._sql[step], (statement,) if step == "hidden_text" else ())
        self._statements.append(shown or (statement % tuple(map(_literal, params)) if params else statement))

    def attempt(self, work: Callable[[], None], failed: str) -> bool:
        """Do the work in a savepoint; when the server refuses, take it back, note why, and give False."""
        before = len(self._statements)
        try:
            with self.database.transaction():
                work()
        except ServerError as error:
            del self._statements[before:]
            self.note(f"{failed}: {error.message}")
            return False
        return True


def _literal(value: object) -> str:
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"
