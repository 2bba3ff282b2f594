"""Pages that are kept up to date: how many of one login, and that each of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 4
"""Pages of one login at a time: browsers open six connections to one host."""


class Streams:
    """Open streams by login. Used on the event loop only."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open: dict[object, list[asyncio.Event]] = {}

    @contextmanager
    def begin(self, login: object) -> Iterator[asyncio.Event]:
        """A stream of that login for the block; its event is set when it must make room for a newer one."""
        ended = asyncio.Event()
        mine = self._open.setdefault(login, [])
        if len(mine) >= self._most:
            mine.pop(0).set()
        mine.append(ended)
        try:
            yield ended
        finally:
            if ended in mine:
                mine.remove(ended)
            if not mine:
                self._open.pop(login, None)

    def count(self) -> int:
        """Streams that are open."""
        return sum(map(len, self._open.values()))
