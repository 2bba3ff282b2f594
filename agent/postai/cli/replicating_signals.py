"""A move's command that is told to end, or whose terminal is closed, ends as after Ctrl-C: no switch is half-way."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise KeyboardInterrupt, once for both: often they come together.

    What is to be ignored (nohup) stays ignored. Only the main thread has signals.
    """
    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, one) for one in names if hasattr(signal, one)]
    before = {one: signal.getsignal(one) for one in numbers if signal.getsignal(one) is not signal.SIG_IGN}

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        if number != signal.SIGTERM:
            _to_nobody()
        raise KeyboardInterrupt

    for one in before:
        signal.signal(one, interrupt)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _to_nobody() -> None:
    """What is written to a terminal that is gone, or to a pipe whose reader may be, would end the command at once."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            os.dup2(nobody, stream.fileno())
    os.close(nobody)
