"""The loss check: clients that remember every acknowledged commit, and a comparison with what a database holds then.

It knows nothing of the product and can be run by itself:

    python -m tests.loss prepare --dsn "host=... dbname=app"             # schema `loss`, once
    python -m tests.loss run --address FILE --record run.json           # until Ctrl-C; FILE holds the connection string
    python -m tests.loss check --record run.json --dsn "host=new ..."    # lost, invented, doubled, sums, sequences
    python -m tests.loss compare --dsn "host=old ..." --other "host=new ..."     # row for row, when nobody writes

In a test (from anywhere below tests/):

    from loss import Load, LossClient, Proxy, check, compare, prepare

    prepare(source_dsn)                                    # and move that database
    address = tmp_path / "address"
    address.write_text(source_dsn)                         # or a PgBouncer's, which never changes
    with LossClient(address, Load(clients=8, rate=300)) as client:     # LossProcess for measurements
        client.wait_for(200)
        with client.window() as seen:
            switch(...)
            client.wait_for(50)                            # the new side must take commits, too
        assert seen().fatal == {} and seen().gap < 1.0     # also .slowest, .errors by SQLSTATE, .in_doubt
    assert check(client.record, target_dsn) == ()          # Faults otherwise: kind, where, what
    assert compare(source_dsn, target_dsn, sequences=False) == ()      # once the reverse stream has caught up

    with Proxy("127.0.0.1", server.port) as wire:          # clients or subscriptions connect to wire.port
        wire.black_hole()                                  # or cut(), half_open(), latency(0.05), bandwidth(2e6)
        wire.restore()
"""

from .checker import Fault, check, compare, prepare
from .client import Load, LossClient, LossProcess
from .proxy import Proxy
from .record import Commit, Failure, Record, Window

__all__ = [
    "Commit",
    "Failure",
    "Fault",
    "Load",
    "LossClient",
    "LossProcess",
    "Proxy",
    "Record",
    "Window",
    "check",
    "compare",
    "prepare",
]
