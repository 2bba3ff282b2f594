"""What both drivers' sessions have in common: names, transactions and the end of a session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from postai.database import failures
from postai.database.errors import ConnectionLost
from postai.database.protocol import Row

First = tuple[str, tuple[object, ...]]


class Session(ABC):
    """Base of the adapters; they bring `query`, `execute` and `close`.

    Args:
        target: label of the connection for errors.
        secrets: values that must not appear in error texts.
        name: `current_database()`, where it is known already; else `start` asks for it.
    """

    def __init__(self, target: str, secrets: tuple[str, ...], name: str = "") -> None:
        self._target = target
        self._secrets = secrets
        self._name = name
        self._depth = 0

    def __repr__(self) -> str:
        return f"<Database {self._target}>"

    @property
    def name(self) -> str:
        return self._name

    def start(self, first: First) -> None:
        """Run the first statement of the session; its first column is the database's name."""
        self._name = self.query(*first)[0][0]

    @abstractmethod
    def query(self, sql: str, params: Sequence[object] = ()) -> list[Row]: ...

    @abstractmethod
    def execute(self, sql: str, params: Sequence[object] = ()) -> int: ...

    @abstractmethod
    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int: ...

    @abstractmethod
    def copy_out(self, sql: str) -> Iterator[bytes]: ...

    @abstractmethod
    def on_notice(self, tell: Callable[[str], None]) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    @contextmanager
    def transaction(self) -> Iterator[None]:
        savepoint = f"postai_{self._depth}"
        self.execute(f"savepoint {savepoint}" if self._depth else "begin")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            # Where the session was lost, the error that told it is the one to show, not that the rollback failed too.
            with suppress(ConnectionLost):
                self.execute(f"rollback to savepoint {savepoint}" if self._depth else "rollback")
                if self._depth:  # else it stays, and each further one lies within it
                    self.execute(f"release savepoint {savepoint}")
            raise
        self._depth -= 1
        self.execute(f"release savepoint {savepoint}" if self._depth else "commit")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lost(self, why: str) -> ConnectionLost:
        return ConnectionLost(
            f"the connection was lost ({self._target})",
            detail=failures.scrub(why.strip(), self._secrets),
            hint="The server may have been restarted, or this session ended by an administrator; try again.",
            target=self._target,
        )
