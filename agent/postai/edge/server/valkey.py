"""The second tier as a Valkey or Redis server, which several edges share.

Nothing is forgotten there by tag: each edge knows itself what was changed since an entry was proved fresh (Recent). So
an edge that is behind may leave entries for one that is ahead, and none is read that the reader knows to be stale; and
an edge that has just begun reads only what was kept after its stream began. Room comes from time limits and from the
server's own `maxmemory-policy`.

A flush gives a source a new epoch: entries of another epoch than the one that stands there now are not read. What is
asked or kept while the loop turns goes as one pipeline; a server that fails or is slow is left alone for a while.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from postai.edge.tiers import Figures, Kept, Recent, Values, digest, pack, storable, unpack
from postai.errors import FeatureMissing, UsageError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline

log = logging.getLogger(__name__)

TIMEOUT = 0.25
"""Seconds that the server has for an answer."""
RETRY = 5.0
"""Seconds for which it is left alone after it has failed."""
TOGETHER = 100
"""Requests in one pipeline."""
GETS = 2000
"""Requests that may wait."""
PUTS = 2000
"""Entries that may wait."""
PUT_BYTES = 32 << 20
"""Bytes of entries that may wait."""
LARGEST = 1 << 20
"""Bytes of the largest reply that is kept."""
_PREFIX = b"postai:"
_EPOCH_BYTES = 16
_NEVER = float("inf")

_Receive = Callable[[Kept | None], None]


class Valkey:
    """A tier in a server, of one database (tiers.Second).

    Args:
        url: redis://, rediss:// (TLS) or unix://, with user and password where it asks for them.
        timeout: seconds that the server has for an answer.
        retry: seconds for which it is left alone after it has failed.

    Raises:
        FeatureMissing: the client library is not installed.
        UsageError: the URL is none.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT, retry: float = RETRY) -> None:
        self._server, self._failure = _client(url, timeout)
        self._retry = retry
        self.figures = Figures(off="not begun")
        self._recent = Recent()
        self._source: bytes | None = None
        self._epoch: bytes | None = None  # as it stood at the server last
        self._serial = 0  # of begin and flush
        self._flushing = False
        self._gets: deque[tuple[bytes, _Receive]] = deque()
        self._puts: deque[tuple[bytes, bytes, Kept]] = deque()  # name, epoch
        self._put_bytes = 0
        self._told = False
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    # What is told.

    def begin(self, source: bytes, start: int | None) -> None:
        self._source = source
        self._recent.restart(_NEVER if start is None else start)
        self._anew()

    def end(self) -> None:
        self._recent.restart(_NEVER)

    def put(self, scope: bytes, request: bytes, kept: Kept) -> None:
        room = len(self._puts) < PUTS and self._put_bytes + len(kept.reply) <= PUT_BYTES
        if self._source is None or self._epoch is None or not room or not storable(kept, LARGEST):
            self.figures.dropped += 1
            return
        self._puts.append((digest(self._source, scope, request), self._epoch, kept))
        self._put_bytes += len(kept.reply)
        self.figures.waiting = len(self._puts)
        self._wake.set()

    def invalidate(self, oid: int, rows: Iterable[Values] | None, position: int) -> None:
        self._recent.note(oid, rows, position)

    def advance(self, position: int) -> None:
        """Nothing hangs on it: nothing is dropped there."""

    def flush(self, position: int) -> None:
        self._recent.raise_floor(position)
        self._flushing = True
        self._anew()

    def _anew(self) -> None:
        """What waits is of no use any more."""
        self._serial += 1
        self._epoch = None
        self._puts.clear()
        self._put_bytes = self.figures.waiting = 0
        self._miss_all()
        self._wake.set()

    def _miss_all(self) -> None:
        gets, self._gets = self._gets, deque()
        self._missed(gets)

    def _missed(self, gets: Iterable[tuple[bytes, _Receive]]) -> None:
        for _, receive in gets:
            self.figures.misses += 1
            receive(None)

    # What is asked.

    def get(self, scope: bytes, request: bytes, receive: _Receive) -> None:
        if self._source is None or self._epoch is None or len(self._gets) >= GETS:
            self.figures.misses += 1
            receive(None)
        else:
            self._gets.append((digest(self._source, scope, request), receive))
            self._wake.set()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        self._miss_all()
        await self._server.aclose()

    # The task.

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._source is not None and (self._epoch is None or self._gets or self._puts):
                    await self._together(self._source)
            except (self._failure, OSError, TimeoutError) as error:
                self._failed(str(error))
                await asyncio.sleep(self._retry)
                self._wake.set()

    async def _together(self, source: bytes) -> None:
        """One pipeline: the epoch, what is asked, what is to be kept.

        Args:
            source: as it is now.
        """
        serial, flushing = self._serial, self._flushing
        anew = flushing or self._epoch is None
        gets = [self._gets.popleft() for _ in range(min(len(self._gets), TOGETHER))]
        epoch_name = _PREFIX + b"epoch:" + digest(source, b"", b"")
        try:
            async with self._server.pipeline(transaction=False) as pipe:
                if anew:
                    pipe.set(epoch_name, secrets.token_bytes(_EPOCH_BYTES), nx=not flushing)
                pipe.get(epoch_name)
                for name, _ in gets:
                    pipe.pttl(_PREFIX + name)  # before the entry: one that replaces it meanwhile may end later
                    pipe.get(_PREFIX + name)
                self._keep(pipe)
                replies: list[Any] = await pipe.execute()
        except BaseException:
            self._missed(gets)
            raise
        if anew:
            replies = replies[1:]
        if serial != self._serial:  # it began anew, or was flushed, meanwhile
            self._missed(gets)
            return
        self._stands(replies[0])
        for (name, receive), ttl, value in zip(gets, replies[1::2], replies[2::2], strict=False):
            kept = self._read(name, ttl, value)
            self.figures.hits += kept is not None
            self.figures.misses += kept is None
            receive(kept)

    def _keep(self, pipe: Pipeline) -> None:
        """Send entries that wait."""
        now = time.monotonic()
        for _ in range(min(len(self._puts), TOGETHER)):
            name, epoch, kept = self._puts.popleft()
            self._put_bytes -= len(kept.reply)
            if (left := int((kept.until - now) * 1000)) > 0:
                pipe.set(_PREFIX + name, epoch + pack(kept, name), px=left)
                self.figures.stored += 1
        self.figures.waiting = len(self._puts)

    def _stands(self, epoch: bytes | None) -> None:
        """The server has answered; this is the epoch there."""
        self._epoch, self._flushing, self._told = epoch, False, False
        if self.figures.off:
            self.figures.off = None
            log.info("the shared cache is used")

    def _read(self, name: bytes, ttl: int, value: bytes | None) -> Kept | None:
        if value is None or ttl <= 0 or self._epoch is None or not value.startswith(self._epoch):
            return None
        kept = unpack(value[_EPOCH_BYTES:], name, time.monotonic() + ttl / 1000)
        return kept if kept is not None and self._recent.fresh(kept) else None

    def _failed(self, why: str) -> None:
        if not self.figures.off:
            self.figures.failures += 1
        self.figures.off = why
        self._anew()
        self._wake.clear()
        if not self._told:
            self._told = True
            log.warning("the shared cache is not used", extra={"reason": why})


def _client(url: str, timeout: float) -> tuple[Redis, type[Exception]]:
    """A client that tries once, and its errors."""
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError
    except ImportError:
        raise FeatureMissing(
            "the client library of the shared cache is not installed", hint="pip install 'postai[valkey]'"
        ) from None
    try:
        client = Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0), protocol=2
        )
    except ValueError:
        raise UsageError(
            "the URL of the shared cache is none", hint="redis://host:6379/0, rediss:// for TLS, or unix:///path"
        ) from None
    return client, RedisError
