"""The one small protocol through which every part of postai talks to a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class TextRows:
    """Rows as text.

    Attributes:
        columns: name and type (its oid) of each.
        rows: the values as the server wrote them; None = NULL.
    """

    columns: tuple[tuple[str, int], ...]
    rows: tuple[tuple[str | None, ...], ...]


class Database(Protocol):
    """One session of one PostgreSQL database.

    Outside `transaction()` every statement commits by itself. A session serves one thread at a time; only `cancel`
    may be called from another one. A statement of the server that fails raises `ServerError`; a session that is
    lost raises `ConnectionLost`.
    """

    @property
    def server_version(self) -> int:
        """The server's version as the number it reports, e.g. 150018 for 15.18."""
        ...

    @property
    def name(self) -> str:
        """Name of the database (`current_database()`)."""
        ...

    @property
    def backend_pid(self) -> int:
        """Process id of the server's backend as it was told when the session began (a pooler tells another one)."""
        ...

    def query(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        """Run one statement that returns rows.

        Args:
            sql: the statement; `%s` marks a parameter, or everywhere `%(n)s` the nth one, which may then stand in
                several places. With parameters a literal percent sign is written `%%`,
                without parameters the text is sent as it is. It may then be several statements, which the server gets
                in one message: the last row is then the last one's.
            params: values of the parameters.

        Returns:
            all rows (an empty list for a statement without a result).
        """
        ...

    def query_columns(self, sql: str, params: Sequence[object] = ()) -> tuple[tuple[str, ...], list[Row]]:
        """As `query`, with the names of the columns before the rows."""
        ...

    def query_text(self, sql: str, params: Sequence[object] = ()) -> TextRows:
        """As `query`, with every value as the server writes it (NULL as None), for values of any type."""
        ...

    def execute(self, sql: str, params: Sequence[object] = ()) -> int:
        """Run one statement and return the number of rows it touched (0 where the server counts none)."""
        ...

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int:
        """Run a COPY FROM STDIN and return the number of rows.

        Args:
            sql: the statement.
            chunks: its rows as the statement's format has them, cut anywhere; taken as fast as the server reads.
        """
        ...

    def copy_out(self, sql: str) -> Iterator[bytes]:
        """Run a COPY TO STDOUT and give its rows as the statement's format has them, cut anywhere.

        The session does nothing else until the last one was taken.
        """
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """A block that commits at its end and rolls back on an exception; nested blocks are savepoints."""
        ...

    def on_notice(self, tell: Callable[[str], None]) -> None:
        """From now on call `tell` with the message of every NOTICE and WARNING, as soon as it arrives."""
        ...

    def cancel(self) -> None:
        """Ask the server to cancel the running statement; safe to call from another thread.

        Raises:
            ConnectionLost: the server could not be asked.
        """
        ...

    def close(self) -> None:
        """End the session; a second call does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
