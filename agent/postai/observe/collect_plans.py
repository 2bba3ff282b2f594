"""Plans of statements as they ran, out of what auto_explain writes into the server's log.

Only where an owner of schema postai switched it on (setting collect_plans). The log is read through SQL, a part each
interval and never more than so many bytes; where we are is kept in the history, so that nothing is read twice. What is
said of a record that cannot be used is nothing: no text of a log reaches our own log, an error or a state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postai.database import Database
from postai.database.named_sql import load
from postai.errors import FeatureMissing, Refused
from postai.history import store
from postai.history.types import LoggedPlan, LogPosition, StatementKey
from postai.observe.collect_counters import Ground
from postai.observe.collect_plans_log import LogFormat, LoggedRun, names_its_origin, read_log
from postai.observe.collect_plans_strip import filled, stripped
from postai.observe.plan_hash import plan_hash, plan_shape
from postai.sql.parse import fingerprint, split
from postai.sql.plan import read_plan

_LONGEST_TEXT = 1 << 16


@dataclass(frozen=True)
class PlanLimits:
    """Bounds of one interval.

    Attributes:
        bytes: of the log that are read; a part is passed over when more than `behind` bytes are waiting.
        runs: plans that are looked at, the slowest first.
        texts: statements whose texts are parsed to tell them by; what is known of them is remembered.
    """

    bytes: int = 4 << 20
    behind: int = 32 << 20
    runs: int = 200
    texts: int = 1000


@dataclass(frozen=True)
class LogReading:
    """What one turn found.

    Attributes:
        plans: of known statements, one for each statement and shape.
        texts: statements with the values that they ran with, for those who may keep them.
        note, hint: what people should know of the log; None = nothing.
    """

    plans: tuple[LoggedPlan, ...]
    texts: tuple[tuple[StatementKey, str], ...]
    note: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class _Lines:
    """How a log is written: see `read_log`."""

    format: LogFormat
    prefix: str
    database: str
    statements_told: bool


class LoggedPlans:
    """Reads on in the server's log at every turn.

    Args:
        limits: bounds.
    """

    def __init__(self, limits: PlanLimits | None = None) -> None:
        self._limits = limits or PlanLimits()
        self._sql = load(__package__, "collect_plans.sql")
        self._prints: dict[StatementKey, str | None] = {}

    def read(self, db: Database, ground: Ground) -> LogReading:
        """What was logged since the last turn; the first one only remembers where the log ends.

        Raises:
            FeatureMissing: the log cannot be read; says what to do.
        """
        missing, collecting, prefix, database, statements_told = db.query(self._sql["ground"])[0]
        if not collecting:
            raise FeatureMissing(
                "the server's log does not go to files that can be read (logging_collector is off)",
                hint="ALTER SYSTEM SET logging_collector = on; restart the server.",
            )
        if missing:
            raise FeatureMissing("the agent may not read the server's log", hint=missing)
        rows = db.query(self._sql["file"])
        if not rows:
            raise FeatureMissing(
                "the server writes no log file now", hint="ALTER SYSTEM SET log_destination = 'jsonlog'; reload."
            )
        log_format, current = rows[0]
        if log_format == "stderr" and not names_its_origin(prefix):
            raise FeatureMissing(
                "the lines of the server's log do not say who ran a statement, and in which database",
                hint="ALTER SYSTEM SET log_destination = 'csvlog' (from 15 on 'jsonlog'), or put %u and %d into"
                " log_line_prefix; reload.",
            )
        lines = _Lines(log_format, prefix, database, statements_told)
        runs, as_text, lost = self._read_on(db, lines, current)
        ours = sorted(runs, key=lambda one: -one.duration_ms)
        plans, texts = self._known(db, ground, ours[: self._limits.runs])
        return LogReading(plans, texts, *_remark(as_text, lost))

    # The log ----------------------------------------------------------------------------------------------------

    def _read_on(self, db: Database, lines: _Lines, current: str) -> tuple[list[LoggedRun], int, int]:
        """Runs, how many plans were written as text, how many bytes were passed over."""
        last = store.read_log_position(db)
        size = self._size(db, current) or 0
        if last is None or _format_of(last.file) != _format_of(current):
            store.write_log_position(db, LogPosition(current, size))
            return [], 0, 0
        runs: list[LoggedRun] = []
        as_text = lost = 0
        position = last
        if last.file != current:
            before = self._size(db, last.file) or 0
            found, position, skipped = self._part(db, lines, LogPosition(last.file, last.bytes), before)
            runs, as_text, lost = [*found[0]], found[1], skipped
            if position.bytes < before and found[2]:
                store.write_log_position(db, position)  # there is more in the file that was written before
                return runs, as_text, lost
            position = LogPosition(current, 0)
        if size < position.bytes:
            position = LogPosition(current, 0)  # it was emptied
        found, position, skipped = self._part(db, lines, position, size)
        # First where we are: what cannot be kept must not come again and again.
        store.write_log_position(db, position)
        return [*runs, *found[0]], as_text + found[1], lost + skipped

    def _part(
        self, db: Database, lines: _Lines, at: LogPosition, size: int
    ) -> tuple[tuple[tuple[LoggedRun, ...], int, bool], LogPosition, int]:
        """What the next part of a file holds (runs, plans as text, whether anything was read), where we are, and the
        bytes that were passed over."""
        limits = self._limits
        skipped = size - limits.bytes - at.bytes if size - at.bytes > limits.behind else 0
        begin = at.bytes + skipped
        if begin >= size:
            return ((), 0, False), LogPosition(at.file, begin), skipped
        before = 1 if begin else 0  # the byte before tells whether a line begins here
        data = db.query(self._sql["part"], (at.file, begin - before, min(limits.bytes, size - begin) + before))[0][0]
        if not data:
            return ((), 0, False), LogPosition(at.file, begin), skipped
        rest = bytes(data)[before and (data.find(b"\n") + 1 or len(data)) :]
        part = read_log(lines.format, rest, lines.prefix, lines.database, statements_told=lines.statements_told)
        # A record that is longer than a part is passed over.
        whole = part.consumed == 0 and len(data) - before >= limits.bytes
        consumed = len(data) - before - (0 if whole else len(rest) - part.consumed)
        return (part.runs, part.as_text, consumed > 0), LogPosition(at.file, begin + consumed), skipped

    def _size(self, db: Database, file: str) -> int | None:
        rows = db.query(self._sql["size"], (file,))
        return int(rows[0][0]) if rows else None

    # The statements ---------------------------------------------------------------------------------------------

    def _known(
        self, db: Database, ground: Ground, runs: Sequence[LoggedRun]
    ) -> tuple[tuple[LoggedPlan, ...], tuple[tuple[StatementKey, str], ...]]:
        if not runs:
            return (), ()
        users: dict[str, int] = dict(db.query(self._sql["roles"], (sorted({one.user for one in runs}),)))
        known = _Known(self._fingerprints(db, runs))
        plans: dict[tuple[StatementKey, str], LoggedPlan] = {}
        texts: dict[tuple[StatementKey, str], None] = {}
        for run in runs:
            key = known.of(run, users.get(run.user))
            one = _kept(run, key, ground) if key is not None else None
            if one is None:
                continue
            before = plans.get((one.key, one.plan_hash))  # they come with the slowest first
            plans[one.key, one.plan_hash] = one if before is None else before.again()
            if (text := _with_values(run)) is not None:
                texts[one.key, text] = None
        return tuple(plans.values()), tuple(texts)

    def _fingerprints(self, db: Database, runs: Sequence[LoggedRun]) -> Mapping[StatementKey, str | None]:
        """Of the texts of the statements that the history knows; None = the agent's own, or not known."""
        known = sorted(store.read_known(db))
        self._prints = {key: self._prints[key] for key in known if key in self._prints}
        said = {_said(run) for run in runs}
        wanted = said | {run.queryid for run in runs}
        first = [key for key in known if key.queryid in wanted]
        others = () if said <= {key.queryid for key in first} else known
        new = [key for key in dict.fromkeys((*first, *others)) if key not in self._prints][: self._limits.texts]
        for one in store.texts_of(db, new):
            self._prints[one.key] = None if one.own or one.truncated or not one.query else _fingerprint(one.query)
        return self._prints


class _Known:
    """The statements of the history, by their identifiers and by their fingerprints."""

    def __init__(self, prints: Mapping[StatementKey, str | None]) -> None:
        self._prints = prints
        self._by_queryid: dict[int, list[StatementKey]] = {}
        self._by_print: dict[str, list[StatementKey]] = {}
        for key, one in prints.items():
            if one is not None:
                self._by_queryid.setdefault(key.queryid, []).append(key)
                self._by_print.setdefault(one, []).append(key)

    def of(self, run: LoggedRun, userid: int | None) -> StatementKey | None:
        """The statement that ran: by the identifier in the plan, else by the text, of those that the line names first.

        None = nobody of whom there is history ran it.
        """
        candidates = self._by_queryid.get(_said(run) or 0)
        if candidates is None:
            text = run.document.get("Query Text")
            prints = _fingerprints_in(text) if isinstance(text, str) else frozenset()
            named = [key for key in self._by_queryid.get(run.queryid or 0, ()) if self._prints[key] in prints]
            candidates = named or [key for one in sorted(prints) for key in self._by_print.get(one, ())]
        mine = [key for key in candidates if key.userid == userid]
        return max(mine, key=lambda key: (key.toplevel, key), default=None)


def _kept(run: LoggedRun, key: StatementKey, ground: Ground) -> LoggedPlan | None:
    """What is kept of a run; None = it is no plan.

    A plan may be anybody's text: one of a kind that nobody foresaw is lost alone.
    """
    try:
        plan = stripped(run.document["Plan"])
        shape = plan_shape({"Plan": plan}) if plan is not None else None
        if plan is None or shape is None:
            return None
        problems = _problems(plan)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None
    return LoggedPlan(key, plan_hash(shape), {"Plan": plan}, problems, 1, run.duration_ms, ground.at, ground.at)


def _said(run: LoggedRun) -> int | None:
    """The identifier of the statement itself, which is written where auto_explain.log_verbose is on (16 and later)."""
    found = run.document.get("Query Identifier")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _fingerprints_in(text: str) -> frozenset[str]:
    """Of every statement of a text; a client may send several at once."""
    if len(text) > _LONGEST_TEXT:
        return frozenset()
    try:
        found = {_fingerprint(one) for one in split(text)[:20]}
    except (Refused, RecursionError):
        return frozenset()
    return frozenset(one for one in found if one is not None)


def _fingerprint(text: str) -> str | None:
    try:
        return fingerprint(text)
    except (Refused, RecursionError):
        return None


def _with_values(run: LoggedRun) -> str | None:
    """The statement with the values that it ran with; None = the log does not say all of them."""
    text, parameters = run.document.get("Query Text"), run.document.get("Query Parameters")
    if not isinstance(text, str) or len(text) > _LONGEST_TEXT or any("\ud800" <= one <= "\udfff" for one in text):
        return None
    if isinstance(parameters, str):
        text = filled(text, parameters)
    return text if text is not None and "\0" not in text and len(text) <= _LONGEST_TEXT else None


def _problems(plan: Mapping[str, object]) -> str | None:
    """What the analysis of plans finds wrong with it, a line for each; None = nothing."""
    order = ("HIGH", "MEDIUM", "LOW", "INFO")
    found = sorted(
        (one for one in read_plan([{"Plan": plan}]) if one.problem), key=lambda one: order.index(one.severity)
    )
    return "\n".join(f"{one.severity}: {one.problem} {one.advice}" for one in found[:5])[:4000] or None


def _format_of(file: str) -> str:
    return file.rpartition(".")[2]


def _remark(as_text: int, lost: int) -> tuple[str | None, str | None]:
    if as_text:
        return (
            "auto_explain writes plans as text, which is not read",
            "ALTER SYSTEM SET auto_explain.log_format = 'json'; SELECT pg_reload_conf();",
        )
    if lost:
        return (
            f"{max(1, lost >> 20)} MB of the server's log were passed over, as more is written than is read",
            "Raise auto_explain.log_min_duration, or lower auto_explain.sample_rate.",
        )
    return None, None
