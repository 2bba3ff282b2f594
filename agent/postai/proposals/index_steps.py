"""Steps that make, drop or rebuild indexes: whether the work is done, what an attempt left, who else builds there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from postai.database import Database
from postai.database.named_sql import load
from postai.errors import LockNotObtained, StaleProposal
from postai.proposals import index_work
from postai.proposals.index_work import IndexWork
from postai.proposals.monitor import Watch
from postai.proposals.types import Object, Step

Say = Callable[[str, str], None]
"""Tells the log: the place in the run, a sentence."""


class AsOwner(Protocol):
    """Runs a statement that allows no transaction block as a role; `whole` = also after the window has closed."""

    def __call__(self, role: str, statement: str, *, whole: bool = False) -> None: ...


def work_of(step: Step) -> IndexWork | None:
    """The work on an index that a step does by itself; of statements that share a transaction nothing is left."""
    return None if step.together else index_work.recognise(step.statement)


@dataclass(frozen=True)
class IndexSteps:
    """What the step engine asks and does about indexes.

    Attributes:
        control: session for looking.
        monitor: the watch over the action.
        patience: seconds for which other builds are waited for.
        as_owner: runs a statement on the session at work, whose backend is `pid`.
    """

    control: Database
    monitor: Watch
    patience: float
    as_owner: AsOwner
    pid: int

    def is_there(self, work: IndexWork, *, ours: bool) -> bool:
        """Whether the work has brought about what it should; `ours` = an attempt of this action had begun it."""
        if work.kind == "reindex":
            return not index_work.leftovers(self.control, work)
        condition = index_work.look(self.control, work)
        if work.kind == "drop":
            return condition == "absent"
        return condition == "valid" and (ours or self.says_the_same(work))

    def is_elsewhere(self, work: IndexWork) -> bool:
        """Whether a valid index of the same definition has another name."""
        return work.kind == "create" and index_work.find_same(self.control, work) is not None

    def is_debris(self, work: IndexWork) -> bool:
        """Whether somebody's cut-off build of the same index is there: it is dropped and built again."""
        found = work.kind == "create" and index_work.look(self.control, work) == "invalid"
        return found and self.says_the_same(work)

    def says_the_same(self, work: IndexWork) -> bool:
        """Whether the index of that name is what the work would make."""
        definition = index_work.definition(self.control, work)
        return definition is not None and index_work.same_index(work.statement, definition)

    def require_free_name(self, work: IndexWork) -> None:
        """Refuse to build where something else has the name.

        Raises:
            StaleProposal: another index has it.
            LockNotObtained: what has it cannot be seen.
        """
        if (
            work.kind == "create"
            and self.control.query(load(__package__, "objects.sql")["name_taken"], [work.schema, work.name])[0][0]
        ):
            if self.is_debris(work):
                return
            definition = index_work.definition(self.control, work)
            if definition is None and index_work.look(self.control, work) != "absent":
                raise LockNotObtained(
                    f"{work.schema}.{work.name} exists already, and its table is locked",
                    detail="Whether it is what the step would create cannot be seen meanwhile.",
                    hint="Apply it again when that transaction has ended.",
                )
            raise StaleProposal(
                f"{work.schema}.{work.name} exists already and is not what the step would create",
                detail=definition,
                hint="Drop or rename it, or ask for a new proposal.",
            )

    def clean(self, run_as: str, work: IndexWork | None, say: Say) -> None:
        """Remove what a cut-off CREATE INDEX or REINDEX CONCURRENTLY of ours left, if there is anything."""
        if work is None or work.kind == "drop":
            return
        if work.kind == "reindex":
            for name in index_work.leftovers(self.control, work):
                self.as_owner(run_as, f"DROP INDEX CONCURRENTLY IF EXISTS {name}", whole=True)
                say("step.cleaned", f"dropped {name}")
            return
        while (condition := index_work.look(self.control, work)) == "building":
            say("step.waiting", f"{work.name} is being built at this moment")
            self.monitor.pause(0.5)
        if condition == "invalid":
            say("step.cleaning", f"drops the broken index {work.name}")
            self.as_owner(run_as, work.drop_statement, whole=True)
            say("step.cleaned", f"dropped {work.name}")

    def wait_for_builds(self, objects: Sequence[Object], say: Say) -> None:
        """Let other sessions' index builds on the same tables end: two at once would only wait for each other.

        Raises:
            LockNotObtained: one of them takes too long.
        """
        oids = [one.lock_oid for one in objects if one.class_name == "pg_class"]
        others_of = load(__package__, "runner.sql")["other_builds"]
        waits_until = time.monotonic() + self.patience
        try:
            while others := self.control.query(others_of, [oids, self.pid]):
                pid, phase = others[0]
                if time.monotonic() > waits_until:
                    raise LockNotObtained(
                        f"backend {pid} still builds an index on the same table",
                        detail=f"Its phase: {phase}.",
                        hint="Apply again when it has ended: SELECT * FROM pg_stat_progress_create_index;",
                    )
                self.monitor.note({"phase": f"waiting for the index build of backend {pid}"})
                say("step.waiting", f"backend {pid} builds an index on the same table: {phase}")
                self.monitor.pause(0.3)
        finally:
            self.monitor.note({})
