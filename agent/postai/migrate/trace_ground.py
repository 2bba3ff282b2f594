"""Where statements are tried: a database of their own, or schemas of their own in the real one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database import ConnectionFailed, Database, ServerError
from postai.deadline import Deadline
from postai.errors import FeatureMissing, NotPermitted
from postai.migrate.trace_picture import Picture, take_picture
from postai.scratch.definitions import Definitions
from postai.scratch.renaming import Renaming
from postai.scratch.schema_copy import make_copy
from postai.scratch.scratch_database import Opener, scratch_database
from postai.scratch.scratch_schema import scratch_schemas

_UNCONFINED = frozenset(
    {
        "AlterDefaultPrivilegesStmt",
        "CreateCastStmt",
        "CreateExtensionStmt",
        "CreatePublicationStmt",
        "AlterPublicationStmt",
    }
)
_CONFINED_OBJECTS = frozenset(
    {
        pb.OBJECT_TABLE, pb.OBJECT_INDEX, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_SEQUENCE, pb.OBJECT_TYPE,
        pb.OBJECT_DOMAIN, pb.OBJECT_FUNCTION, pb.OBJECT_PROCEDURE, pb.OBJECT_ROUTINE, pb.OBJECT_AGGREGATE,
        pb.OBJECT_TRIGGER, pb.OBJECT_POLICY, pb.OBJECT_RULE, pb.OBJECT_SCHEMA, pb.OBJECT_STATISTIC_EXT,
        pb.OBJECT_COLUMN, pb.OBJECT_TABCONSTRAINT, pb.OBJECT_DOMCONSTRAINT, pb.OBJECT_ATTRIBUTE, pb.OBJECT_COLLATION,
        pb.OBJECT_OPERATOR,
    }
)  # fmt: skip
_OBJECT_FIELDS = {
    "DropStmt": "remove_type",
    "RenameStmt": "rename_type",
    "CommentStmt": "objtype",
    "AlterOwnerStmt": "object_type",
    "AlterObjectSchemaStmt": "object_type",
    "GrantStmt": "objtype",
}


@dataclass(frozen=True)
class Ground:
    """A place with a copy.

    Attributes:
        session: a session there.
        database: name of the real database.
        renaming: the schemas' names there, where they are not the real ones (then it lies in the real database).
        missing: what could not be copied, for people.
        unsafe: views (qualified) whose queries must not be run.
    """

    session: Database
    database: str
    renaming: Renaming | None
    missing: tuple[str, ...]
    unsafe: frozenset[str]

    def text(self, tree: Any, text: str) -> str:
        """The statement as it is sent there.

        Raises:
            Refused: it would reach out of there, or cannot be written back faithfully.
        """
        if self.renaming is not None:
            return self.renaming.tree(tree, strict=True)
        return text

    def run(self, tree: Any, text: str) -> None:
        """Run a statement there.

        Args:
            tree: the statement as it was given.
            text: as `text` gives it.

        Raises:
            ServerError: PostgreSQL refuses it.
        """
        if self.renaming is None:
            self.session.execute(text)
        else:
            self.renaming.run(self.session, tree, text)

    def place(self, schema: str) -> str:
        """The schema there."""
        return schema if self.renaming is None else self.renaming.place(schema)

    def real(self, schema: str) -> str:
        """The schema that this one stands for."""
        return schema if self.renaming is None else self.renaming.real(schema)

    def readable(self, message: str) -> str:
        """The server's words about the real schemas."""
        return message if self.renaming is None else self.renaming.readable(message)

    def picture(self) -> Picture:
        """The relations there are now."""
        return take_picture(self.session, self.renaming)

    def confines(self, tree: Any) -> bool:
        """Whether the statement touches nothing but the copy."""
        kind: str = tree.DESCRIPTOR.name
        if self.renaming is None:
            return True
        if kind == "VacuumStmt":
            return len(tree.rels) > 0
        if kind == "ClusterStmt":
            return bool(tree.HasField("relation"))
        if kind == "ReindexStmt":
            return tree.kind in (pb.REINDEX_OBJECT_INDEX, pb.REINDEX_OBJECT_TABLE, pb.REINDEX_OBJECT_SCHEMA)
        lent = self.renaming.lend is not None
        if lent and kind == "CreateSchemaStmt":
            return bool(tree.schemaname) and len(tree.schema_elts) == 0
        field = _OBJECT_FIELDS.get(kind)
        of = None if field is None else getattr(tree, field)
        if lent and of == pb.OBJECT_SCHEMA:
            return False
        return kind not in _UNCONFINED and (of is None or of in _CONFINED_OBJECTS)


def prepare(
    stack: ExitStack,
    db: Database,
    open_database: Opener,
    definitions: Definitions,
    path: tuple[str, ...],
    deadline: Deadline,
) -> Ground | str:
    """A copy in a database of its own, else in schemas of its own; why there is none.

    Args:
        stack: ends what is made.
        db: a session of the real database, outside a transaction.
        open_database: opens sessions of other databases of the server.
        definitions: of what is to be copied.
        path: schemas in which extensions' objects are found without a schema.
        deadline: for the copy.
    """
    first: str
    with ExitStack() as attempt:
        try:
            session = attempt.enter_context(scratch_database(db, open_database, deadline))
        except (NotPermitted, FeatureMissing, ConnectionFailed, ServerError) as error:
            first = error.message
        else:
            _limit(session, deadline)
            failed = make_copy(session, definitions, deadline)
            lacking = [failed[one] for one in definitions.extensions if one in failed]
            if not lacking:
                stack.push(attempt.pop_all())
                return Ground(session, db.name, None, _told(failed), definitions.unsafe)
            first = lacking[0]
    try:
        session, renaming = stack.enter_context(scratch_schemas(db, open_database, path, deadline))
    except (NotPermitted, FeatureMissing, ConnectionFailed, ServerError) as error:
        return f"{first}; {error.message}"
    _limit(session, deadline)
    failed = make_copy(session, definitions, deadline, renaming)
    return Ground(session, db.name, renaming, _told(failed), definitions.unsafe)


def _limit(session: Database, deadline: Deadline) -> None:
    deadline.check()
    session.execute(f"set statement_timeout = {max(1, int(deadline.remaining() * 1000))}")


def _told(failed: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"not in the copy: {' '.join(one.split())[:80]}: {why}" for one, why in failed.items())
