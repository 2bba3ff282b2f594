"""The model of one database: built from the configuration and the database's own settings, every call written down."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from postai.database import Pool
from postai.errors import PostaiError
from postai.model.client import Model
from postai.model.types import ModelCall
from postai.settings import ModelSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Built:
    settings: ModelSettings
    model: Model


class Ledger:
    """Gives out the model and books its calls under the question they were made for.

    Args:
        pool: sessions of the home database.
        settings: the agent's configuration.
        sql: blocks "record_call" and "spent_today".
    """

    def __init__(self, pool: Pool, settings: ModelSettings, sql: Mapping[str, str]) -> None:
        self._pool = pool
        self._settings = settings
        self._sql = sql
        self._lock = threading.Lock()
        self._built: _Built | None = None
        self._unbooked = Decimal(0)

    @contextmanager
    def model(self, name: str | None, budget: Decimal | None, calls: list[ModelCall]) -> Iterator[Model | None]:
        """The model for one question; None = none is configured.

        Args:
            name: model id that the database prefers; None = the configured one.
            budget: daily budget of the database in US dollars; None = the configured one.
            calls: filled with what was called; hand it to `book` when the question has its number.
        """
        if not self._settings.configured:
            yield None
            return

        def note(call: ModelCall) -> None:
            calls.append(call)
            with self._lock:
                self._unbooked += call.cost_usd

        yield self._current(name, budget).recording(note)

    def book(self, calls: Sequence[ModelCall], question_id: int | None) -> None:
        """Write the calls down; what cannot be written now still counts as spent until the agent ends."""
        for call in calls:
            try:
                with self._pool.database() as db:
                    db.execute(
                        self._sql["record_call"],
                        (
                            call.purpose,
                            call.model,
                            call.input_tokens,
                            call.output_tokens,
                            call.cost_usd,
                            call.latency_ms,
                            call.status,
                            question_id,
                        ),
                    )
            except PostaiError as error:
                log.error("a model call could not be recorded", extra={"error": error.message, "cost": call.cost_usd})
                continue
            with self._lock:
                self._unbooked -= call.cost_usd

    def close(self) -> None:
        """Close the model's idle connections."""
        with self._lock:
            built, self._built = self._built, None
        if built is not None:
            built.model.close()

    def _current(self, name: str | None, budget: Decimal | None) -> Model:
        changes = {
            **({"model": name} if name else {}),
            **({"daily_budget_usd": budget} if budget is not None else {}),
        }
        wanted = self._settings.model_copy(update=changes)
        with self._lock:
            if self._built is None or self._built.settings != wanted:
                if self._built is not None:
                    self._built.model.close()
                self._built = _Built(wanted, Model(wanted, record=_nobody, spent_today=self._spent_today))
            return self._built.model

    def _spent_today(self) -> Decimal:
        with self._pool.database() as db:
            written = Decimal(db.query(self._sql["spent_today"])[0][0])
        with self._lock:
            return written + self._unbooked


def _nobody(_call: ModelCall) -> None:
    raise AssertionError("every call is made through recording()")
