"""Tells the edge's home, the database in which postai is installed, that the edge runs and how it is."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Mapping
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

    async def run(self) -> None:
        """Report until it is cancelled; what cannot be told is logged once."""
        try:
            while True:
                settings = self._supervisor.settings
                told = json.dumps(summary(settings, await self._supervisor.processes()))
                try:
                    await asyncio.to_thread(self._tell, name(settings), told)
                    self._failed = False
                except PostaiError as error:
                    if not self._failed:
                        log.error("the edge's report is not taken", extra={"error": error.message, "hint": error.hint})
                    self._failed = True
                await asyncio.sleep(INTERVAL)
        finally:
            self._close()

    def _tell(self, edge: str, figures: str) -> None:
        try:
            if self._session is None:
                self._session = connect(
                    self._dsn, application_name="postai edge", statement_timeout_ms=LIMIT_MS, search_path=OWN_PATH
                )
            self._session.execute(_REPORT, (edge, figures))
        except PostaiError:
            self._close()
            raise

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
