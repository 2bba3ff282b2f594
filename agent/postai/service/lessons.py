"""What was taught to each login, kept until it changes; whoever asks gets the part that is near the question."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from postai.ask.taught_answers import question_key
from postai.database import Database
from postai.language.taught import Example, Taught, Term

MOST_LOGINS = 64
MOST_EXAMPLES = 50
MOST_TERMS = 200

_WORD = re.compile(r"\w+")
_STEM = 4
"""Letters at the start of a word by which words are compared: enough to choose, the engines read more closely."""


@dataclass(frozen=True, slots=True)
class _Lesson:
    """An example or a term with what it is chosen by."""

    words: frozenset[str]
    key: str
    entry: Example | Term


@dataclass(frozen=True, slots=True)
class _Known:
    version: str
    examples: tuple[_Lesson, ...]
    terms: tuple[_Lesson, ...]


class Lessons:
    """The taught entries of one database.

    Args:
        sql: blocks "taught_examples" and "taught_terms".
    """

    def __init__(self, sql: Mapping[str, str]) -> None:
        self._sql = sql
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def of(self, db: Database, login: str, version: str, question: str) -> Taught:
        """What counts for a login, as far as it is near a question: nearest first, one's own before shared ones.

        Args:
            version: what postai._taught_version gave for this login; entries are read again when it differs.

        Raises:
            PostaiError: the database cannot be read.
        """
        with self._lock:
            known = self._known.get(login)
            if known is not None:
                self._known.move_to_end(login)
        if known is None or known.version != version:
            known = self._read(db, login, version)
            with self._lock:
                self._known[login] = known
                if len(self._known) > MOST_LOGINS:
                    self._known.popitem(last=False)
        if not known.examples and not known.terms:
            return Taught()
        words, key = _words(question), question_key(question)

        def nearness(one: _Lesson) -> tuple[bool, float]:
            return one.key == key, len(one.words & words) / (len(one.words | words) or 1)

        def mentioned(one: _Lesson) -> float:
            return len(one.words & words) / (len(one.words) or 1)

        examples = sorted(known.examples, key=nearness, reverse=True)[:MOST_EXAMPLES]
        terms = sorted(known.terms, key=mentioned, reverse=True)[:MOST_TERMS]
        return Taught(
            tuple(one.entry for one in terms if isinstance(one.entry, Term)),
            tuple(one.entry for one in examples if isinstance(one.entry, Example)),
        )

    def _read(self, db: Database, login: str, version: str) -> _Known:
        # Rows may be newer than the version that vouches for them: then they are read once more, at the next question.
        examples: dict[str, _Lesson] = {}
        for question, sql, search_path, taught_by, shared in db.query(self._sql["taught_examples"], (login,)):
            key = question_key(question)
            example = Example(question, sql, taught_by, shared, tuple(search_path))
            examples.setdefault(key, _Lesson(_words(question), key, example))
        terms: dict[str, _Lesson] = {}
        for term, meaning in db.query(self._sql["taught_terms"], (login,)):
            terms.setdefault(term.lower(), _Lesson(_words(term), term.lower(), Term(term, meaning)))
        return _Known(version, tuple(examples.values()), tuple(terms.values()))


def _words(text: str) -> frozenset[str]:
    return frozenset(word[:_STEM] for word in _WORD.findall(text.lower()))
