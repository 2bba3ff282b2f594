"""Asks again, at once, for answers that a change has overtaken and that were used: before a client waits for them.

What is read more often than written is nearly always read next. It is asked for on a connection that nobody uses, with
the secret that the identity's clients have proved; the rules of clients' answers hold. An answer is asked for at most
once for each time that one was used.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from postai.edge.memory import Entry
from postai.edge.server.link import Lost
from postai.edge.warming import Request, request
from postai.edge.wire import Malformed, Violation

if TYPE_CHECKING:
    from postai.edge.server.answers import Answers

log = logging.getLogger(__name__)

TOGETHER = 16
"""Answers of a database that are asked for at a time; of what is overtaken beyond that, clients ask."""
COSTLY = 0.25
"""Seconds: answers that took longer are for clients to ask."""


class Renewer:
    """Of one database's cache.

    Args:
        tasks: where its work is kept, which ends with the cache.

    Attributes:
        renewed: answers that were made and kept this way.
    """

    def __init__(self, tasks: set[asyncio.Task[None]]) -> None:
        self._tasks = tasks
        self._running = 0
        self.renewed = 0

    def overtaken(self, answers: Answers, entry: Entry) -> bool:
        """An answer was used, and is about to be forgotten; whether it is asked for again."""
        if self._running >= TOGETHER or entry.cost > COSTLY or not answers.may_ask:
            return False
        self._running += 1
        task = asyncio.get_running_loop().create_task(self._ask(answers, entry.key))
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return True

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running -= 1
        self._tasks.discard(task)

    async def _ask(self, answers: Answers, key: bytes | tuple[bytes, bytes]) -> None:
        wanted = request(key)
        if wanted is None:
            return
        self.renewed += await asked(answers, wanted)


async def asked(answers: Answers, wanted: Request) -> bool:
    """Ask for an answer without a client; whether it was made, and is kept."""
    try:
        return await answers.warm(wanted)
    except (Violation, Malformed, Lost, OSError) as error:  # of which TimeoutError is a kind
        log.info("an answer cannot be asked for again", extra={"error": str(error)})
        return False
