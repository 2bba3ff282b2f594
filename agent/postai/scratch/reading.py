"""EXPLAIN within a transaction that has written: in a savepoint in which nothing can be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from postai.database import Database, ServerError, named_sql
from postai.database.identifiers import quote_ident, quote_literal
from postai.scratch.script import Script
from postai.sql.definitions import DefinitionsChanged, unchanged

MOST_PREPARED = 200
"""Prepared statements that are kept at most."""

_NAME = "postai_copied_"
_READING = "postai_reading"


@dataclass(frozen=True)
class Settings:
    """Under which statements are planned.

    Attributes:
        search_path: schemas, in order.
        prices: planner settings and their values.
    """

    search_path: tuple[str, ...]
    prices: tuple[tuple[str, str], ...]


@dataclass
class _Prepared:
    """A prepared statement; `planned` = the server keeps a generic plan of it."""

    name: str
    planned: bool = False


class Reader:
    """One session's EXPLAINs.

    Args:
        db: the session.
        script: of the session; its statements run before the next EXPLAIN.
        same: fails unless definitions are those that the guard judged the statements by.
    """

    def __init__(self, db: Database, script: Script, same: str) -> None:
        self._db = db
        self._same = same
        self._compares = False
        self._script = script
        self._prepared: dict[tuple[str, tuple[str, ...]], _Prepared] = {}
        self._count = 0
        self._settings: Settings | None = None
        self._mode = ""

    def explain(
        self, sql: str, literals: Sequence[str] | None, parameters: int, settings: Settings, *, verbose: bool
    ) -> dict[str, Any]:
        """The object under "Plan" of EXPLAIN (FORMAT JSON).

        Args:
            sql: with $n in the place of parameters.
            literals: their values as SQL literals; None = the plan for any value.
            parameters: how many there are.
            settings: under which it is planned.
            verbose: as EXPLAIN's.

        Raises:
            ServerError: PostgreSQL cannot plan it.
        """
        try:
            ask = sql
            if parameters:
                prepared = self._prepare(sql, settings, generic=literals is None)
                prepared.planned |= literals is None
                values = ["null"] * parameters if literals is None else literals
                ask = f"execute {prepared.name}({', '.join(values)})"
            self._enter(settings, generic=literals is None)
            if not self._compares:
                self._script.add(f"prepare {_NAME}same as {self._same}")
            self._script.run()
            self._compares = True
            with unchanged():
                rows = self._db.query(f"execute {_NAME}same; explain (verbose {verbose}, format json) {ask}")
        except (ServerError, DefinitionsChanged):
            self.stop()
            self._script.run()
            raise
        root: dict[str, Any] = rows[-1][0][0]["Plan"]
        return root

    def types(self, sql: str, settings: Settings) -> tuple[str, ...]:
        """Types of the parameters as PostgreSQL resolves them; raises as `explain`."""
        name = self._prepare(sql, settings, generic=False).name
        self._script.run()
        ((found,),) = self._db.query(named_sql.load(__package__, "planner.sql")["parameter_types"], (name,))
        return tuple(found)

    def stop(self) -> None:
        """Let the savepoint end, and with it its settings and locks, before whatever is run next by the script."""
        if self._settings is not None:
            self._settings = None
            self._script.add(f"rollback to savepoint {_READING}", f"release savepoint {_READING}")

    def forget(self) -> None:
        """Drop the prepared statements."""
        for one in self._prepared.values():
            self._db.execute(f"deallocate {one.name}")
        self._prepared.clear()
        if self._compares:
            self._db.execute(f"deallocate {_NAME}same")
            self._compares = False

    def _enter(self, settings: Settings, *, generic: bool) -> None:
        mode = "force_generic_plan" if generic else "force_custom_plan"
        if self._settings != settings:
            self.stop()
            path = ", ".join(map(quote_ident, settings.search_path)) or "''"
            local = [f"set local {name} = {quote_literal(value)}" for name, value in settings.prices]
            self._script.add(
                f"savepoint {_READING}", "set transaction read only", f"set local search_path = {path}", *local
            )
            self._settings, self._mode = settings, ""
        if self._mode != mode:
            self._script.add(f"set local plan_cache_mode = {mode}")
            self._mode = mode

    def _prepare(self, sql: str, settings: Settings, *, generic: bool) -> _Prepared:
        """The prepared statement; a parameter that nothing gives a type is taken for text."""
        key = (sql, settings.search_path)
        found = self._prepared.pop(key, None)
        if found is None:
            if len(self._prepared) >= MOST_PREPARED:
                self._script.add(f"deallocate {self._prepared.pop(next(iter(self._prepared))).name}")
            found = _Prepared(f"{_NAME}{self._count}")
            self._count += 1
            self._make(found.name, sql, settings)
        elif found.planned and generic:
            self._script.add("discard plans")  # what was kept knows other indexes
        self._prepared[key] = found  # now the last in order
        return found

    def _make(self, name: str, sql: str, settings: Settings) -> None:
        texts: set[int] = set()
        while True:
            types = ["text" if n in texts else "unknown" for n in range(1, max(texts, default=0) + 1)]
            declared = f"({', '.join(types)})" if types else ""
            self._enter(settings, generic=True)
            # By itself: a text with a syntax error fails before anything that is sent with it, the savepoint too.
            self._script.run()
            self._script.add(f"prepare {name}{declared} as {sql}")
            try:
                self._script.run()
            except ServerError as error:
                self.stop()
                self._script.run()
                number = _undecided(error)
                if number is None or number in texts:
                    raise
                texts.add(number)
            else:
                return


def _undecided(error: ServerError) -> int | None:
    """Number of the parameter whose type could not be determined (42P18, 42P08)."""
    if error.sqlstate not in ("42P18", "42P08"):
        return None
    digits = error.message.partition("$")[2].split(" ")[0]
    return int(digits) if digits.isdecimal() else None
