"""Asks again for the answers that were used most, after all had to be forgotten: when nobody waits for a server.

What was used most is noted when it is forgotten (postai.edge.warming), and once a minute in the second tier's file, if
there is one, so that the next process knows it. Each identity's answers are asked for by itself, through its pool,
with the secret that its clients have proved, as soon as there are such clients; answers are kept by the rules that
hold for those of clients.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

from postai.edge.memory import Entry
from postai.edge.server.renew import asked
from postai.edge.server.second import scope_name
from postai.edge.warming import Request, Wish, Wishes, request

if TYPE_CHECKING:
    from postai.edge.server.answers import Answers
    from postai.edge.server.cached import Cache

log = logging.getLogger(__name__)

TOGETHER = 2
"""Answers that are asked for at a time."""
PAUSE = 0.005
"""Seconds between two, at least; else as long as the last one took."""
PATIENCE = 0.1
"""Seconds between two looks whether clients leave servers alone, and the cache is on."""
SAVES = 60.0
"""Seconds after which what was used most is saved again."""


class Warmer:
    """Of one database's cache.

    Args:
        cache: it.
        most: answers that are asked for again at most; 0 = none.

    Attributes:
        warmed: answers that were made and kept this way.
    """

    def __init__(self, cache: Cache, most: int) -> None:
        self._cache = cache
        self._most = most
        self._wishes = Wishes(most)
        self._answers: dict[bytes, Answers] = {}
        self._due: list[Wish] = []
        self._tried: set[Wish] = set()
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.warmed = 0

    def start(self) -> None:
        """Begin."""
        if not self._most:
            return
        create = asyncio.get_running_loop().create_task
        self._tasks = [create(self._warm()) for _ in range(TOGETHER)]
        second = self._cache.second
        if second is not None:
            second.saved(self.add)
            self._tasks.append(create(self._save()))

    async def stop(self) -> None:
        """Ask no more, and save what was used most."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks and self._cache.second is not None:
            self._cache.second.save(self._wishes.with_those(self._kept()))

    # What is told.

    def add(self, wishes: list[Wish]) -> None:
        """What an earlier process has saved."""
        self._wishes.add(wishes)
        self._begin(self._wishes.of(self._answers))

    def join(self, answers: Answers) -> None:
        """An identity has its first client."""
        name = scope_name(answers.scope)
        self._answers[name] = answers
        self._begin([*self._due, *self._wishes.of([name])])

    def leave(self, answers: Answers) -> None:
        """An identity has no client any more, and its answers are about to be forgotten."""
        name = scope_name(answers.scope)
        if self._answers.get(name) is answers:
            self._wishes.note(name, answers.kept)
            del self._answers[name]

    def note(self) -> None:
        """All answers are about to be forgotten."""
        if not self._most:
            return
        for name, answers in self._answers.items():
            self._wishes.note(name, answers.kept)
        self._begin(self._wishes.of(self._answers))

    def _begin(self, wishes: list[Wish]) -> None:
        self._due, self._tried = wishes, set()
        if wishes:
            self._news.set()

    # The work.

    async def _warm(self) -> None:
        while True:
            while not self._due:
                self._news.clear()
                await self._news.wait()
            wish = self._next()
            if wish is None:
                await asyncio.sleep(PATIENCE)
                continue
            begun, wanted = monotonic(), request(wish.key)
            # It may have been asked just when tables or connections were not known to be right.
            if (
                wanted is not None
                and not await self._ask(self._answers[wish.scope], wanted)
                and wish not in self._tried
            ):
                self._tried.add(wish)
                self._due.append(wish)
            await asyncio.sleep(max(PAUSE, monotonic() - begun))

    def _next(self) -> Wish | None:
        """The best that may be asked for now; None = not now."""
        self._due = [wish for wish in self._due if wish.scope in self._answers]
        may = {name: self._answers[name].may_ask for name in {wish.scope for wish in self._due}}
        for place, wish in enumerate(self._due):
            if may[wish.scope]:
                return self._due.pop(place)
        return None

    async def _ask(self, answers: Answers, wanted: Request) -> bool:
        """Whether the answer was made, and is kept."""
        made = await asked(answers, wanted)
        self.warmed += made
        return made

    async def _save(self) -> None:
        second = self._cache.second
        assert second is not None
        while True:
            await asyncio.sleep(SAVES)
            second.save(self._wishes.with_those(self._kept()))

    def _kept(self) -> list[tuple[bytes, list[Entry]]]:
        return [(name, list(answers.kept)) for name, answers in self._answers.items()]
