"""What `post-ai migrate` prints: traces, plans, migrations that ran or would run, differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from postai.cli import output

if TYPE_CHECKING:
    from postai.migrate import drift_store
    from postai.migrate.files import Migration
    from postai.migrate.files_store import Carried
    from postai.migrate.later import Second
    from postai.migrate.types import Plan, Traced


class Report:
    """Migrations that ran or would run, told as text while it goes on, or as one document at the end.

    Args:
        again: options with which another command talks to the same database.
        json, markdown: the document that is wanted.

    Attributes:
        quiet: whether nothing is printed before the end.
    """

    def __init__(self, again: str, *, json: bool, markdown: bool) -> None:
        self._again = again
        self._json = json
        self._markdown = markdown
        self._rows: list[dict[str, Any]] = []
        self._plans: list[Plan | None] = []
        self.quiet = json or markdown

    def add(self, one: Migration, what: str, made: Plan | None, carried: Carried | None = None) -> None:
        """One more migration."""
        from postai.migrate.explained import plan_as_json, planned

        row: dict[str, Any] = {
            "id": one.id, "title": one.up.title, "file": one.up.path.name, "destructive": one.up.destructive,
            "result": what, "proposal": None if carried is None else carried.proposal,
            "left": None if carried is None else told_left(carried.left, self._again),
        }  # fmt: skip
        if made is not None:
            row |= {"plan": plan_as_json(made), "steps": planned(made)}
        self._rows.append(row)
        if not self.quiet:
            by = "" if carried is None else f" (proposal {carried.proposal})"
            output.say(f"{one.id} {one.up.title}: {what}{by}{left_sentence(row['left'])}")
            if made is not None:
                show_plan(made)

    def show(self) -> None:
        """Print the document, if one is wanted."""
        if self._json:
            output.show_json({"migrations": self._rows})
        elif self._markdown:
            output.say("\n".join(self._lines()))
        elif not self._rows:
            output.say("nothing is to be done")

    def _lines(self) -> list[str]:
        lines = ["# Migrations", "", "| id | title | result | proposal |", "|---|---|---|---|"]
        lines += [
            f"| {one['id']} | {_cell(one['title'])} | {one['result']} | {one['proposal'] or ''} |" for one in self._rows
        ]
        for one in self._rows:
            if one["left"]:
                lines += ["", f"{one['id']} set aside what `{one['left']['command']}` drops for good."]
        for one in self._rows:
            if "steps" in one:
                lines += [
                    "",
                    f"## {one['id']} {_cell(one['title'])}",
                    "",
                    "| step | statement | locks | undo |",
                    "|---|---|---|---|",
                ]
                for step in one["steps"]:
                    locks = ", ".join(f"{table}: {mode}" for table, mode in step["locks"].items())
                    cells = (f"`{_cell(step['statement'])}`", _cell(locks), _cell(step["undo"] or "irreversible"))
                    lines.append(f"| {step['step']} | {' | '.join(cells)} |")
        return lines


def told_left(left: Second | None, again: str) -> dict[str, Any] | None:
    """What drops for good what was set aside, with the command that does it.

    Args:
        left: it; None = nothing is left.
        again: options with which that command talks to the same database.
    """
    if left is None:
        return None
    command = f"post-ai apply {left.proposal} --unsafe{again}"
    return {"proposal": left.proposal, "statements": list(left.statements), "command": command}


def left_sentence(left: Mapping[str, Any] | None) -> str:
    """The same for people, to stand behind what was done."""
    if left is None:
        return ""
    statements = "".join(f"\n     {one};" for one in left["statements"])
    return f"\n   set aside, not dropped yet; what is left to do:{statements}\n   to do it: {left['command']}"


def show_trace(number: int, one: Traced, noted: set[str]) -> None:
    """Print what a statement does.

    Args:
        noted: notes that were printed already, which are not printed again; this one's is added.
    """
    from postai.migrate.explained import explained

    told: dict[str, Any] = explained(one)
    output.say(f"{number:>3}. {' '.join(one.statement.split())}")
    for table, mode in told["locks"].items():
        output.say(f"     {table}: {mode}, blocks {told['blocks'][table]}")
    for word in ("rewritten", "scanned", "rebuilt_indexes"):
        if told[word]:
            output.say(f"     {word.replace('_', ' ')}: {', '.join(told[word])}")
    if not one.in_transaction:
        output.say("     cannot run inside a transaction block")
    if one.error is not None:
        output.say(f"     refused ({one.sqlstate}): {one.error}")
    if one.note is not None:
        output.say(f"     {one.note if one.note not in noted else 'not tried either'}")
        noted.add(one.note)


def show_plan(made: Plan) -> None:
    """Print the online steps of a change."""
    from postai.migrate.later import split

    later = split(made.steps)[1]
    if made.steps:
        output.say(f"online steps (risk {made.risk}, {made.risk_score} of 100):")
    for number, one in enumerate(made.steps, start=1):
        output.say(f"{number:>3}. {'; '.join(' '.join(text.split()) for text in (one.statement, *one.together))}")
        for table, mode in one.locks.items():
            output.say(f"     {table}: {mode}, blocks {one.blocks.get(table, 'none')}")
        if one.rewrites:
            output.say(f"     rewritten: {', '.join(one.rewrites)}")
        if one.scans:
            output.say(f"     scanned: {', '.join(one.scans)}")
        if not one.traced:
            output.say("     not tried: what it rewrites and scans is not known")
        if one.estimated_ms:
            rows = f" for {one.estimated_rows} rows" if one.estimated_rows else ""
            output.say(f"     about {one.estimated_ms} ms{rows}")
        output.say(f"     undo: {' '.join(one.undo.split()) if one.undo else 'irreversible'}")
        if one in later:
            output.say("     put off: a second proposal does it, or --unsafe at once")
        if one.hazard:
            output.say(f"     {one.hazard}")
    told = [*made.refused, *made.warnings, *made.conflicts, *((made.schedule,) if made.schedule else ())]
    for sentence in told:
        output.say(f"   - {sentence}")


def show_drift(report: drift_store.Report, *, json: bool, markdown: bool) -> None:
    """Print the differences of a schema."""
    rows = [
        {"object": one.object, "change": one.change, "expected": one.expected, "actual": one.actual, "fix": one.fix}
        for one in report.differences
    ]
    if json:
        output.show_json(
            {
                "hash": report.hash, "expected": report.expected, "since": report.taken_at,
                "differences": rows, "changing_now": list(report.in_flux),
            }
        )  # fmt: skip
        return
    if markdown:
        lines = ["# Drift", "", "| object | change | expected | actual | fix |", "|---|---|---|---|---|"]
        lines += ["| " + " | ".join(_cell(value or "") for value in row.values()) + " |" for row in rows]
        output.say("\n".join(lines if rows else ["# Drift", "", "None."]))
        return
    for row in rows:
        output.say(f"{row['object']}: {row['change']}")
        for word in ("expected", "actual", "fix"):
            if row[word]:
                output.say(f"  {word}: {row[word]}")
        if row["fix"] is None:
            output.say("  no fix: no statement leads back without losing what it holds")
    if not rows:
        output.say("no drift")


def _cell(text: str) -> str:
    """Text that stands in a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").replace("`", "'").split())
