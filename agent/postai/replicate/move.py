"""A move as its driver holds it: the row, how both sides are reached, and who sends the clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from postai.database import dsn as connection_string
from postai.database.errors import ConnectionFailed, ConnectionLost, ServerError
from postai.database.protocol import Database
from postai.errors import PostaiError, UsageError
from postai.replicate import store, streams
from postai.replicate.redirect import KINDS, Address, Addresses, Driver, make_driver
from postai.replicate.sessions import open_session
from postai.replicate.store import Row
from postai.replicate.types import Carrier, Side

Redirects = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Move:
    """A move and what a driver needs to drive it.

    Attributes:
        row: as its home knew it when it was read.
        dsns: connection strings of both sides, past every pooler; they may hold secrets.
        redirects: redirect drivers of the sidecar's configuration by the name of their move, each with `driver` and its
            options; what a database says never names a program to run.
    """

    row: Row
    dsns: Mapping[Side, str] = field(repr=False)
    redirects: Redirects = field(default_factory=dict, repr=False)

    @property
    def id(self) -> int:
        return self.row.id

    def read(self, home: Database) -> Move:
        """The move as its home knows it now."""
        return replace(self, row=store.find(home, self.row.name))

    def open(self, side: Side) -> Database:
        """A new session of a side; the caller closes it.

        Raises:
            ConnectionFailed: a subclass says why no session could be opened.
        """
        return open_session(self.dsns[side])

    @contextmanager
    def sides(self) -> Iterator[tuple[Database, Database]]:
        """A session of the source and one of the target."""
        with self.open(Side.SOURCE) as source, self.open(Side.TARGET) as target:
            yield source, target

    def stream(self, publisher: Side) -> Carrier:
        """The stream of the changes of one side to the other.

        Raises:
            FeatureMissing: the method has none.
        """
        return streams.make(self.row, publisher, self.dsns[publisher])

    def driver(self) -> Driver:
        """Who sends the clients; the caller closes it.

        Raises:
            UsageError: none was named, or its options do not fit.
        """
        given = dict(self.redirects.get(self.row.name, {}))
        if not given:
            raise UsageError(
                f"it is not said how the clients of the move {self.row.name} are sent to the other side",
                hint=f'Put a [[redirect]] with name = "{self.row.name}" into postai.toml; its driver is one of '
                f"{', '.join(KINDS)}.",
            )
        addresses = self._addresses(given)
        return make_driver(str(given.pop("driver", "")), given, addresses)

    def _addresses(self, options: dict[str, object]) -> Addresses:
        """Where the clients reach both sides; `source` and `target` among the options say it otherwise."""
        found = {}
        for side in Side:
            given = options.pop(side.value, None)
            if given is not None and not isinstance(given, str):
                raise UsageError(f"'{side}' of a redirect driver is a connection string")
            found[side] = Address.of(given or self.dsns[side])
        return found

    def side_of(self, error: BaseException | None) -> Side | None:
        """The side whose server an error came from; None where it came from elsewhere."""
        target = error.target if isinstance(error, (ServerError, ConnectionLost, ConnectionFailed)) else None
        labels = {connection_string.label(dsn): side for side, dsn in self.dsns.items()}
        return labels.get(target) if target is not None else None


def say_where(move: Move, error: PostaiError, doing: str) -> None:
    """Have an error say on which side it came, while the move does what, and what shows the rest that is wrong.

    Args:
        doing: as in "copies roles".
    """
    check = f"See what else stands against it: post-ai replicate check {move.row.source} {move.row.target}"
    side, cause = move.side_of(error), error.__cause__
    if side is not None and isinstance(error, ServerError):
        error.message = f"the {side} refused as the move {doing}: {error.message}"
        error.hint = error.hint or check
    elif side is not None:
        error.message = f"the {side}: {error.message}"
    elif isinstance(cause, ServerError) and (side := move.side_of(cause)) is not None:
        error.message = error.message.replace(cause.message, f"the {side} refused: {cause.message}")
        error.detail = "; ".join(one for one in (f"SQLSTATE {cause.sqlstate}", error.detail) if one)


@contextmanager
def driving(home: Database, move: Move, doing: str) -> Iterator[None]:
    """Be the one driver of a move; errors of a server say where they came.

    Raises:
        LockNotObtained: another session is.
    """
    with store.one_driver(home, move.id):
        try:
            yield
        except PostaiError as error:
            say_where(move, error, doing)
            raise
