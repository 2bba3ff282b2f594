"""Why a statement became slower, and what helps at once: a registry of causes, and one small function for each.

The first cause whose function answers is the one; so they stand in the order in which they exclude each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from postai.database.identifiers import qualified
from postai.observe.judge import severity_of_load
from postai.observe.regressions_plans import in_words
from postai.observe.regressions_types import Facts, LostIndex, Numbers, Regression, Suspect, TableChange, TableFacts

_LET_ADVISE = "let the advisors look for an index: select * from postai.optimize()"
_LOST_BEFORE = timedelta(hours=1)
"""An index that vanished so long before a statement became slower may be the reason."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a cause has to say of one suspect: one or two sentences each."""

    why: str
    mitigation: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for which statements become slower.

    Attributes:
        why: what it means; fix: what helps in general; anchor: its place in docs/judging.md.
        tell: says why it is the reason for this suspect, None = it is not.
    """

    id: str
    title: str
    why: str
    fix: str
    anchor: str
    tell: Callable[[Suspect, Facts], Told | None]


def explain(suspect: Suspect, facts: Facts) -> Regression:
    """The regression that a suspect is."""
    suspect = _up_to_date(suspect, facts)
    # The last cause takes what no other explains.
    cause, told = next((cause, told) for cause in CAUSES if (told := cause.tell(suspect, facts)) is not None)
    extra = max(0.0, suspect.extra_ms_per_day)
    return Regression(
        key=suspect.key,
        query=suspect.query,
        cause=cause.id,
        why=told.why,
        mitigation=told.mitigation,
        severity=severity_of_load(extra),
        factor=suspect.factor,
        started_at=suspect.started_at,
        found_at=suspect.found_at,
        before=suspect.before,
        after=suspect.after,
        extra_ms_per_day=extra,
        evidence=_evidence(suspect, facts),
    )


def _up_to_date(suspect: Suspect, facts: Facts) -> Suspect:
    """With the growth of tables that their size shows at this moment and the counters do not show yet, and the plans
    that it ran with, which are truer than those that the planner chooses for unknown parameters."""
    ran = facts.plans.get(suspect.key)
    if ran is not None:
        suspect = replace(suspect, plan_before=ran.before, plan_after=ran.after)
    tables = []
    for one in suspect.tables:
        known = facts.tables.get(one.oid)
        if known is not None and known.bytes is not None and one.bytes_then is not None:
            growth = (known.bytes + 8192) / (one.bytes_then + 8192)
            if growth > max(1.1, 1.1 * one.growth):
                one = replace(one, growth=growth, written=max(one.written, 1 - 1 / growth))
        tables.append(one)
    return replace(suspect, tables=tuple(tables))


def _evidence(suspect: Suspect, facts: Facts) -> dict[str, Any]:
    tables = []
    for one in suspect.tables:
        known = facts.tables.get(one.oid)
        tables.append(
            {
                "table": qualified(one.schema, one.table),
                "growth": round(one.growth, 3),
                "seq_scans_began": one.seq_scans_began,
                "index_scans_factor": round(one.lookups, 3),
                "rows_per_index_scan_factor": round(one.rows_per_lookup, 3),
                "index_no_longer_used": one.index_abandoned,
                "dead_share": round(one.dead_share, 3),
                "written_lately_share": round(one.written, 3),
                "changed_since_analyze": known.changed if known else None,
                "rows": known.rows if known else None,
                "analyzed_at": known.analyzed_at.isoformat() if known and known.analyzed_at else None,
            }
        )
    found: dict[str, Any] = {
        "before": _rounded(suspect.before),
        "after": _rounded(suspect.after),
        "all_statements_slower": round(suspect.slowdown, 2),
        "plan_before": suspect.plan_before,
        "plan_after": suspect.plan_after,
        "tables": tables,
    }
    if (ran := facts.plans.get(suspect.key)) is not None:
        found["ran_with"] = {"gone": list(ran.gone), "new": list(ran.new)}
    lost = _lost(suspect, facts)
    if lost is not None:
        found["lost_index"] = {"index": lost.index, "definition": lost.definition, "gone_at": lost.gone_at.isoformat()}
    blockers = [one for one in facts.blockers if suspect.key.queryid in one.blocked_queryids]
    if blockers:
        found["blockers"] = [
            {"pid": b.pid, "user": b.user, "state": b.state, "blocked": b.blocked, "query": b.query}
            for b in sorted(blockers, key=lambda one: -one.blocked)
        ]
    return found


def _rounded(numbers: Numbers) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(numbers).items()}


# What the functions look at -------------------------------------------------------------------------------------


def _blocks(suspect: Suspect) -> float:
    """How many times more blocks a call touches; small numbers do not matter."""
    return (suspect.after.blocks + 2) / (suspect.before.blocks + 2)


def _growth(suspect: Suspect) -> float:
    """How many times more data a call has to do with: rows it gives, size of its tables, rows behind an index key."""
    found = [1.0, _rows(suspect)]
    found += [one.growth for one in suspect.tables]
    settled = not any(one.seq_scans_began or one.index_abandoned for one in suspect.tables)
    if settled and not _other_plan(suspect):
        found += [one.rows_per_lookup for one in suspect.tables]
    return max(found)


def _rows(suspect: Suspect) -> float:
    """How many times more rows a call gives."""
    least = max(0.02, 2 / max(1, suspect.before.calls), 2 / max(1, suspect.after.calls))
    return (suspect.after.rows + least) / (suspect.before.rows + least)


def _excess(suspect: Suspect) -> float:
    """How many times more work there is than the growth of the data explains."""
    blocks = _blocks(suspect)
    work = blocks if blocks >= 1.5 else suspect.factor / max(1.0, suspect.slowdown)
    return work / _growth(suspect)


def _other_plan(suspect: Suspect) -> bool:
    return None not in (suspect.plan_before, suspect.plan_after) and suspect.plan_before != suspect.plan_after


def _same_plan(suspect: Suspect) -> bool:
    return suspect.plan_before is not None and suspect.plan_before == suspect.plan_after


def _lost(suspect: Suspect, facts: Facts) -> LostIndex | None:
    """The index of one of its tables that vanished last before it became slower."""
    oids = {one.oid for one in suspect.tables}
    found = [
        one for one in facts.lost_indexes if one.table_oid in oids and suspect.started_at - _LOST_BEFORE <= one.gone_at
    ]
    used = {one.index_abandoned for one in suspect.tables}
    return max(found, key=lambda one: (one.index in used, one.gone_at), default=None)


def _stale(suspect: Suspect, facts: Facts) -> TableFacts | None:
    """The table whose statistics are most behind because much was written to it lately."""
    return _behind(suspect, facts, lately=0.05)


def _behind(suspect: Suspect, facts: Facts, lately: float = 0.0) -> TableFacts | None:
    """The table of which most rows, a tenth at least, were written since it was analyzed.

    Args:
        lately: share of its rows that must have been written shortly before the statement became slower.
    """
    found = [facts.tables[one.oid] for one in suspect.tables if one.oid in facts.tables and one.written >= lately]
    grown = {one.oid for one in suspect.tables if one.growth >= 1.1 and one.written >= 0.1}
    stale = [
        one
        for one in found
        if one.changed >= max(50, 0.1 * one.rows)
        or (one.oid in grown and (one.analyzed_at is None or one.analyzed_at < suspect.started_at))
    ]
    return max(stale, key=lambda one: one.changed / max(1, one.rows), default=None)


def _seq_scan(suspect: Suspect) -> TableChange | None:
    return next((one for one in suspect.tables if one.seq_scans_began), None)


def _times(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def _slower(suspect: Suspect) -> str:
    return (
        f"A call takes {_ms(suspect.after.mean_ms)} instead of {_ms(suspect.before.mean_ms)}"
        f" ({_times(suspect.factor)} times)"
    )


def _ms(value: float) -> str:
    return f"{value:.3f} ms" if value < 1 else f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def _blocks_sentence(suspect: Suspect) -> str:
    return f"it touches {suspect.after.blocks:,.0f} blocks instead of {suspect.before.blocks:,.0f}"


def _table(one: TableChange | TableFacts) -> str:
    return qualified(one.schema, one.table)


# The causes -----------------------------------------------------------------------------------------------------


def _more_calls(suspect: Suspect, _facts: Facts) -> Told | None:
    if not suspect.more_calls:
        return None
    now, then = suspect.after.calls_per_second, suspect.before.calls_per_second
    return Told(
        f"It runs {_times(suspect.factor)} times as often as before ({now:.1f} calls a second instead of {then:.1f});"
        f" a call takes {_ms(suspect.after.mean_ms)}.",
        "Find out which application calls it so often (a loop, a retry storm, a cache that went away): group"
        f" pg_stat_activity by application_name where query_id = {suspect.key.queryid}.",
    )


def _lock_wait(suspect: Suspect, facts: Facts) -> Told | None:
    extra = suspect.after.mean_ms - suspect.before.mean_ms
    share = suspect.after.lock_ms / extra if extra > 0 else 0.0
    blocks = _blocks(suspect)
    seen = suspect.stuck or share >= 0.4 or (share >= 0.2 and blocks < 1.5)
    guessed = (
        not seen and _takes_locks(suspect.query) and _unexplained_wait(suspect, 2.5) and not _stale(suspect, facts)
    )
    if not seen and not guessed:
        return None
    if suspect.stuck:
        why = f"{suspect.after.calls} of its calls wait for locks and none has ended for {_ms(suspect.after.mean_ms)}."
    elif seen:
        why = f"{_slower(suspect)}, of which about {_ms(suspect.after.lock_ms)} waiting for locks."
    else:
        why = _PROBABLY.format(_slower(suspect))
    blockers = sorted(
        (one for one in facts.blockers if suspect.key.queryid in one.blocked_queryids), key=lambda b: -b.blocked
    )
    if not blockers:
        return Told(why, _WHO_BLOCKS)
    first = blockers[0]
    return Told(
        f"{why} The session at the root is {first.pid} ({first.user or 'unknown user'}, {first.state}).",
        f"End the transaction of session {first.pid}, on which {first.blocked} others wait:"
        f" select pg_cancel_backend({first.pid}); where it is idle in transaction"
        f" select pg_terminate_backend({first.pid});",
    )


_PROBABLY = "{}, with the same rows and blocks: it probably waits for locks, though no sample says so."
_WHO_BLOCKS = (
    "Look who holds it up while it lasts: pg_blocking_pids(pid) for every pid of pg_stat_activity."
    " Shorter transactions, and lock_timeout for those who wait, keep it from coming back."
)


def _unexplained_wait(suspect: Suspect, factor: float) -> bool:
    """The same work takes longer, some calls far longer than others, and not by reading or compiling."""
    now, then = suspect.after, suspect.before
    elsewhere = now.read_ms - then.read_ms + now.jit_ms - then.jit_ms
    return (
        _blocks(suspect) < 1.5
        and _growth(suspect) < 1.2
        and suspect.factor / suspect.slowdown >= factor
        and suspect.spread >= 0.4
        and now.mean_ms - then.mean_ms > 2 * elsewhere
    )


def _probably_waits(suspect: Suspect, _facts: Facts) -> Told | None:
    return Told(_PROBABLY.format(_slower(suspect)), _WHO_BLOCKS) if _unexplained_wait(suspect, 5.0) else None


def _takes_locks(query: str | None) -> bool:
    words = (query or "").lower().split()
    return bool(words) and (words[0] in ("update", "delete", "insert", "merge") or "for" in words[-6:])


def _rows_changed(suspect: Suspect, facts: Facts) -> Told | None:
    growth = _growth(suspect)
    if growth < 1.2 or _lost(suspect, facts) or (_other_plan(suspect) and growth < 1.5):
        return None
    if _stale(suspect, facts) and growth > 3 * max(_rows(suspect), *(one.growth for one in suspect.tables)):
        return None  # far more rows behind one key than the table grew: the planner does not know of them yet
    signs = _other_plan(suspect) or _seq_scan(suspect) or any(one.index_abandoned for one in suspect.tables)
    doubt = signs or (_stale(suspect, facts) and not _same_plan(suspect)) or growth < 1.5
    if _excess(suspect) > (2.0 if doubt else 5.0):
        return None
    parts = []
    rows = _rows(suspect)
    if rows >= 1.2:
        parts.append(f"it gives {suspect.after.rows:,.1f} rows a call instead of {suspect.before.rows:,.1f}")
    for one in suspect.tables:
        if one.growth >= 1.2:
            parts.append(f"{_table(one)} grew {_times(one.growth)} times")
        elif rows < 1.2 and one.rows_per_lookup >= 1.2:
            parts.append(f"an index scan on {_table(one)} finds {_times(one.rows_per_lookup)} times as many rows")
    stale = _behind(suspect, facts)
    analyze = f"ANALYZE {_table(stale)}; ({_written(stale, suspect)} it came since the last time). " if stale else ""
    return Told(
        f"{_slower(suspect)} because there is more data: {'; '.join(parts)}.",
        f"{analyze}Limit what is read (LIMIT, a narrower range, archiving of old rows), or {_LET_ADVISE}",
    )


def _written(stale: TableFacts, suspect: Suspect) -> str:
    """How much was written since it was analyzed, in words; of what was just written the counters know nothing yet."""
    growth = next(one.growth for one in suspect.tables if one.oid == stale.oid)
    if stale.changed >= 0.1 * stale.rows:
        return f"{stale.changed:,} rows of"
    return f"{1 - 1 / growth:.0%} of"


def _statistics_stale(suspect: Suspect, facts: Facts) -> Told | None:
    stale = _stale(suspect, facts)
    if stale is None or _lost(suspect, facts) or _only_io(suspect):
        return None
    known = max(_rows(suspect), *(one.growth for one in suspect.tables))
    if _excess(suspect) < 1.5 and _growth(suspect) <= 3 * known:
        return None
    if _same_plan(suspect) and _blocks(suspect) < 1.5:
        return None
    switched = " and autovacuum does not look after it" if not stale.autovacuum else ""
    return Told(
        f"{_slower(suspect)} and {_blocks_sentence(suspect)}: the plan rests on old statistics."
        f" {_written(stale, suspect)} {_table(stale)} were written since it was analyzed{switched}.",
        f"ANALYZE {_table(stale)};",
    )


def _plan_changed(suspect: Suspect, facts: Facts) -> Told | None:
    lost, scan = _lost(suspect, facts), _seq_scan(suspect)
    worse = _blocks(suspect) >= 1.5 or suspect.factor / suspect.slowdown >= 2
    if lost is not None and worse:
        return Told(
            f"{_slower(suspect)} and {_blocks_sentence(suspect)}: index {lost.index} is gone, so the plan changed.",
            f"Create it again: {_concurrently(lost.definition)};",
        )
    if (_same_plan(suspect) and scan is None) or not worse or _only_io(suspect):
        return None
    abandoned = next((one for one in suspect.tables if one.index_abandoned), None)
    signs = []
    if _other_plan(suspect):
        ran = facts.plans.get(suspect.key)
        signs.append(in_words(ran) if ran is not None else "the planner chooses another plan than before")
    if scan is not None:
        signs.append(f"{_table(scan)} is now read by sequential scans")
    if abandoned is not None:
        signs.append(f"index {abandoned.index_abandoned} is no longer used")
    if not signs:
        if _blocks(suspect) < 1.5 or any(one.dead_share > 0.3 for one in suspect.tables):
            return None
        signs.append(f"{_blocks_sentence(suspect)} for the same rows, so the plan must be another one")
    tables = [_table(one) for one in (scan, abandoned) if one is not None] or [_table(one) for one in suspect.tables]
    analyze = " ".join(f"ANALYZE {name};" for name in dict.fromkeys(tables))
    return Told(
        f"{_slower(suspect)}: {'; '.join(signs)}.",
        f"{analyze or 'ANALYZE its tables;'} if that does not bring the old plan back, {_LET_ADVISE}",
    )


def _concurrently(definition: str) -> str:
    for words in ("CREATE UNIQUE INDEX ", "CREATE INDEX "):
        if definition.startswith(words) and not definition.startswith(words + "CONCURRENTLY"):
            return f"{words}CONCURRENTLY {definition.removeprefix(words)}"
    return definition


def _set(suspect: Suspect, facts: Facts, setting: str) -> str:
    """The statement that changes a setting for the role that runs it, or where that is not known for a session."""
    role = facts.roles.get(suspect.key.userid)
    return f"ALTER ROLE {role} SET {setting};" if role else f"SET {setting};"


def _temp(suspect: Suspect, facts: Facts) -> Told | None:
    more = suspect.after.temp_blocks - suspect.before.temp_blocks
    if more < 10 or suspect.after.temp_blocks < 2 * suspect.before.temp_blocks:
        return None
    megabytes = max(8, round(suspect.after.temp_blocks * 8192 / 2 / 1e6 * 2.5))
    work_mem = _set(suspect, facts, f"work_mem = '{megabytes}MB'")
    return Told(
        f"{_slower(suspect)}: sorts or hashes no longer fit into work_mem,"
        f" {suspect.after.temp_blocks:,.0f} blocks of temporary files a call"
        f" instead of {suspect.before.temp_blocks:,.0f}.",
        f"{work_mem} (then reconnect), if that much memory is there for every session of this role.",
    )


def _jit(suspect: Suspect, facts: Facts) -> Told | None:
    more = suspect.after.jit_ms - suspect.before.jit_ms
    if more <= 0 or more < 0.4 * (suspect.after.mean_ms - suspect.before.mean_ms):
        return None
    return Told(
        f"{_slower(suspect)}, of which {_ms(suspect.after.jit_ms)} compiling (JIT):"
        " the planner believes it dearer than it is.",
        f"{_set(suspect, facts, 'jit = off')} or raise jit_above_cost; ANALYZE its tables.",
    )


def _only_io(suspect: Suspect) -> bool:
    """The same work, but blocks come from outside that used to be in the cache."""
    now, then = suspect.after, suspect.before
    reads = now.read_ms - then.read_ms >= 0.4 * (now.mean_ms - then.mean_ms)
    return _blocks(suspect) < 1.5 and (reads or (now.reads + 1) / (then.reads + 1) >= 3)


def _io_wait(suspect: Suspect, _facts: Facts) -> Told | None:
    now, then = suspect.after, suspect.before
    reads_grew = now.read_ms - then.read_ms >= 0.4 * (now.mean_ms - then.mean_ms) and now.read_ms > 1.5 * then.read_ms
    if not _only_io(suspect) and not (reads_grew and _blocks(suspect) < 1.5):
        return None
    return Told(
        f"{_slower(suspect)}: {now.reads:,.0f} blocks a call come from outside the cache instead of {then.reads:,.0f}"
        f" ({_ms(now.read_ms)} of reading), while it touches as many blocks as before.",
        "See what pushed its tables out of the cache (a report, a dump, a VACUUM):"
        " select * from postai.slow_queries; pg_prewarm brings a table back, more shared_buffers keep it there.",
    )


def _blocks_per_row(suspect: Suspect, _facts: Facts) -> Told | None:
    if _blocks(suspect) < 1.3:
        return None
    bloated = [one for one in suspect.tables if one.dead_share > 0.15]
    why = (
        f"{_table(bloated[0])} holds {bloated[0].dead_share:.0%} dead rows"
        if bloated
        else "with the same plan, rows lie on more blocks than before, or old row versions pile up"
    )
    fix = " ".join(f"VACUUM (ANALYZE) {_table(one)};" for one in bloated or suspect.tables)
    return Told(
        f"{_slower(suspect)} and {_blocks_sentence(suspect)}: {why}.",
        f"{fix or 'VACUUM (ANALYZE) its tables;'} a transaction that is open for long keeps dead rows:"
        " look at the oldest xact_start of pg_stat_activity.",
    )


def _unexplained(suspect: Suspect, _facts: Facts) -> Told | None:
    common = f" (all statements took {_times(suspect.slowdown)} times as long)" if suspect.slowdown > 1.2 else ""
    return Told(
        f"{_slower(suspect)}{common}, while rows, blocks and waits are as before.",
        "Look at one plan with its times: EXPLAIN (ANALYZE, BUFFERS), or auto_explain.log_min_duration;"
        " and at the load of the machine.",
    )


CAUSES: tuple[Cause, ...] = (
    Cause("more_calls", "more calls", "The statement is as fast as ever but runs far more often.",
          "Find who calls it; cache, batch, or limit.", "more-calls", _more_calls),
    Cause("lock_wait", "waiting for locks", "Calls wait for other transactions that hold a lock.",
          "End the transaction at the root; keep transactions short; lock_timeout.", "lock-wait", _lock_wait),
    Cause("rows_changed", "more rows", "The plan does what it did, on more data.",
          "Limit or archive what is read; a better index.", "rows-changed", _rows_changed),
    Cause("statistics_stale", "stale statistics", "Much was written since ANALYZE; the plan does not fit the data.",
          "ANALYZE; autovacuum settings of the table.", "statistics-stale", _statistics_stale),
    Cause("plan_changed", "plan changed", "The planner goes another way, often because an index is gone.",
          "Create the index again; ANALYZE.", "plan-changed", _plan_changed),
    Cause("temp", "temporary files", "Sorts or hashes no longer fit into work_mem.", "More work_mem for that role.",
          "temp", _temp),
    Cause("jit", "JIT compilation", "Compiling takes longer than it saves.", "jit = off or a higher jit_above_cost.",
          "jit", _jit),
    Cause("io_wait", "waiting for reads", "Blocks come from disk that were in the cache.",
          "See what pushed them out; more shared_buffers.", "io-wait", _io_wait),
    Cause("blocks_per_row", "more blocks for the same rows", "Bloat, or rows that lie scattered.",
          "VACUUM; end old transactions; REINDEX.", "blocks-per-row", _blocks_per_row),
    Cause("lock_wait", "probably waiting for locks", "The same work takes far longer, some calls much more.",
          "End the transaction at the root; keep transactions short; lock_timeout.", "lock-wait", _probably_waits),
    Cause("unexplained", "slower, cause unknown", "Nothing that is measured says why.",
          "EXPLAIN (ANALYZE, BUFFERS); the load of the machine.", "unexplained", _unexplained),
)  # fmt: skip
"""All causes, in the order in which they are tried."""
