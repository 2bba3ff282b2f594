"""Running the checks, each in a short READ ONLY transaction of its own: none keeps the others from an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from postai.database import Database, ServerError
from postai.database.named_sql import load
from postai.database.upkeep import looking
from postai.deadline import Deadline, DeadlineExceeded
from postai.observe.health.check import STATUSES, Check, Facts, HealthResult, Seen, Status
from postai.observe.health.registry import CHECKS

MOST_NAMED = 5
"""Things that are named in `why` and mended in `fix`."""

_REASONS: Mapping[str, str] = {
    "57014": "it took longer than its time limit",
    "55P03": "somebody holds a lock on a table it looks at",
    "42501": "the role may not look",
}


def check_health(db: Database, deadline: Deadline, checks: Iterable[Check] = CHECKS) -> tuple[HealthResult, ...]:
    """Look at the health of a database and its server.

    Needs no rights but to connect; with pg_monitor it sees what concerns other roles' sessions and replication, with
    SELECT on the tables how full they are. postai need not be installed.

    Args:
        db: a session outside a transaction.
        deadline: checks for which no time is left are "unknown".
        checks: those to run.

    Returns:
        one result for each check, the worst first.

    Raises:
        ConnectionLost: the session ended.
        DeadlineExceeded: the time was over before the first check.
        Cancelled: the caller is gone.
    """
    facts = _facts(db, deadline)
    results = [_run(db, check, facts, deadline) for check in checks]
    return tuple(sorted(results, key=lambda one: -STATUSES.index(one.status)))


def _facts(db: Database, deadline: Deadline) -> Facts:
    with looking(db, deadline):
        standby, monitors, role, pgstattuple = db.query(load(__package__, "server.sql")["facts"])[0]
    return Facts(db.server_version, standby, monitors, role, pgstattuple)


def _run(db: Database, check: Check, facts: Facts, deadline: Deadline) -> HealthResult:
    if check.monitor and not facts.monitors:
        reason = f"role {facts.role} does not see what others do"
        return _unknown(check, reason, f"GRANT pg_monitor TO {facts.role};")
    try:
        with looking(db, deadline):
            seen = check.look(db, facts, deadline) if check.look else _query(db, check, facts)
    except ServerError as error:
        return _unknown(check, _REASONS.get(error.sqlstate, f"the server said: {error.message}"), "")
    except DeadlineExceeded:
        return _unknown(check, "the time limit was over before it", "")
    return judge(check, seen)


def _query(db: Database, check: Check, facts: Facts) -> Sequence[Seen]:
    blocks = load(__package__, f"{check.file}.sql")
    major = facts.version // 10000
    names = [f"{check.id}_v{since}" for since in range(major, 14, -1)]
    block = next((blocks[name] for name in names if name in blocks), None) or blocks[check.id]
    return [Seen(*row) for row in db.query(block)]


def judge(check: Check, seen: Sequence[Seen]) -> HealthResult:
    """The result of a check that saw these things."""
    rated = sorted(
        ((check.status(one), one) for one in seen),
        key=lambda pair: (-STATUSES.index(pair[0]), pair[1].value if check.below else -pair[1].value),
    )
    status: Status = rated[0][0] if rated else "ok"
    bad = [one for level, one in rated if level != "ok"]
    worst = rated[0][1] if rated else None
    value = ""
    if worst is not None:
        value = ": ".join(filter(None, [worst.object, worst.text]))
        value += f" (and {len(bad) - 1:,} more)" if len(bad) > 1 else ""
    found = "; ".join(": ".join(filter(None, [one.object, one.text])) for one in bad[:MOST_NAMED])
    why = f"{found}. {check.why}" if found else check.why
    fixes = [f"{one.fix.rstrip(';')};" for one in bad[:MOST_NAMED] if one.fix]
    fix = "\n".join([f"-- {check.fix}", *dict.fromkeys(fixes)]) if bad else ""
    number = worst.value if worst is not None else None
    return HealthResult(check.id, check.title, status, value, number, check.threshold, why, fix, check.docs, tuple(bad))


def _unknown(check: Check, reason: str, fix: str) -> HealthResult:
    return HealthResult(
        check.id,
        check.title,
        "unknown",
        "",
        None,
        check.threshold,
        f"Not known: {reason}. {check.why}",
        fix,
        check.docs,
    )
