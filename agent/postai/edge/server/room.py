"""For how many clients a process has room: each takes two open files."""

from __future__ import annotations

import logging
import resource

from postai.errors import UsageError

log = logging.getLogger(__name__)

SPARE = 1000
"""Connections beside the sessions that may be there: clients that log in, or cancel."""
SPARE_FILES = 100


def files_needed(clients: int) -> int:
    """Open files that a process needs for so many clients."""
    return 2 * (clients + SPARE) + SPARE_FILES


def room(wanted: int) -> int:
    """How many sessions the limit of open files allows; it is raised as far as the system lets us.

    Args:
        wanted: sessions.

    Raises:
        UsageError: there is room for none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_needed(wanted)
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    found = min(wanted, (soft - SPARE_FILES) // 2 - SPARE)
    if found < 1:
        raise UsageError(
            "the limit of open files is too low for the edge",
            detail=f"{soft} files",
            hint=f"Raise it to {needed}: LimitNOFILE={needed} in the unit, or ulimit -n.",
        )
    if found < wanted:
        log.warning("open files are for fewer clients", extra={"clients": found, "needed": needed, "files": soft})
    return found
