"""Answers of the model that were given before, kept in the home database."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from postai.ask.types import Answer, Reading
from postai.database import Pool
from postai.errors import PostaiError

log = logging.getLogger(__name__)


class KeptAnswers:
    """The answers kept for one question (the engine's `Recall`).

    What cannot be read or written costs a call of the model and nothing else.

    Args:
        pool: sessions of the home database.
        sql: blocks "kept_answer" and "keep_answer".
        question: the person's words, so that feedback on them can empty what is kept.
        days: how old an answer may be.
    """

    def __init__(self, pool: Pool, sql: Mapping[str, str], question: str, days: float) -> None:
        self._pool, self._sql, self._question, self._days = pool, sql, question, days

    def find(self, key: str) -> Answer | None:
        """The answer kept under this key; None = none is, or it cannot be read."""
        try:
            with self._pool.database() as db:
                rows = db.query(self._sql["kept_answer"], (key, self._days))
        except PostaiError as error:
            log.warning("kept answers cannot be read", extra={"error": error.message})
            return None
        return _read(rows[0][0]) if rows else None

    def keep(self, key: str, answer: Answer) -> None:
        """Keep an answer of the model; others are made again faster than they are found."""
        if answer.engine != "model" or answer.status != "answered":
            return
        try:
            with self._pool.database() as db:
                db.execute(self._sql["keep_answer"], (key, self._question, json.dumps(asdict(answer))))
        except PostaiError as error:
            log.warning("an answer cannot be kept", extra={"error": error.message})


def _read(kept: Mapping[str, Any]) -> Answer | None:
    """The answer that `keep` wrote; None when another version of postai wrote it in another form."""
    try:
        return Answer(**{**kept, "readings": tuple(Reading(**one) for one in kept["readings"])})
    except (KeyError, TypeError):
        return None
