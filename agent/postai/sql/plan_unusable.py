"""Indexes that exist and cannot serve a condition of a plan, and why: a registry of rules over plan and catalog.

A table is read from end to end, or rows are fetched and thrown away, though an index on the very column is there. What
keeps it from being used stands in the condition as EXPLAIN prints it (a cast, a function, a pattern, another collation)
or in the index (partial, not valid, the column not first). Source of the facts: PostgreSQL's manual, chapter 11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from postai.database.catalog import Catalog, Column, Index, Table
from postai.database.identifiers import quote_ident
from postai.sql.plan_conditions import PATTERN_OPERATORS, Use, uses
from postai.sql.plan_rules import MANY_ROWS, SORTED_ROWS, Problem, Severity, by_share, rows_of
from postai.sql.plan_tree import PlanNode, PlanTree, plain

CHAPTER = "https://www.postgresql.org/docs/current/indexes"
CONDITIONS = {
    "Seq Scan": ("Filter",),
    "Index Scan": ("Filter",),
    "Index Only Scan": ("Filter",),
    "Bitmap Heap Scan": ("Filter",),
}
JOIN_CONDITIONS = ("Hash Cond", "Merge Cond", "Join Filter")
NEGATIONS = frozenset({"<>", "!~~", "!~~*", "!~", "!~*"})
PATTERN_CLASSES = ("_pattern_ops", "_trgm_ops", 'COLLATE "C"', 'COLLATE "POSIX"', 'COLLATE "ucs_basic"')


@dataclass(frozen=True)
class Case:
    """One condition on one column, and an index that has the column among its keys."""

    use: Use
    column: Column
    index: Index

    @property
    def first(self) -> bool:
        """Whether the column is the index's first key."""
        return self.index.columns[0] == self.column.name

    @property
    def plain(self) -> bool:
        """Whether the condition compares the column itself, for equality or order."""
        return not self.use.wrapping and self.use.operator not in PATTERN_OPERATORS | NEGATIONS

    @property
    def serves_patterns(self) -> bool:
        return any(word in self.index.definition for word in PATTERN_CLASSES)


@dataclass(frozen=True)
class UnusableRule:
    """One reason for which an index is of no use; the other attributes are those of PlanRule.

    Attributes:
        check: the reason and what to do, in words; None = it is another one.
    """

    id: str
    title: str
    why: str
    fix: str
    docs: str
    check: Callable[[Case], tuple[str, str] | None]


def not_valid(case: Case) -> tuple[str, str] | None:
    """An index whose build failed or has not ended."""
    if case.index.valid or not case.first or not case.plain:
        return None
    name = _shown(case.index.name)
    return (
        f"{name} is not valid: its build failed or has not ended",
        f"If nobody builds it now: REINDEX INDEX CONCURRENTLY {name}.",
    )


def type_mismatch(case: Case) -> tuple[str, str] | None:
    """The column is turned into the type of what it is compared with."""
    use, column = case.use, case.column
    if use.wrapping != "cast" or not case.first:
        return None
    number = column.type_category == "N" and use.by in ("numeric", "float4", "float8")
    as_text = use.by in ("text", "bpchar", "varchar") and column.type_category != "S"
    if not (number or as_text or use.compared_with_column):
        return None
    own = plain(column.type_name)
    other = "the other column" if use.compared_with_column else "the value"
    return (
        f"the condition compares {_shown(column.name)} as {plain(use.by)}, but the column and the index are {own}",
        f"Give {other} the column's type: compare with a {own}, or cast that side (::{own}) and not the column. "
        "Drivers do this when a parameter is declared as another type.",
    )


def cast(case: Case) -> tuple[str, str] | None:
    """The condition is about a cast of the column."""
    use, name = case.use, _shown(case.column.name)
    if use.wrapping != "cast" or not case.first:
        return None
    told = f"the condition is about {name}::{plain(use.by)}, which the index does not hold"
    if use.by == "date" and case.column.type_category == "D":
        return told, f"Ask for the range instead: {name} >= the day AND {name} < the day + 1."
    return told, f"Compare {name} itself with a value of type {plain(case.column.type_name)}, or index that expression."


def function(case: Case) -> tuple[str, str] | None:
    """The condition is about a function of the column, or a sum, and so on."""
    use, column = case.use, case.column
    if use.wrapping not in ("function", "expression") or not case.first:
        return None
    name = _shown(column.name)
    if use.wrapping == "expression":
        return (
            f"the condition computes with {name} ({plain(use.by)}) before it compares",
            f"Leave {name} alone on its side: move the computation to the value.",
        )
    called = f"{plain(use.by)}({name})" if use.by not in ("extract", "date_trunc", "date_part") else plain(use.by)
    if column.type_category == "D":
        advice = f"Ask for a range of {name}: {name} >= its beginning AND {name} < its end."
    else:
        advice = f"Compare {name} itself, or make an index on the expression as it stands in the condition."
    return f"the condition is about {called} of the column, which the index does not hold", advice


def wildcard(case: Case) -> tuple[str, str] | None:
    """A pattern that may begin with anything."""
    use = case.use
    if use.wrapping or use.operator not in ("~~", "~") or use.beginning or use.pattern is None:
        return None
    name = _shown(case.column.name)
    if not case.first or (case.serves_patterns and case.index.method in ("gin", "gist")):
        return None
    return (
        "the pattern may begin with anything, and an index in order finds beginnings only",
        f"An index of the extension pg_trgm finds patterns with three letters in a row: USING gin ({name} "
        "gin_trgm_ops). If the end of the text is what is known, index reverse(...) of it.",
    )


def any_case(case: Case) -> tuple[str, str] | None:
    """A pattern without regard to upper and lower case."""
    use = case.use
    if use.wrapping or use.operator not in ("~~*", "~*") or not case.first or case.serves_patterns:
        return None
    name = _shown(case.column.name)
    return (
        "ILIKE and ~* do not care for upper and lower case, the order of the index does",
        f"Compare lower({name}) with a lower-case pattern and index lower({name}) text_pattern_ops, or make an index "
        f"of pg_trgm: USING gin ({name} gin_trgm_ops).",
    )


def collation(case: Case) -> tuple[str, str] | None:
    """The beginning of a text, or a comparison by another collation."""
    use, name = case.use, _shown(case.column.name)
    if not case.first:
        return None
    if use.wrapping == "collation":
        return (
            f"the condition compares by collation {plain(use.by)}, the index is in another order",
            f'Leave the COLLATE out, or make an index ON ({name} COLLATE "{plain(use.by)}").',
        )
    if use.wrapping or use.operator not in ("~~", "~") or not use.beginning or case.serves_patterns:
        return None
    return (
        "beginnings of texts are found in an index by their bytes only, and this one is in the order of a language",
        f"Make an index for them: ({name} text_pattern_ops).",
    )


def partial(case: Case) -> tuple[str, str] | None:
    """An index of some rows only, and the condition does not say that it wants only those."""
    if case.index.predicate is None or not case.first or not case.plain:
        return None
    told = plain(case.index.predicate, 200)
    return (
        f"it holds only rows WHERE {told}, and the planner cannot conclude that from the conditions",
        "Repeat that condition in the statement if it is meant, with constants and not with parameters; else an index "
        "without it is needed.",
    )


def not_first(case: Case) -> tuple[str, str] | None:
    """The column is a later key of the index, and there is no condition on those before it."""
    if case.first or case.index.method != "btree" or not case.plain:
        return None
    place = case.index.columns.index(case.column.name) + 1
    return (
        f"{_shown(case.column.name)} is its key number {place}, and nothing narrows the keys before",
        f"An index that begins with {_shown(case.column.name)} is needed, or a condition on the first key.",
    )


def negation(case: Case) -> tuple[str, str] | None:
    """All but some values."""
    if case.use.wrapping or case.use.operator not in NEGATIONS or not case.first:
        return None
    name = _shown(case.column.name)
    return (
        f"an index finds what is equal or in a range, not what differs ({plain(case.use.operator)})",
        f"If few rows differ, make a partial index WHERE that condition holds on {name}; or ask for the values wanted.",
    )


UNUSABLE_RULES: tuple[UnusableRule, ...] = (
    UnusableRule(
        "index_type", "The column is compared as another type",
        "Where the types differ the column is converted row by row, and the index holds it unconverted.",
        "Give the value, or the other column, the type of the indexed column.",
        f"{CHAPTER}-types.html", type_mismatch,
    ),
    UnusableRule(
        "index_cast", "The condition is about a cast of the column",
        "An index holds the column, not what a cast makes of it.",
        "Compare the column with a range, or index the expression.",
        f"{CHAPTER}-expressional.html", cast,
    ),
    UnusableRule(
        "index_function", "The condition is about a function of the column",
        "An index holds the column, not what a function makes of it.",
        "Compare the column itself, or index the expression.",
        f"{CHAPTER}-expressional.html", function,
    ),
    UnusableRule(
        "index_wildcard", "The pattern may begin with anything",
        "A B-tree finds beginnings; a text that is searched in the middle may be anywhere in it.",
        "An index of the extension pg_trgm.",
        "https://www.postgresql.org/docs/current/pgtrgm.html#PGTRGM-INDEX", wildcard,
    ),
    UnusableRule(
        "index_any_case", "The pattern does not care for upper and lower case",
        "The order of a B-tree tells upper and lower case apart.",
        "Index lower(...) and compare that, or use pg_trgm.",
        f"{CHAPTER}-expressional.html", any_case,
    ),
    UnusableRule(
        "index_collation", "The index is in the order of another collation",
        "The order of a language is not the order of beginnings; an index serves its own collation only.",
        "An index with text_pattern_ops, or with the collation of the condition.",
        f"{CHAPTER}-opclass.html", collation,
    ),
    UnusableRule(
        "index_not_valid", "The index is not valid",
        "An index whose build failed is kept up to date and never read.",
        "REINDEX INDEX CONCURRENTLY, or drop it.",
        "https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY", not_valid,
    ),
    UnusableRule(
        "index_partial", "The index holds other rows only",
        "A partial index serves statements whose conditions imply its own, as far as the planner can prove.",
        "Repeat the condition with constants, or make a whole index.",
        f"{CHAPTER}-partial.html", partial,
    ),
    UnusableRule(
        "index_not_first", "The column is not the index's first key",
        "An index is ordered by its first key; a later one narrows the search only within equal earlier ones.",
        "An index that begins with the column.",
        f"{CHAPTER}-multicolumn.html", not_first,
    ),
    UnusableRule(
        "index_negation", "The condition wants what differs",
        "What differs from a value may be anywhere in an index.",
        "A partial index for the wanted rows.",
        f"{CHAPTER}-partial.html", negation,
    ),
)  # fmt: skip


class Named:
    """Finds the tables of a catalog by the names in plans, which carry a schema with VERBOSE only."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._by_name: dict[str, Table | None] = {}
        for one in catalog.tables:
            self._by_name[one.name] = None if one.name in self._by_name else one

    def table(self, node: PlanNode) -> Table | None:
        """The table that a node scans; None where it scans none, or its name could mean several."""
        if node.kind not in CONDITIONS or node.never_ran:
            return None
        name, schema = node.text("Relation Name"), node.text("Schema")
        return self._catalog.table(schema, name) if schema else self._by_name.get(name)


def explain_unusable(node: PlanNode, tree: PlanTree, named: Named) -> tuple[Problem, ...]:
    """Indexes of the table that a node reads which its conditions, or those of the join above it, cannot use.

    Args:
        node, tree: of a plan.
        named: the tables with their indexes, as they are now.

    Returns:
        one problem for each column concerned; nothing where few rows are read for nothing.
    """
    table = named.table(node)
    if table is None:
        return ()
    found: dict[str, Problem] = {}
    for use, severity in _uses(node, tree, table):
        problem = _reason(use, table, severity)
        if problem is not None:
            found.setdefault(use.column, problem)
    return tuple(found.values())


def _uses(node: PlanNode, tree: PlanTree, table: Table) -> Iterator[tuple[Use, Severity]]:
    alias = node.text("Alias") or node.text("Relation Name")
    texts = [key for key in CONDITIONS[node.kind] if node.text(key)]
    if texts and _is_wasteful(node, tree, table):
        severity = by_share(tree.share(node.own))
        for key in texts:
            yield from ((use, severity) for use in uses(node.text(key), alias, table, tree.subplans))
    above = _join(node)
    if node.kind == "Seq Scan" and above is not None and rows_of(node) >= SORTED_ROWS:
        other = [one for one in above.children if not one.holds(node)]
        if other and rows_of(other[0]) * 10 <= rows_of(node):
            severity = by_share(tree.share(node.own + above.own))
            for key in JOIN_CONDITIONS:
                for use in uses(above.text(key), alias, table, tree.subplans) if above.text(key) else ():
                    if use.wrapping and use.compared_with_column:
                        yield use, severity


def _is_wasteful(node: PlanNode, tree: PlanTree, table: Table) -> bool:
    """Whether most of what is read is thrown away, and that is much."""
    kept = rows_of(node)
    if tree.analyzed:
        removed = node.removed("Rows Removed by Filter")
        return removed >= MANY_ROWS and removed >= 9 * kept
    cost = node.number("Total Cost") or 0.0
    return cost >= MANY_ROWS and kept * 10 <= max(cost, table.row_estimate or 0)


def _join(node: PlanNode) -> PlanNode | None:
    """The join that reads a scan, maybe through a hash, a sort or a gather."""
    above = node.parent
    while above is not None and above.kind in ("Hash", "Sort", "Materialize", "Memoize", "Gather", "Gather Merge"):
        above = above.parent
    return above if above is not None and above.kind in ("Hash Join", "Merge Join", "Nested Loop") else None


def _reason(use: Use, table: Table, severity: Severity) -> Problem | None:
    column = table.column(use.column)
    if column is None or _is_served(use, column, table):
        return None
    indexes = sorted(
        (one for one in table.indexes if use.column in one.columns),
        key=lambda one: (one.columns[0] != use.column, one.predicate is not None, one.name),
    )
    for index in indexes:
        for rule in UNUSABLE_RULES:
            found = rule.check(Case(use, column, index))
            if found is not None:
                reason, advice = found
                text = f"Index {_shown(index.name)} cannot be used: {reason}."
                return Problem(text, advice, severity)
    return None


def _is_served(use: Use, column: Column, table: Table) -> bool:
    """Whether some index serves the condition, so that the planner had the choice."""
    for index in table.indexes:
        if not index.valid or index.predicate is not None:
            continue
        if use.wrapping in ("cast", "function", "expression") and any(
            use.column in text and use.by in text for text in index.expressions
        ):
            return True
        if use.column not in index.columns[:1] and index.method in ("btree", "hash", "brin"):
            continue
        case = Case(use, column, index)
        if use.column in index.columns and (
            case.plain or (use.operator in PATTERN_OPERATORS and not use.wrapping and _serves_pattern(case))
        ):
            return True
    return False


def _serves_pattern(case: Case) -> bool:
    if "_trgm_ops" in case.index.definition:
        return True
    return case.serves_patterns and case.use.beginning and case.use.operator in ("~~", "~")


def _shown(name: str) -> str:
    return plain(quote_ident(name))
