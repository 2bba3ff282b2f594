"""Joins of one statement: parents are joined, children are only tested with EXISTS, so that no row is counted twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from postai.ask.grammar.draft import Absence, Measure, Predicate, Unsure
from postai.ask.grammar.expressions import aggregate, condition
from postai.ask.grammar.links import over_link
from postai.ask.grammar.query import Bool, Col, Exists, Expr, In, Item, Join, Lit, Op, Scalar, Select, Source
from postai.ask.grammar.state import State
from postai.language.graph import Path, Step
from postai.language.schema import ColumnInfo


class Joiner:
    """The FROM clause of one SELECT.

    Args:
        base: table whose rows are listed or counted.
        taken: aliases of the statement around it.

    Attributes:
        multiplied: a join was needed that repeats rows of the base.
        fanned: a join was needed that repeats rows of the base, but once at most for each group.
    """

    def __init__(self, state: State, base: int, taken: Iterable[str] = ()) -> None:
        self.state, self.graph, self.base = state, state.lexicon.graph, base
        self._taken = set(taken)
        self._alias: dict[int, str] = {}
        self._joins: list[Join] = []
        self.multiplied = False
        self.fanned = False
        self._alias[base] = self._new_alias(base)

    # -- aliases ------------------------------------------------------------------------------------------------

    def _new_alias(self, table: int) -> str:
        words = self.state.info(table).words
        stem = "".join(word[0] for word in words if word[0].isalpha()) or "t"
        alias, number = stem, 2
        while alias in self._taken:
            alias, number = f"{stem}{number}", number + 1
        self._taken.add(alias)
        return alias

    def aliases(self) -> set[str]:
        return set(self._taken)

    def _name(self, table: int) -> str:
        return self.state.info(table).table.name

    def table_of(self, alias: str) -> int:
        return next(table for table, known in self._alias.items() if known == alias)

    def source_of(self, table: int, alias: str) -> Source:
        info = self.state.info(table).table
        same = [
            t
            for t in self.state.lexicon.tables
            if t.table.name == info.name and t.table.schema in self.state.request.search_path
        ]
        path = self.state.request.search_path
        visible = info.schema in path and min((path.index(t.table.schema) for t in same), default=0) == path.index(
            info.schema
        )
        return Source(alias, None if visible else info.schema, info.name)

    def sources(self) -> tuple[Source, tuple[Join, ...]]:
        """FROM and the joins, after everything has been asked for."""
        return self.source_of(self.base, self._alias[self.base]), tuple(self._joins)

    # -- joining ------------------------------------------------------------------------------------------------

    def reachable(self, table: int) -> bool:
        """Whether every row of the base meets at most one row of the table."""
        return table in self._alias or bool(self.graph.up_paths(self.base, table))

    def alias(self, table: int, *, optional: bool = False) -> str:
        """The alias of a table that is joined upwards.

        Args:
            optional: rows of the base without such a row are kept (LEFT JOIN where the key may be null).
        """
        if table in self._alias:
            return self._alias[table]
        paths = self.graph.up_paths(self.base, table)
        if not paths:
            raise Unsure(f"how {self._name(self.base)} and {self._name(table)} belong together is not clear")
        self._walk(self._only(paths, table), optional)
        return self._alias[table]

    def _only(self, paths: tuple[Path, ...], table: int) -> Path:
        if len(paths) == 1:
            return paths[0]
        said = {item.stem for item in self.state.items} | {
            word for item in self.state.items for word in item.lower.split()
        }
        named = [path for path in paths if any(set(step.edge.role) & said for step in path)]
        if len(named) == 1:
            return named[0]
        passing = [path for path in paths if any(step.target in self.state.anchors for step in path[:-1])]
        if len(passing) == 1:
            return passing[0]
        plain = [path for path in paths if not any(step.edge.role for step in path)]
        if (
            len(plain) == 1
            and len(paths) > 1
            and all(any(step.edge.role for step in p) for p in paths if p not in plain)
        ):
            return plain[0]
        linking = over_link(self.state, paths)
        if linking is not None:
            return linking
        info = self.state.info(table).table.name
        ways = " or ".join(sorted({path[0].edge.pairs[0][0] for path in paths}))
        raise Unsure(f"{info} could be joined by {ways}", "Say which of them you mean.")

    def _walk(self, path: Path, optional: bool) -> None:
        here = self.base
        for step in path:
            target = step.target
            if target not in self._alias:
                alias = self._alias[target] = self._new_alias(target)
                child = self.state.info(step.edge.child)
                nullable = any(not child.column(column).column.not_null for column, _ in step.edge.pairs)
                on = on_clause(step, self._alias[here], alias)
                self._joins.append(Join(self.source_of(target, alias), on, left=step.up and optional and nullable))
                self._distrust(step)
            here = target

    def _distrust(self, step: Step) -> None:
        edge = step.edge
        if edge.confidence >= 1 and not edge.many:
            return
        draft = self.state.draft
        draft.confidence = min(draft.confidence, 0.72 + 0.2 * edge.confidence, 0.85 if edge.many else 1)
        if edge.source == "declared":
            return
        text = " and ".join(f"{child} = {parent}" for child, parent in edge.pairs)
        note = {
            "named": f"joined by the names of columns ({text}), no foreign key is declared",
            "contained": f"joined because the values agree ({text}), no foreign key is declared",
        }[edge.source]
        if note not in draft.assumptions:
            draft.assumptions.append(note)

    def alias_for_group(self, table: int) -> str:
        """The alias of a table to group by; it may repeat rows of the base, which are then counted once each."""
        if self.reachable(table):
            return self.alias(table)
        path = self._one_path(self.base, table, set(self.state.draft.mentioned))
        down = [step for step in path if not step.up]
        if len(down) == 1 and self._only_links(down[0]):
            self.fanned = True
        else:
            self.multiplied = True
        self._walk(path, optional=False)
        return self._alias[table]

    def _only_links(self, step: Step) -> bool:
        """Whether the rows of a child only link two things, so that no pair is there twice."""
        info = self.state.info(step.edge.child)
        columns = {child for child, _ in step.edge.pairs}
        keys = [set(info.table.primary_key), *(set(unique) for unique in info.table.unique)]
        if any(columns < key for key in keys):
            return True
        return len([column for column in info.columns if column.own not in (("id",), ("key",))]) <= 2

    def key_of(self, table: int) -> Expr:
        """The key of a row of the table: a foreign key of the base where it has one, so that no join is needed."""
        if table not in self._alias:
            paths = self.graph.up_paths(self.base, table)
            if len(paths) == 1 and len(paths[0]) == 1 and len(paths[0][0].edge.pairs) == 1:
                return Col(self._alias[self.base], paths[0][0].edge.pairs[0][0])
        info = self.state.info(table)
        if len(info.key) != 1:
            raise Unsure(f"rows of {info.table.name} cannot be told apart by one column")
        return Col(self.alias(table), info.key[0])

    def condition(self, predicate: Predicate, alias: str) -> Expr:
        """A condition; the name of a whole ("department Kitchen") stands for its parts too, where rows have both."""
        if predicate.against is not None:
            return Op(predicate.operator, Col(alias, predicate.ref.column), self.overall(predicate.against, alias))
        found = condition(predicate, self.state.column_info(predicate.ref), alias, self.compared(predicate, alias))
        info = self.state.info(predicate.ref.table)
        whole = next((one for one in self.state.lexicon.tables if one.real == info.index and one.root), None)
        named = predicate.operator in ("=", "in") and predicate.ref.column in info.labels and not predicate.negated
        if whole is None or not named or info.index == self.base or len(info.key) != 1:
            return found
        inner = condition(predicate, self.state.column_info(predicate.ref), "whole")
        source = replace(self.source_of(info.index, "whole"), alias="whole")
        parts = Select((Item(Col("whole", info.key[0])),), source, where=(inner,))
        note = f"a {whole.noun} stands for all that belongs to it"
        if note not in self.state.draft.assumptions:
            self.state.draft.assumptions.append(note)
        return Bool("OR", (found, In(Col(alias, whole.by), select=parts)))

    def compared(
        self, predicate: Predicate, alias: str, inner: dict[int, str] | None = None
    ) -> tuple[Col, ColumnInfo] | None:
        """The second column of a condition on two columns, of the same row or of one that the row belongs to."""
        other = predicate.other
        if other is None:
            return None
        if other.table == predicate.ref.table:
            where = alias
        else:
            where = (inner or {}).get(other.table) or self.alias(other.table)
        return Col(where, other.column), self.state.column_info(other)

    def overall(self, measure: Measure, outer: str) -> Expr:
        """An aggregate of a column over all rows of its table as one value, or over those of the row's own group.

        Args:
            outer: alias of the row that is compared.
        """
        assert measure.ref is not None
        sub = Joiner(self.state, measure.ref.table, taken=self._taken)
        own = sub.alias(measure.ref.table)
        value = aggregate(measure.function, Col(own, measure.ref.column))
        where: list[Expr] = []
        if measure.per is not None and measure.per.table is not None:
            key = sub.key_of(measure.per.table)
            if not isinstance(key, Col) or key.alias != own:
                raise Unsure("the average of which rows is not clear")
            where.append(Op("=", key, Col(outer, key.column)))
        elif measure.per is not None and measure.per.ref is not None:
            if measure.per.ref.table != measure.ref.table:
                raise Unsure("the average of which rows is not clear")
            where.append(Op("=", Col(own, measure.per.ref.column), Col(outer, measure.per.ref.column)))
        return Scalar(Select((Item(value),), *sub.sources(), where=tuple(where)))

    # -- EXISTS -------------------------------------------------------------------------------------------------

    def exists(self, predicates: list[Predicate], mentioned: set[int]) -> list[Expr]:
        """Conditions on tables that a row of the base meets many times: at least one such row fulfils them together."""
        targets = {predicate.ref.table for predicate in predicates} | mentioned
        if not targets:
            return []
        first = self._best_chain(targets, mentioned) if mentioned else None
        chains: list[Path] = [first] if first is not None else []
        for target in sorted(targets, key=lambda table: -(self.graph.distance(self.base, table) or 99)):
            if any(target in [step.target for step in chain] for chain in chains):
                continue
            extended = self._extend(chains, target)
            if extended is not None:
                chains.append(extended)
                continue
            chains.append(self._one_path(self.base, target, mentioned))
        chains = [
            chain for chain in chains if not any(chain != other and other[: len(chain)] == chain for other in chains)
        ]
        return self._trees(chains, predicates)

    def _best_chain(self, targets: set[int], mentioned: set[int]) -> Path:
        """The path that meets most of the tables the question names, multiplying rows as seldom as possible."""
        ranked: list[tuple[int, int, int, Path]] = []
        for target in targets:
            for path in self.graph.paths(self.base, target):
                nodes = {step.target for step in path}
                met = sum(other in nodes or self._extend([path], other) is not None for other in targets)
                named = len(nodes & mentioned)
                ranked.append((-met - named, sum(not step.up for step in path), len(path), path))
        ranked.sort(key=lambda entry: entry[:3])
        if not ranked:
            names = ", ".join(sorted(self.state.info(table).table.name for table in targets))
            raise Unsure(f"how {self.state.info(self.base).table.name} and {names} belong together is not clear")
        best = [path for *key, path in ranked if key == list(ranked[0][:3])]
        if len({_to_last_child(path) for path in best}) > 1:
            return self._only(tuple(best), best[0][-1].target)
        return best[0]

    def _extend(self, chains: list[Path], target: int) -> Path | None:
        """A chain that already passes near the target, with upward steps to it."""
        for chain in chains:
            for size in range(len(chain), 0, -1):
                up = self.graph.up_paths(chain[size - 1].target, target)
                if len(up) == 1:
                    return (*chain[:size], *up[0])
        return None

    def _trees(self, chains: list[Path], predicates: list[Predicate]) -> list[Expr]:
        by_first: dict[tuple[Step, ...], list[Path]] = {}
        for chain in chains:
            down = next(i for i, step in enumerate(chain) if not step.up)
            by_first.setdefault(chain[: down + 1], []).append(chain)
        return [self._exists_one(first, group, predicates) for first, group in by_first.items()]

    def _exists_one(
        self, first: tuple[Step, ...], chains: list[Path], predicates: list[Predicate], negated: bool = False
    ) -> Expr:
        outer = self.base
        for step in first[:-1]:
            self.alias(step.target)
            outer = step.target
        inner: dict[int, str] = {}
        child = first[-1].target
        inner[child] = self._new_alias(child)
        joins: list[Join] = []
        where: list[Expr] = [on_clause(first[-1], self._alias[outer], inner[child])]
        self._distrust(first[-1])
        for chain in chains:
            here = child
            for step in chain[len(first) :]:
                if step.target not in inner:
                    inner[step.target] = self._new_alias(step.target)
                    on = on_clause(step, inner[here], inner[step.target])
                    joins.append(Join(self.source_of(step.target, inner[step.target]), on))
                    self._distrust(step)
                here = step.target
        for predicate in predicates:
            if predicate.ref.table in inner:
                where.append(self.condition(predicate, inner[predicate.ref.table]))
        select = Select((Item(Lit(1)),), self.source_of(child, inner[child]), tuple(joins), tuple(where))
        return Exists(select, negated)

    def referred(self, child: int, column: str, key: str, *, negated: bool) -> Expr:
        """EXISTS of rows of `child` that refer to the row of the base by `column`."""
        alias = self._new_alias(child)
        on = Op("=", Col(alias, column), Col(self._alias[self.base], key))
        return Exists(Select((Item(Lit(1)),), self.source_of(child, alias), (), (on,)), negated)

    def absent(self, absence: Absence) -> Expr:
        """NOT EXISTS of rows of a table under conditions."""
        anchor = absence.anchor if absence.anchor is not None else self.base
        if anchor != self.base and not self.reachable(anchor):
            raise Unsure("what is missing from what is not clear")
        sub = self if anchor == self.base else _Anchored(self, anchor)
        if absence.present:
            return Bool("AND", tuple(self.exists(list(absence.predicates), {absence.table})))
        needed = {absence.table, *(predicate.ref.table for predicate in absence.predicates)}
        path = sub._way_of_absence(anchor, absence)
        if all(step.up for step in path):
            column = path[0].edge.pairs[0][0]
            if len(path) == 1 and not absence.predicates:
                from postai.ask.grammar.query import IsNull

                return IsNull(Col(self.alias(anchor), column))
            raise Unsure("what is missing is not clear")
        while path[-1].up and not absence.predicates and not self.optional(path[-1]):
            path = path[:-1]
        chains = [path]
        for table in needed - {absence.table} - {step.target for step in path}:
            extended = self._extend([path], table)
            if extended is None:
                raise Unsure("what is missing is not clear")
            chains.append(extended)
        down = next(i for i, step in enumerate(path) if not step.up)
        self.alias(anchor)
        return sub._exists_one(path[: down + 1], chains, list(absence.predicates), negated=True)

    def _way_of_absence(self, anchor: int, absence: Absence) -> Path:
        """The way to what is missing: what else the question names decides only where it is not clear."""
        try:
            return self._one_path(anchor, absence.table, set(absence.through))
        except Unsure:
            if not self.state.draft.mentioned:
                raise
            return self._one_path(anchor, absence.table, self.state.draft.mentioned | set(absence.through))

    def optional(self, step: Step) -> bool:
        """Whether a row of the child may lack the parent."""
        child = self.state.info(step.edge.child)
        return any(not child.column(column).column.not_null for column, _ in step.edge.pairs)

    def _one_path(self, start: int, end: int, through: set[int]) -> Path:
        """The path that passes the tables the question names; one way only, or it stays unsure."""
        paths = self.graph.paths(start, end)
        if not paths:
            raise Unsure(
                f"how {self._name(start)} and {self._name(end)} belong together is not clear",
                "Declare a foreign key, or name the table between them.",
            )
        wanted = through - {start, end}
        covering = [(len(wanted & {step.target for step in path}), path) for path in paths]
        best = max(count for count, _ in covering)
        candidates = [path for count, path in covering if count == best]
        shortest = min(len(path) for path in candidates)
        direct = [path for path in candidates if len(path) == shortest]
        if len(direct) > 1:
            return self._only(tuple(direct), end)
        others = [path for path in candidates if path is not direct[0] and _independent(path, direct[0])]
        if not _over_hub(direct[0]):
            # What both refer to ("the program of the student, whose courses ...") relates them only remotely.
            others = [path for path in others if not _over_hub(path)]
        if self.state.info(end).is_event:
            # The end is itself what links things: a way over two such tables is no rival of a way over one.
            others = [path for path in others if _downs(path) <= _downs(direct[0])]
        if shortest > 1 and others and not wanted and over_link(self.state, tuple(direct)) is None:
            raise Unsure(
                f"{self.state.info(start).table.name} and {self.state.info(end).table.name} are joined in several ways",
                "Name the table between them.",
            )
        return direct[0]


class _Anchored(Joiner):
    """The same statement seen from another of its tables."""

    def __init__(self, outer: Joiner, anchor: int) -> None:
        outer.alias(anchor)
        self.state, self.graph, self.base = outer.state, outer.graph, anchor
        self._taken, self._alias, self._joins = outer._taken, outer._alias, outer._joins
        self.multiplied = False


def _downs(path: Path) -> int:
    return sum(not step.up for step in path)


def _over_hub(path: Path) -> bool:
    """Whether a path goes up to a row and down again to others that belong to it."""
    return any(step.up and not following.up for step, following in itertools.pairwise(path))


def _to_last_child(path: Path) -> Path:
    """The path without its last upward steps, which are the same from wherever it came."""
    return path[: max((position + 1 for position, step in enumerate(path) if not step.up), default=0)]


def _independent(path: Path, other: Path) -> bool:
    """Whether a path reaches the end through other tables, not by a detour over the same ones."""
    return not {step.target for step in other[:-1]} <= {step.target for step in path[:-1]}


def on_clause(step: Step, here: str, there: str) -> Expr:
    """The condition of one step, from alias `here` to alias `there`."""
    child, parent = (here, there) if step.up else (there, here)
    parts = tuple(
        Op(
            "=",
            Col(there if step.up else child, p if step.up else c),
            Col(here if step.up else parent, c if step.up else p),
        )
        for c, p in step.edge.pairs
    )
    return parts[0] if len(parts) == 1 else Bool("AND", parts)
