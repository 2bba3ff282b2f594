"""The clock: APScheduler, used for nothing but saying "now". What is due is put on the queue, never done here."""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]
from apscheduler.triggers.interval import IntervalTrigger  # type: ignore[import-untyped]


class Clock:
    """Calls functions at intervals, in one thread of its own.

    A call that is still running is not started again, and calls missed while the machine slept become one.
    """

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            executors={"default": {"type": "threadpool", "max_workers": 1}},
        )

    def every(self, seconds: int, call: Callable[[], None], name: str) -> None:
        """Call a short function every that many seconds, from that many seconds after the start."""
        self._scheduler.add_job(call, IntervalTrigger(seconds=seconds), id=name, replace_existing=True)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """Let a running call end, then stop."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
