"""The stream that fits a move's method."""

from __future__ import annotations

from postai.errors import FeatureMissing
from postai.replicate import native
from postai.replicate.capture import TriggerStream
from postai.replicate.store import Row
from postai.replicate.stream import NativeStream
from postai.replicate.types import Carrier, Method, Side, object_name


def make(row: Row, publisher: Side, dsn: str) -> Carrier:
    """The stream of the changes of one side to the other.

    Args:
        row: the move, analysed.
        publisher: the side whose changes these are.
        dsn: connection string of the publisher as this process reaches it.

    Raises:
        FeatureMissing: the method follows no changes.
    """
    if row.method is Method.TRIGGER:
        return TriggerStream(row.id, publisher, row.options.schemas)
    if row.method is not Method.NATIVE:
        raise FeatureMissing(
            f"the method {row.method or 'of this move'} follows no changes",
            hint="Look at what the check says: post-ai replicate check SOURCE TARGET",
        )
    back = publisher is Side.TARGET
    passfile = row.options.source_passfile if back else row.options.passfile
    connection = native.conninfo(dsn, object_name(row.id, "rev" if back else "fwd"), passfile)
    split = 0 if back else row.options.split_bytes
    return NativeStream(row.id, publisher, connection, row.options.schemas, split)
