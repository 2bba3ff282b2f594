"""Tells the edge's home, the database in which postai is installed, that the edge runs and how it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from postai import __version__
from postai.database import Database, connect
from postai.database.connection import OWN_PATH
from postai.edge.server.workers import Supervisor
from postai.errors import PostaiError
from postai.settings import EdgeSettings

log = logging.getLogger(__name__)

INTERVAL = 10.0
"""Seconds between two reports."""
LIMIT_MS = 5000
_REPORT = "select postai._edge_report(%s, %s)"
_FORGET = "select postai.forget_edge(%s)"


class Reporter:
    """Reports for as long as the edge runs, in the parent process.

    Args:
        dsn: connection string of a role that may execute postai._edge_report.
        supervisor: knows the processes.
    """

    def __init__(self, dsn: str, supervisor: Supervisor) -> None:
        self._dsn = dsn
        self._supervisor = supervisor
        self._session: Database | None = None
        self._failed = False
        self._known_as: str | None = None
        self._over = asyncio.Event()

    def stop(self) -> None:
        """Report no more: the edge ends in order, and is taken off the list."""
        self._over.set()

    async def run(self) -> None:
        """Report until `stop`; what cannot be told is logged once."""
        try:
            while not self._over.is_set():
                settings = self._supervisor.settings
                told = json.dumps(summary(settings, await self._supervisor.processes()))
                await self._try(self._tell, name(settings), told)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(INTERVAL):
                        await self._over.wait()
            await self._try(self._leave)
        finally:
            self._close()

    async def _try(self, step: Callable[..., None], *about: str) -> None:
        try:
            await asyncio.to_thread(step, *about)
            self._failed = False
        except PostaiError as error:
            self._close()
            if not self._failed:
                log.error("the edge's report is not taken", extra={"error": error.message, "hint": error.hint})
            self._failed = True

    # In a thread.

    def _tell(self, edge: str, figures: str) -> None:
        if self._session is None:
            self._session = connect(
                self._dsn, application_name="postai edge", statement_timeout_ms=LIMIT_MS, search_path=OWN_PATH
            )
        if self._known_as != edge:  # its port has changed
            self._leave()
        self._session.execute(_REPORT, (edge, figures))
        self._known_as = edge

    def _leave(self) -> None:
        edge, self._known_as = self._known_as, None
        if self._session is not None and edge is not None:
            self._session.execute(_FORGET, (edge,))

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


def name(settings: EdgeSettings) -> str:
    """What the edge is called among others."""
    return f"{socket.gethostname()}:{settings.port}"


def summary(settings: EdgeSettings, processes: list[dict[str, Any]]) -> dict[str, Any]:
    """A report: bounded, whatever the number of pools.

    Args:
        settings: the edge's.
        processes: what each of them says of itself.
    """
    hosts = [one for one in settings.listen_addresses if one != "*"]
    told: dict[str, Any] = {
        "version": __version__,
        "region": settings.region,
        "address": f"{hosts[0]}:{settings.port}" if hosts else name(settings),
        "processes": len(processes),
        "nodes": [],
    }
    for process in processes:
        for table, rows in process["tables"].items():
            if table == "routes":
                told["nodes"] = told["nodes"] or rows
            else:
                told[table] = _sum(told.get(table, {}), rows)
    return told


def _sum(before: Mapping[str, float], rows: list[dict[str, Any]]) -> dict[str, float]:
    """Numbers of rows added up by their names."""
    found = dict(before)
    for row in rows:
        for column, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
                found[column] = found.get(column, 0) + value
    return found
