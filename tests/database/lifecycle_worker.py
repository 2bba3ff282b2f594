"""An agent process that runs one action and kills itself at a chosen decision; started by test_lifecycle_crash.py."""

from __future__ import annotations

import os
import signal

from postai import database as db
from postai.deadline import Deadline
from postai.proposals import Decision, Runner, RunnerOptions

# Whoever takes over waits for the end of the lease. (What the tests import themselves would double the start.)
OPTIONS = RunnerOptions(
    lease=0.6, poll=0.05, lock_timeout=0.3, lock_patience=1.5, concurrent_lock_timeout=20.0, statement_timeout=60.0,
    batch_ms=1.0, batch_rest=0.0, max_attempts=int(os.environ.get("LIFECYCLE_MAX_ATTEMPTS", "5")),
)  # fmt: skip


def main() -> None:
    left = int(os.environ["LIFECYCLE_DIE_AT"])

    def report(decision: Decision) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    dsn = os.environ["LIFECYCLE_DSN"]
    Runner(lambda: db.connect(dsn), "dying", options=OPTIONS, report=report).run_next(Deadline.after(60))


if __name__ == "__main__":
    main()
