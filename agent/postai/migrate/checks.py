"""Pre-checks on the real data: what would make a step fail is counted before anything runs, read only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postai.database import Database, ServerError
from postai.deadline import Deadline
from postai.errors import Refused
from postai.migrate.types import Plan
from postai.proposals.conditions import INPUT_TEST
from postai.sql.guard import check
from postai.sql.safety import Safety, load_safety

_SHOWN = 1000


@dataclass(frozen=True)
class Found:
    """What one check came to.

    Attributes:
        words: what is counted, for people.
        query: the SELECT of the count; run it without the count to see the rows.
        count: how many there are, 1000 = that many or more; None = it could not be counted in time.
        problem: why it could not be counted.
        some: whether there are some that were seen and not counted.
    """

    words: str
    query: str
    count: int | None
    problem: str | None = None
    some: bool = False

    @property
    def stands_in_the_way(self) -> bool:
        """Whether the plan would fail."""
        return self.some or bool(self.count)

    def sentence(self) -> str:
        """For people; values of rows are never in it."""
        if self.some:
            return f"some {self.words}; correct them before it is applied; to see them: {self.rows_query}"
        if self.count is None:
            return f"whether {self.words} could not be counted: {self.problem}"
        number = f"{_SHOWN} or more" if self.count >= _SHOWN else str(self.count)
        return f"{number} {self.words}; to see them: {self.rows_query}"

    @property
    def rows_query(self) -> str:
        """The SELECT that shows the rows, or the keys that occur more than once."""
        inner = self.query.removeprefix("SELECT count(*) FROM (SELECT 1 FROM ").removesuffix(" LIMIT 1000) AS x")
        _, grouped, key = inner.rpartition(" GROUP BY ")
        shown = f"{key.removesuffix(' HAVING count(*) > 1')}, count(*)" if grouped else "*"
        return f"SELECT {shown} FROM {inner}"  # noqa: S608 - made by the planner


def require_harmless(query: str, safety: Safety, search_path: Sequence[str]) -> None:
    """Refuse a check that might do more than read; `pg_input_is_valid`, with which the planner asks, may be called.

    Args:
        query: a check of a plan.
        safety: what the database's functions are known to do.
        search_path: along which it will run.

    Raises:
        Refused: it calls what nobody has declared harmless.
    """
    check(query.replace(*INPUT_TEST), safety, search_path=search_path)


def run_checks(db: Database, made: Plan, deadline: Deadline) -> tuple[Found, ...]:
    """Count what stands in the way of a plan, each check in a read-only transaction of its own.

    Args:
        db: session whose role may read the tables.
        made: the plan; its checks are run in order.
        deadline: for all of them together; what is left when it is over is not counted.

    Returns:
        one entry for each check, those with a count of 0 among them.

    Raises:
        ConnectionLost: the session is gone.
    """
    safety = load_safety(db) if made.checks else None
    return tuple(_run(db, safety, query, words, deadline) for query, words in made.checks)


def _run(db: Database, safety: Safety | None, query: str, words: str, deadline: Deadline) -> Found:
    if safety is not None:
        try:
            require_harmless(query, safety, ("pg_catalog",))
        except Refused as error:
            return Found(words, query, None, error.message)
    left = int(deadline.remaining() * 1000)
    if left <= 0 or deadline.cancel.is_set():
        return Found(words, query, None, "the time is over")
    try:
        with db.transaction():
            db.execute("set transaction read only")
            db.execute("set local search_path = pg_catalog, pg_temp")
            db.execute("set local row_security = off")
            db.execute("set local lock_timeout = '1s'")
            db.execute(f"set local statement_timeout = {left}")
            return Found(words, query, int(db.query(query)[0][0]))
    except ServerError as error:
        return Found(words, query, None, _without_values(error))


def _without_values(error: ServerError) -> str:
    """Why the server gave up; messages of other classes could hold values of rows."""
    if error.sqlstate in ("57014", "55P03", "42501"):
        return error.message
    return f"the server answered with SQLSTATE {error.sqlstate}"
