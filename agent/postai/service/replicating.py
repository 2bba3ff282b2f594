"""Moves as the agent's configuration has them: connections by name, and who sends the clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from postai.database import Database
from postai.database.connections import find_connection
from postai.migrate import drift_store
from postai.replicate.move import Move, Redirects
from postai.replicate.store import Row
from postai.replicate.types import Side, State
from postai.settings import RedirectSettings


@dataclass(frozen=True)
class Places:
    """What the agent's configuration says of moves.

    Attributes:
        directory: with the named connections; read anew each time.
        redirects: redirect drivers by the name of their move.
    """

    directory: Path
    redirects: Redirects = field(repr=False)

    @classmethod
    def of(cls, directory: Path, redirects: Sequence[RedirectSettings]) -> Places:
        """As the configuration has them."""
        return cls(directory, {one.name: one.options() for one in redirects})

    def dsns(self, source: str, target: str) -> Mapping[Side, str]:
        """Connection strings of both sides, straight to the servers.

        Raises:
            UsageError: there is no connection of that name.
        """
        found = {
            Side.SOURCE: find_connection(self.directory, source),
            Side.TARGET: find_connection(self.directory, target),
        }
        return {side: one.direct_dsn or one.dsn() for side, one in found.items()}

    def move(self, row: Row) -> Move:
        """A move with what its driver needs.

        Raises:
            UsageError: there is no connection of that name.
        """
        return Move(row, self.dsns(row.source, row.target), self.redirects)


def no_redirect(name: str, redirects: Redirects) -> str | None:
    """What to write before the cutover where nothing says how the clients of a move are sent; None = something does."""
    if name in redirects:
        return None
    return (
        f"before the cutover of {name} it must be said how its clients are sent: put [[redirect]] with name = "
        f'"{name}" into postai.toml'
    )


def keep_schema(home: Database, row: Row) -> None:
    """What a move has made in its home is as it should be: once all of it is there, drift is told from that.

    Args:
        home: a session outside a transaction.
        row: the move before its next turn; nothing happens but in that which compares both sides.
    """
    if row.state is State.VERIFYING:
        known = drift_store.newest(home)
        if known is not None and known.taken_at < row.created_at:
            drift_store.take(home, f"the move {row.name} has copied the schema")
