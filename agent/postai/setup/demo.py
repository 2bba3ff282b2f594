"""The demonstration: a private postai with the sample store, and a session in psql that shows what it does."""

from __future__ import annotations

import subprocess

from postai.database import connect
from postai.errors import PostaiError
from postai.setup import store
from postai.setup.local import LocalInstance, OnStep

DATABASE = "store"

SESSION = """\
SELECT postai.ask('top 5 customers by revenue last month');
SELECT postai.sql('how many orders were cancelled in each country?') \\gexec
SELECT status, engine, confidence, explanation
  FROM postai.answer('how many products are there?') \\gx
SELECT postai.prepare('how many orders per status?');
EXECUTE ask;
SELECT postai.ask('how many unicorns do we sell?');
\\echo SQLSTATE :SQLSTATE
SELECT * FROM postai.agent() \\gx
"""


def build(instance: LocalInstance, kind: str, on_step: OnStep) -> None:
    """Create (or find) the demonstration: server, sample data, postai, running sidecar. Idempotent.

    Args:
        instance: where; its database is `DATABASE`.
        kind: "auto", "debian" or "embedded" (see `choose_binaries`).
        on_step: told before every step that can take longer than a second.
    """
    instance.create(kind, on_step)
    instance.stop_web()
    instance.stop_agent()  # those that an interrupted run left may run older code
    instance.prepare_database(on_step)
    with connect(instance.connection_string(), statement_timeout_ms=0) as owner:
        if not owner.query("select 1 from pg_catalog.pg_class where oid = pg_catalog.to_regclass('public.orders')"):
            store.load(owner, on_step)
        elif owner.query("select 1 from pg_catalog.pg_class where relname = 'sessions' and reltuples < 0"):
            store.finish(owner, on_step)  # the last run was interrupted before its statistics
    # The sidecar comes last, so that its first look finds the data and its statistics.
    instance.start_agent(on_step)


def show_session(instance: LocalInstance) -> str:
    """Run the session in psql and return what psql printed, the statements among it.

    Raises:
        PostaiError: psql could not connect.
    """
    result = subprocess.run(
        [str(instance.psql()), "-X", "-a", "-P", "pager=off", "-v", "SHOW_CONTEXT=never", instance.connection_string()],
        input=SESSION,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if result.returncode == 2:  # psql: the connection failed or was lost
        raise PostaiError(
            "psql could not connect to the demonstration",
            detail=result.stdout[-500:],
            hint=f"Read {instance.server().log}",
        )
    return result.stdout
