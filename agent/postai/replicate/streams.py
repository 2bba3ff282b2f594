"""The stream that fits a move's method."""

from __future__ import annotations

from postai.replicate import native
from postai.replicate.capture import TriggerStream
from postai.replicate.dump import NoStream
from postai.replicate.store import Row
from postai.replicate.stream import NativeStream
from postai.replicate.types import Carrier, Method, Side, object_name


def make(row: Row, publisher: Side, dsn: str) -> Carrier:
    """The stream of the changes of one side to the other; a dump's, and that of a move not analysed yet, has none.

    Args:
        row: the move.
        publisher: the side whose changes these are.
        dsn: connection string of the publisher as this process reaches it.
    """
    if row.method is Method.TRIGGER:
        return TriggerStream(row.id, publisher, row.options.schemas)
    if row.method is not Method.NATIVE:
        return NoStream(row.id, publisher, row.options.schemas)
    back = publisher is Side.TARGET
    passfile = row.options.source_passfile if back else row.options.passfile
    connection = native.conninfo(dsn, object_name(row.id, "rev" if back else "fwd"), passfile)
    split = 0 if back else row.options.split_bytes
    return NativeStream(row.id, publisher, connection, row.options.schemas, split)
