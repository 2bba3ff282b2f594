"""What a server says beside the stream: how far its log is, which tables are told of, whether definitions changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from postai.database import named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.stream.pgoutput import Lsn, Oid
from postai.stream.replication import Replication, lsn
from postai.stream.transactions import Key

SQL = "server.sql"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of users.

    Attributes:
        oid: its number.
        schema, name: what it is called.
        identity: its replica identity: d(efault), n(othing), f(ull), i(ndex).
        lacks: why the stream does not tell of all its changes (a word of server.sql); None = it does.
        key: names and type oids of the columns that tell its rows apart, in the table's order, where the stream tells
            of them and equal values have equal texts; () = its rows are not told apart.
        published: what the publication names: "itself", "partition" (a table of which it is one), "schema" (its own, or
            that of such a table), "all tables"; None = it is not published.
    """

    oid: Oid
    schema: str
    name: str
    identity: str
    lacks: str | None
    key: tuple[tuple[str, Oid], ...]
    published: str | None = None

    @property
    def qualified(self) -> str:
        """What it is called, for SQL."""
        return f"{quote_ident(self.schema)}.{quote_ident(self.name)}"


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the log ends (`written`), up to where it is on disk (`flushed`), and pg_current_snapshot() as text."""

    written: Lsn
    flushed: Lsn
    snapshot: str


@dataclass(frozen=True, slots=True)
class Roles:
    """What no stream tells of, as one session sees it.

    Attributes:
        text: changes with roles, their settings, owners and publications; the same for every session.
        loaded: when the session has read the server's configuration; others may have a moment before or after.
        written: rows of the database's catalogs that were ever written, as far as that was counted: by whatever changes
            a definition, and by much else.
    """

    text: str
    loaded: str
    written: int


def same_server(db: Database, slot: str, stream: Replication) -> bool:
    """Whether the session is on the server that streams from the slot."""
    return db.query(sql("same_server"), (slot, stream.backend_pid)) == [(True,)]


def sample(db: Database) -> Ends:
    ((written, flushed, snapshot),) = db.query(sql("sample"))
    return Ends(lsn(written), lsn(flushed), snapshot)


def write_out(db: Database) -> None:
    """Have the log brought to disk, so that the stream can pass what is written now.

    What nobody commits, or commits with synchronous_commit = off, lies in memory for up to some seconds, and a stream
    tells only of what is on disk. The session must have synchronous_commit = local.
    """
    db.query(sql("write_out_since_17" if db.server_version >= 170_000 else "write_out"))


def doubts(db: Database) -> Mapping[int, Mapping[Oid, frozenset[Key] | None]]:
    """Transactions (32 bits) that have not ended, each with the tables that it may have changed.

    A commit that the log holds may not be visible yet; a stream that begins after it does not tell of it. Until it is
    visible, a transaction keeps its locks, and those say what it wrote to.
    """
    return {xid: dict.fromkeys(tables) for xid, tables in db.query(sql("doubts"))}


def tables(db: Database, publication: str) -> tuple[Table, ...]:
    """All tables of users, but temporary and foreign ones; by schema and name."""
    return tuple(
        Table(oid, schema, name, identity, lacks, tuple(zip(names, types, strict=True)) if plain else (), published)
        for oid, schema, name, identity, lacks, names, types, plain, published in db.query(
            sql("tables"), (publication,)
        )
    )


def seen(db: Database) -> str:
    """pg_current_snapshot() as text."""
    ((snapshot,),) = db.query(sql("seen"))
    return str(snapshot)


def tells_definitions(db: Database) -> bool:
    """Whether the event triggers are there by which the stream tells of changed definitions."""
    return db.query(sql("triggers")) == [(True,)]


def roles(db: Database) -> Roles:
    """Roles, their settings and what else no stream tells of."""
    ((text, loaded, written),) = db.query(sql("roles"))
    return Roles(text, loaded, written)


def definitions(db: Database) -> str:
    """A text that changes with every definition that the answer to a query may depend on."""
    more = sql("definitions_since_15") if db.server_version >= 150_000 else ""
    ((found,),) = db.query(sql("definitions").replace("{since_15}", more))
    return str(found)


def sql(name: str) -> str:
    """A statement of server.sql."""
    return _statements()[name]


@cache
def _statements() -> Mapping[str, str]:
    return named_sql.load(__package__, SQL)
