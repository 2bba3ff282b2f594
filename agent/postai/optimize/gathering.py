"""From statements to cases: their plans now, the values they are called with, and the indexes that could serve them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from postai.database import Database, ServerError
from postai.deadline import Deadline, DeadlineExceeded
from postai.optimize.accesses import Access, read_accesses
from postai.optimize.candidates import btree_candidates, too_small
from postai.optimize.candidates_other import other_candidates, wants_trigrams
from postai.optimize.cases import NOTHING, Case, Variant, terms_of
from postai.optimize.facts import Facts
from postai.optimize.planner import Planner, Probe
from postai.optimize.sampling import Slot, sample, slots
from postai.optimize.statements import Prepared
from postai.optimize.types import IndexDefinition, Skipped

MS_PER_COST = 0.004
"""Milliseconds of one unit of the planner's cost, where no statement was measured: 42 statements of a cached database
on two cores took 0.002 to 0.006 each, the middle one 0.003."""

BATCH = 50
"""Statements that are planned together, so that facts of their tables are read together."""

MOST_CANDIDATES = 60
"""Indexes considered for one statement."""


@dataclass
class _Draft:
    """A statement with its first plan: generic where it has parameters."""

    prepared: Prepared
    variant: Variant
    accesses: list[Access]


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

    def cases(self, statements: Sequence[Prepared]) -> list[Case]:
        """Cases of the statements, as far as the time goes; `left_over` counts those it did not reach."""
        found: list[Case] = []
        for start in range(0, len(statements), BATCH):
            batch = statements[start : start + BATCH]
            try:
                found += self._batch(batch)
            except DeadlineExceeded:
                self.left_over = len(statements) - start
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
        probe = Probe(statement.sql, None if statement.parameters else (), statement.search_path)
        try:
            plan = self._planner.explain(probe, NOTHING, self._deadline, verbose=True)
        except ServerError as error:
            self.skipped.append(Skipped(statement.origin.id, f"PostgreSQL cannot plan it: {error.message}"))
            return None
        accesses = read_accesses(plan.root, self._facts.catalog)
        if not accesses:
            return None
        return _Draft(statement, Variant(probe, 1.0, plan.cost, float(plan.root["Plan Rows"])), accesses)

    def _variants(self, draft: _Draft, places: dict[int, Slot]) -> Iterator[tuple[Variant, list[Access]]]:
        """The ways in which the statement is called: given values, or sampled ones beside the generic plan."""
        prepared = draft.prepared
        sets = prepared.literals
        if prepared.parameters and not sets:
            yield draft.variant, draft.accesses
            if (prepared.origin.mean_ms or 0.0) * prepared.origin.calls_per_day < self._sampled_ms:
                return
            types = self._planner.types(draft.variant.probe)
            sets = sample(prepared, types, places, self._facts.values)
        elif not prepared.parameters:
            yield draft.variant, draft.accesses
        for literals in sets:
            probe = replace(draft.variant.probe, literals=literals)
            try:
                plan = self._planner.explain(probe, NOTHING, self._deadline, verbose=True)
            except ServerError as error:
                if prepared.literals:
                    reason = f"it cannot be planned with the parameters {', '.join(literals)}: {error.message}"
                    self.skipped.append(Skipped(prepared.origin.id, reason[:500]))
                continue
            accesses = read_accesses(plan.root, self._facts.catalog)
            yield Variant(probe, 1.0, plan.cost, float(plan.root["Plan Rows"])), accesses

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
        fixed = frozenset(clause.text for access in draft.accesses for clause in access.clauses if clause.text)
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
        )
        mean_ms = draft.prepared.origin.mean_ms
        if mean_ms is not None and case.cost > 0:
            case.ms_per_cost = mean_ms / case.cost
        return case


def _is_simple(accesses: Sequence[Access]) -> bool:
    """Whether one index at most can take part in a plan."""
    return len(accesses) == 1 and not any(clause.kind == "or" for clause in accesses[0].clauses)


def _compared(access: Access) -> Iterator[tuple[int, str]]:
    """Columns that are compared with values."""
    for clause in access.clauses:
        if clause.kind in ("equal", "in") and clause.term.column is not None:
            yield access.table.oid, clause.term.column
