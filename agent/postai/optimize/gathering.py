"""From statements to cases: their plans now, the values they are called with, and the indexes that could serve them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from postai.database import Database, ServerError
from postai.database.named_sql import load
from postai.deadline import Deadline, DeadlineExceeded
from postai.optimize.accesses import Access, read_accesses
from postai.optimize.candidates import btree_candidates, too_small
from postai.optimize.candidates_other import other_candidates, wants_trigrams
from postai.optimize.cases import NOTHING, Case, Variant, conditions_of, terms_of
from postai.optimize.facts import Facts
from postai.optimize.planner import Plan, Planner, Probe
from postai.optimize.sampling import Slot, sample, slots
from postai.optimize.statements import Prepared, with_literals
from postai.optimize.types import IndexDefinition, Skipped

MS_PER_COST = 0.004
"""Milliseconds of one unit of the planner's cost, where no statement was measured: 42 statements of a cached database
on two cores took 0.002 to 0.006 each, the middle one 0.003."""

LOCK_NOT_AVAILABLE = "55P03"
LOCKED = "PostgreSQL cannot plan it: a table is locked by another session"

BATCH = 50
"""Statements that are planned together, so that facts of their tables are read together."""

MOST_CANDIDATES = 60
"""Indexes considered for one statement."""


@dataclass
class _Draft:
    """A statement with its first plan.

    Attributes:
        generic: whether the plan is the one for any value of the parameters, if there are any.
        pruned: whether that plan leaves out partitions that some values need: its cost says nothing.
    """

    prepared: Prepared
    variant: Variant
    accesses: list[Access]
    generic: bool = True
    pruned: bool = False


class Gatherer:
    """Makes cases.

    Args:
        db: the session, for facts.
        planner: for plans.
        facts: grows with the tables that are met.
        deadline: when to stop.
        sampled_ms: time per day from which on a statement is planned with sampled values too.
    """

    def __init__(self, db: Database, planner: Planner, facts: Facts, deadline: Deadline, sampled_ms: float) -> None:
        self._db = db
        self._planner = planner
        self._facts = facts
        self._deadline = deadline
        self._sampled_ms = sampled_ms
        self.skipped: list[Skipped] = []
        self.hints: dict[str, None] = {}
        """Sentences about what only people can do."""
        self.left_over = 0
        self.stopped_by: DeadlineExceeded | None = None
        self._locked: set[int] = set()

    def cases(self, statements: Sequence[Prepared]) -> list[Case]:
        """Cases of the statements, as far as the time goes; `left_over` counts those it did not reach."""
        found: list[Case] = []
        for start in range(0, len(statements), BATCH):
            batch = statements[start : start + BATCH]
            try:
                found += self._batch(batch)
            except DeadlineExceeded as error:
                self.left_over, self.stopped_by = len(statements) - start, error
                break
        return found

    def _batch(self, statements: Sequence[Prepared]) -> list[Case]:
        drafts = [one for statement in statements if (one := self._draft(statement)) is not None]
        self._facts.learn(self._db, {access.table.oid for one in drafts for access in one.accesses})
        places = [slots(one.accesses) for one in drafts]
        wanted = {(slot.table_oid, slot.column) for some in places for slot in some.values()}
        wanted |= {column for one in drafts for access in one.accesses for column in _compared(access)}
        self._facts.learn_values(self._db, wanted)
        cases = []
        for draft, some in zip(drafts, places, strict=True):
            drafted = list(self._variants(draft, some))
            if drafted:
                cases.append(self._case(draft, drafted))
        return cases

    def _draft(self, statement: Prepared) -> _Draft | None:
        assert statement.sql is not None
        if self._locked.intersection(statement.relations):
            self.skipped.append(Skipped(statement.origin.id, LOCKED))
            return None
        probe = Probe(statement.sql, None if statement.parameters else (), statement.search_path)
        try:
            plan = self._planner.explain(probe, NOTHING, self._deadline, verbose=True)
            pruned = bool(statement.parameters) and _is_pruned(plan.root)
            if pruned:
                plan = self._unpruned(probe)
        except ServerError as error:
            if error.sqlstate == LOCK_NOT_AVAILABLE:
                self._see_locks(statement)
                return None
            return self._draft_of_values(statement, error)
        accesses = read_accesses(plan.root, self._facts.catalog)
        if not accesses:
            return self._draft_of_values(statement, None)
        variant = Variant(probe, 1.0, plan.cost, float(plan.root["Plan Rows"]))
        return _Draft(statement, variant, accesses, pruned=pruned)

    def _see_locks(self, statement: Prepared) -> None:
        """Somebody holds a table of the statement: it and all others that read one of the held ones are skipped."""
        relations = list(statement.relations)
        held = {oid for (oid,) in self._db.query(load("postai.database", "upkeep.sql")["held"])}
        self._locked |= held if held.intersection(relations) else set(relations)
        self.skipped.append(Skipped(statement.origin.id, LOCKED))

    def _draft_of_values(self, statement: Prepared, error: ServerError | None) -> _Draft | None:
        """A draft from the first given values with which the plan reads a table; without one the statement is skipped.

        Args:
            statement: whose generic plan says nothing.
            error: why there is none.
        """
        for literals in statement.literals:
            found = self._planned(statement, literals)
            if not isinstance(found, ServerError) and found[1]:
                return _Draft(statement, *found, generic=False)
        reason = "its plan reads no table that an index could be made for"
        if error is not None:
            reason = f"PostgreSQL cannot plan it: {error.message}"
        self.skipped.append(Skipped(statement.origin.id, reason))
        return None

    def _unpruned(self, probe: Probe) -> Plan:
        """The generic plan with every partition: without values the planner may take all of them for left out."""
        name = "enable_partition_pruning"
        ((before,),) = self._db.query("select pg_catalog.current_setting(%s)", (name,))
        setting = "select pg_catalog.set_config(%s, %s, false)"
        self._db.query(setting, (name, "off"))
        try:
            return self._planner.explain(probe, NOTHING, self._deadline, verbose=True)
        finally:
            self._db.query(setting, (name, before))

    def _planned(self, prepared: Prepared, literals: tuple[str, ...]) -> tuple[Variant, list[Access]] | ServerError:
        """The statement with these values; or why it cannot be planned with them.

        PostgreSQL may take a parameter for another type than its value has (`range @> $1` looks for a range where an
        element is meant): then the values are written into the text.
        """
        assert prepared.sql is not None
        probe = Probe(prepared.sql, literals, prepared.search_path)
        try:
            plan = self._planner.explain(probe, NOTHING, self._deadline, verbose=True)
        except ServerError as error:
            text = with_literals(prepared.sql, literals)
            if text is None:
                return error
            probe = Probe(text, (), prepared.search_path)
            try:
                plan = self._planner.explain(probe, NOTHING, self._deadline, verbose=True)
            except ServerError:
                return error
        accesses = read_accesses(plan.root, self._facts.catalog)
        return Variant(probe, 1.0, plan.cost, float(plan.root["Plan Rows"])), accesses

    def _variants(self, draft: _Draft, places: dict[int, Slot]) -> Iterator[tuple[Variant, list[Access]]]:
        """The ways in which the statement is called: given values, or sampled ones beside the generic plan."""
        prepared = draft.prepared
        sets = prepared.literals
        found = False
        if prepared.parameters and not sets:
            found = not draft.pruned
            if found:
                yield draft.variant, draft.accesses
            if draft.pruned or (prepared.origin.mean_ms or 0.0) * prepared.origin.calls_per_day >= self._sampled_ms:
                types = self._planner.types(draft.variant.probe)
                sets = sample(prepared, types, places, self._facts.values)
        for literals in sets:
            planned = self._planned(prepared, literals)
            if not isinstance(planned, ServerError):
                found = True
                yield planned
            elif prepared.literals:
                # Not the values: where they were collected, they are somebody's rows.
                reason = (
                    f"it cannot be planned with a set of its parameters: {planned.title}, SQLSTATE {planned.sqlstate}"
                )
                self.skipped.append(Skipped(prepared.origin.id, reason[:500]))
        if not found:
            yield draft.variant, draft.accesses

    def _hint(self, prepared: Prepared, access: Access) -> None:
        """Say which pattern searches a trigram index would serve, if the extension were there."""
        if "pg_trgm" in self._facts.extensions:
            return
        for clause in access.clauses:
            if clause.kind != "or" and wants_trigrams(clause, access) and clause.value and clause.value.literal:
                self.hints.setdefault(
                    f"{prepared.origin.id} looks for a pattern inside {access.table.name}.{clause.term.text}: an index"
                    " with gin_trgm_ops would serve it, after CREATE EXTENSION pg_trgm"
                )

    def _case(self, draft: _Draft, drafted: list[tuple[Variant, list[Access]]]) -> Case:
        variants = [replace(variant, share=1.0 / len(drafted)) for variant, _ in drafted]
        everything = [*draft.accesses, *(access for _, some in drafted for access in some)]
        constant = [one.text for access in draft.accesses for one in access.clauses if one.text and draft.generic]
        fixed = frozenset(constant)
        made: dict[IndexDefinition, None] = {}
        for access in everything:
            if not too_small(self._facts, access.table):
                self._hint(draft.prepared, access)
                for one in (
                    *btree_candidates(access, self._facts, fixed),
                    *other_candidates(access, self._facts, fixed),
                ):
                    made.setdefault(one)
        case = Case(
            draft.prepared,
            variants,
            MS_PER_COST,
            terms_of(everything),
            tuple(made)[:MOST_CANDIDATES],
            _is_simple(draft.accesses),
            conditions_of(everything),
        )
        mean_ms = draft.prepared.origin.mean_ms
        if mean_ms is not None and case.cost > 0:
            case.ms_per_cost = mean_ms / case.cost
        return case


def _is_simple(accesses: Sequence[Access]) -> bool:
    """Whether one index at most can take part in a plan."""
    return len(accesses) == 1 and not any(clause.kind == "or" for clause in accesses[0].clauses)


def _is_pruned(root: Mapping[str, Any]) -> bool:
    """Whether partitions were left out at the start of the plan, by the values of parameters."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.get("Subplans Removed"):
            return True
        waiting.extend(node.get("Plans", ()))
    return False


def _compared(access: Access) -> Iterator[tuple[int, str]]:
    """Columns that are compared with values."""
    for clause in access.clauses:
        if clause.kind in ("equal", "in") and clause.term.column is not None:
            yield access.table.oid, clause.term.column
