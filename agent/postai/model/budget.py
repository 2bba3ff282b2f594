"""The daily budget: money is set aside before a call, so that calls side by side cannot overrun it together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from postai.errors import BudgetSpent

CENT = Decimal("0.01")


class Budget:
    """What may be spent in a day.

    Args:
        limit_usd: US dollars a day.
        spent_today: US dollars spent since midnight, as recorded.
    """

    def __init__(self, limit_usd: Decimal, spent_today: Callable[[], Decimal]) -> None:
        self._limit = limit_usd
        self._spent_today = spent_today
        self._reserved = Decimal(0)
        self._lock = threading.Lock()

    @contextmanager
    def reserve(self, amount: Decimal) -> Iterator[None]:
        """Hold the most that a call can cost while it runs.

        Raises:
            BudgetSpent: the rest of today's budget is smaller than that.
        """
        with self._lock:
            spent = self._spent_today()
            if spent + self._reserved + amount > self._limit:
                raise BudgetSpent(
                    "the daily budget for model calls is used up",
                    detail=f"budget {self._limit:.2f} USD, spent today {spent:.2f} USD, running calls up to "
                    f"{self._reserved:.2f} USD, this call up to {max(amount, CENT):.2f} USD",
                    hint="Wait until tomorrow, or let an operator raise the setting daily_budget_usd; "
                    "the embedded engine (setting engine = grammar) costs nothing.",
                )
            self._reserved += amount
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= amount
