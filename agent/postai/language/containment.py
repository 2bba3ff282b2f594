"""Joins that nobody declared, found in the data: the values of one column are all in another that is unique.

**Candidates.** The *parent* is a column that is unique (by constraint, by the statistics, or, for a column named like a
key, by the rows that are met); the *child* is any column of a comparable type that no foreign key holds. Pairs come
from names or, for texts that hold letters and for UUIDs, from the values alone. What names say (`names`, 0 to 1), for
a child that is not the key of its own table:

    1.00  the table and the column, or the column's name where it says the table: customer_id, customers.customer_id
    0.95  the table alone: customer
    0.85  the column's name where it says the last word of the table: offering_id, course_offerings.offering_id
    0.80  the same column name in a table of other things
    0.75  a name that ends like the other as it is written, with four letters or more: bkgrmid, rmid
    0.60  the last word of the table, or the beginning of it: category_id, product_categories; auth_id, authors
    0.60  a word like "parent" or "manager" within one table
    0.55  initials: aid, authors

A role in front (`shipping_address_id`) takes a tenth away. Words that every table has (id, name, type) say nothing.

**Test.** Up to `_VALUES` distinct values of the child are looked for in the parent. Of them `contained` must be found:
at least `_CONTAINED` for a pair with names, all for one without; and `_UNIQUE` of those found must be in one row of the
parent only. A pair with weak names needs `_FEW` distinct values, one without names `_SEVERAL`.

**Confidence**, with d = number of distinct values, distinctness = log(1 + d) / log(1 + 32), at most 1:

    named          (0.30 + 0.45 names + 0.20 distinctness + 0.05 if uniqueness is declared) × contained⁴, at most 0.95
    values alone    0.25 + 0.25 distinctness + 0.05 if uniqueness is declared
    UUIDs alone     0.50 + 0.30 distinctness + 0.05 if uniqueness is declared

Numbers never join by values alone: 1 to n is in every table. Of several parents of one child those within `_NEAR` of
the best stay; of several found by values alone, none does.

**Not tested** is another thing than not contained: a table may be locked or slow, or the time may end. `find_joins`
says which pairs were not tested, and takes what was known of them instead.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from postai.database import Database
from postai.database.catalog import Catalog, ColumnName, KnownJoin, Table
from postai.database.visibility import visible_to
from postai.deadline import Deadline, DeadlineExceeded
from postai.language.identifiers import pieces
from postai.language.samples import NEVER_READ, Bounds, Family, Sample, Sampler, estimate, family, readable
from postai.language.schema import ColumnInfo, TableInfo, looks_unique, read_tables
from postai.language.values import looks_secret
from postai.language.word_set import word_set
from postai.language.words import singular

_VALUES = 1_000
_TASTE = 5
"""Values of a child that are looked for first where no names speak for the pair."""
_CONTAINED, _UNIQUE = 0.95, 0.98
_FEW, _SEVERAL = 3, 5
_NEAR = 0.05
_STRONG = 0.8
_MOST_PAIRS = 4_000
_MOST_PARENTS_ALONE, _MOST_CHILDREN_ALONE = 100, 1_000
_MOST_PARENT_ROWS = 1_000_000
_BOUNDS = Bounds(rows=20_000, values=_VALUES, value_bytes=200)

_ID_WORDS = word_set("id uuid guid key code no number nbr identifier")
_HIERARCHY = word_set("parent manager supervisor boss superior predecessor previous next root leader mentor referrer")
_GENERIC = _ID_WORDS | word_set("""
    name type kind status title label description value count year month day date time rank position level order sort
    sequence version active flag state category amount total quantity price note comment text row index line item
    """)
_QUANTITIES = word_set("""
    number count quantity total sum amount maximum minimum average mean rate rating score age size length width height
    weight duration percent ratio capacity limit year month week day hour minute second
    """)
_RAW = 4
"""Letters that two names as they are written must share at their ends (`bkgrmid` and `rmid`)."""
_NOTHING: Mapping[tuple[ColumnName, ColumnName], float] = MappingProxyType({})
_COMPARABLE: Mapping[Family, str] = {"text": "text", "integer": "number", "numeric": "number", "uuid": "uuid"}


@dataclass(frozen=True, slots=True)
class _Side:
    """A column as one side of a join."""

    name: ColumnName
    info: TableInfo
    column: ColumnInfo
    table: Table
    compared_as: str
    declared_unique: bool

    @property
    def base(self) -> tuple[str, ...]:
        """The words without the ones that only say "identifier"."""
        words = self.column.words
        while len(words) > 1 and words[-1] in _ID_WORDS:
            words = words[:-1]
        return words

    @property
    def is_own_key(self) -> bool:
        """Whether it says which row of its own table it is: `customer_id` and `customer` of customers."""
        return self.base == self.info.words


@dataclass(frozen=True, slots=True)
class _Pair:
    """A child and a parent that may belong together; `names` from 0 (nothing in common) to 1."""

    child: _Side
    parent: _Side
    names: float

    @property
    def key(self) -> JoinKey:
        """The names of both."""
        return self.child.name, self.parent.name


JoinKey = tuple[ColumnName, ColumnName]
"""Child and parent."""


@dataclass(frozen=True, slots=True)
class JoinsFound:
    """What looking for joins gave.

    Attributes:
        joins: left is the child, right the parent; of the pairs that were not tested, those that were known.
        tested: confidence of every pair that was tested; 0 = not contained.
        untested: pairs that could not be tested: a table could not be read, or the time was over.
        unread: SQLSTATEs of the tables that could not be read, by oid.
    """

    joins: tuple[KnownJoin, ...]
    tested: Mapping[JoinKey, float]
    untested: frozenset[JoinKey]
    unread: Mapping[int, str]


def contained_joins(db: Database, catalog: Catalog, deadline: Deadline) -> tuple[KnownJoin, ...]:
    """Joins of columns whose values are contained in another; left is the child, right the parent.

    Best names are tested first; when the time is over, what was found until then is given.

    Args:
        db: a session outside any transaction; with postai in the database or without.
        catalog: a picture of that database.

    Raises:
        Cancelled: the deadline was cancelled.
        ConnectionLost: the session ended.
    """
    return find_joins(db, catalog, deadline).joins


def find_joins(
    db: Database,
    catalog: Catalog,
    deadline: Deadline,
    *,
    tested: Mapping[JoinKey, float] = _NOTHING,
    known: Mapping[JoinKey, float] = _NOTHING,
) -> JoinsFound:
    """The same, with what was tested and what was not.

    Args:
        tested: confidences of pairs that need no test, 0 = not contained; from an earlier search that was not complete.
        known: confidences of pairs that held earlier, taken for those that cannot be tested now.

    Raises:
        As for `contained_joins`.
    """
    mine = visible_to(catalog, db, db.query("select current_user")[0][0])
    sides = tuple(_sides(mine, catalog))
    parents = tuple(side for side in sides if _may_be_parent(side))
    children = tuple(side for side in sides if not side.column.refers)
    named = sorted(_named(children, parents), key=lambda pair: -pair.names)[:_MOST_PAIRS]
    alone = list(_alone(children, parents, named))
    pairs = {pair.key: pair for pair in (*named, *alone)}
    test = _Test(Sampler(db, _BOUNDS, deadline), {key: tested[key] for key in pairs if key in tested})
    try:
        test.run(named)
        test.run(alone)
    except DeadlineExceeded:
        pass
    untested = frozenset(pairs.keys() - test.results.keys())
    believed = {**{key: known[key] for key in untested if key in known}, **test.results}
    joins = _chosen((pairs[key], confidence) for key, confidence in believed.items() if confidence)
    return JoinsFound(joins, test.results, untested, test.unread)


def _sides(mine: Catalog, catalog: Catalog) -> Iterator[_Side]:
    for info in read_tables(mine):
        table = catalog.table(info.table.schema, info.table.name)
        if table is None or not readable(table):
            continue
        for column in info.columns:
            kind = family(column.column) if table.column(column.name) is column.column else None
            if kind is None or looks_secret(column.name, column.words, column.column.comment):
                continue
            unique = table.primary_key == (column.name,) or (column.name,) in table.unique
            name = ColumnName(table.schema, table.name, column.name)
            yield _Side(name, info, column, table, _COMPARABLE[kind], unique)


def _may_be_parent(side: _Side) -> bool:
    if (estimate(side.table) or 0) > _MOST_PARENT_ROWS:
        return False
    column = side.column
    if side.declared_unique or looks_unique(column.column):
        return True
    statistics = column.column.statistics
    rows = side.table.row_estimate
    if statistics is not None and rows:
        distinct = statistics.n_distinct if statistics.n_distinct >= 0 else -statistics.n_distinct * rows
        if distinct < 0.5 * rows:
            return False
    return column.own[-1] in _ID_WORDS or column.own == ("name",) or column.column.number == 1


# Names.


def _named(children: Iterable[_Side], parents: Iterable[_Side]) -> Iterator[_Pair]:
    """Pairs for which names speak."""
    meanings: dict[tuple[str, tuple[str, ...]], list[tuple[_Side, float]]] = defaultdict(list)
    for parent in parents:
        for words, names in _meanings(parent).items():
            meanings[parent.compared_as, words].append((parent, names))
    for child in children:
        if child.is_own_key:
            continue
        best: dict[ColumnName, _Pair] = {}
        for words, factor in _sayings(child).items():
            for parent, names in meanings.get((child.compared_as, words), ()):
                known = best.get(parent.name)
                if parent.name != child.name and (known is None or known.names < names * factor):
                    best[parent.name] = _Pair(child, parent, names * factor)
        if _HIERARCHY & set(child.column.words):
            for parent, _ in meanings.get((child.compared_as, child.info.words), ()):
                if parent.table is child.table and parent.name != child.name:
                    best.setdefault(parent.name, _Pair(child, parent, 0.6))
        yield from best.values()


def _meanings(parent: _Side) -> dict[tuple[str, ...], float]:
    """Words by which a reference to that column may be called, with how much they say."""
    table, column = parent.info.words, parent.column
    found: dict[tuple[str, ...], float] = {}
    if column.own[-1] in _ID_WORDS or column.own in (("name",), table) or parent.declared_unique:
        found["initials", "".join(word[0] for word in table), column.own[-1]] = 0.55
        for size in range(3, min(6, len(table[-1]))):
            found["prefix", table[-1][:size]] = 0.6
        if len(table) > 1:
            found[table[-1:]] = 0.6
        found[table] = 0.95
    if len(column.name) >= _RAW and column.name.lower() not in _GENERIC:
        found["raw", column.name.lower()] = 0.75
    if set(column.words) - _GENERIC:
        # The same name in a table of other things is a reference as well, but not what is referred to.
        found[column.words] = 1.0 if table == parent.base else 0.85 if table[-1] == parent.base[-1] else 0.8
    found[(*table, *column.own)] = 1.0
    return found


def _sayings(child: _Side) -> dict[tuple[str, ...], float]:
    """The ways to read a column's name as a reference: whole, without a role in front, without "id" at the end."""
    words, base = child.column.words, child.base
    found: dict[tuple[str, ...], float] = {}
    raw = child.column.name.lower()
    if base == words and child.compared_as == "number" and _counts(child.column):
        return found
    for start in range(len(raw) - _RAW + 1):
        found["raw", raw[start:]] = 1.0
    if not set(words) - _GENERIC:
        return found
    for said in (words, base):
        for skipped in range(len(said)):
            if set(said[skipped:]) - _GENERIC:
                found.setdefault(said[skipped:], 0.9 if skipped else 1.0)
    if len(base[-1]) >= 3:
        found["prefix", base[-1]] = 1.0 if len(words) > len(base) else 0.9
    if len(words) == 1 and 2 < len(raw) < 6 and raw.endswith("id"):
        found["initials", raw[:-2], "id"] = 1.0
    return found


def _counts(column: ColumnInfo) -> bool:
    """Whether a number without "id" at its end counts or measures: `num_students`, `students`; not `manager`."""
    raw = pieces(column.name)[-1]
    return singular(raw) != raw or bool(_QUANTITIES & set(column.words))


def _alone(children: Iterable[_Side], parents: Iterable[_Side], named: Iterable[_Pair]) -> Iterator[_Pair]:
    """Pairs for which only values can speak."""
    known = {(pair.child.name, pair.parent.name) for pair in named}
    speaking = [
        one
        for one in parents
        if one.compared_as in ("text", "uuid") and (one.declared_unique or one.column.own[-1] in (*_ID_WORDS, "name"))
    ]
    speaking.sort(key=lambda one: (not one.declared_unique, estimate(one.table) or 0))
    texts = [one for one in children if one.compared_as in ("text", "uuid")][:_MOST_CHILDREN_ALONE]
    for parent in speaking[:_MOST_PARENTS_ALONE]:
        for child in texts:
            if (
                child.compared_as == parent.compared_as
                and child.name != parent.name
                and (child.name, parent.name) not in known
                and not (child.declared_unique or child.is_own_key)
            ):
                yield _Pair(child, parent, 0.0)


# Values.


class _Test:
    """Tests pairs by their values.

    Args:
        sampler: reads the columns.
        results: pairs that need no test.

    Attributes:
        results: confidence of every pair that was tested; 0 = it does not hold.
    """

    def __init__(self, sampler: Sampler, results: dict[JoinKey, float]) -> None:
        self._sampler = sampler
        self._samples: dict[ColumnName, Sample] = {}
        self._speaks: dict[ColumnName, bool] = {}
        self.results = results

    @property
    def unread(self) -> Mapping[int, str]:
        """SQLSTATEs of the tables that could not be read, by oid."""
        return self._sampler.unread

    def run(self, pairs: Iterable[_Pair]) -> None:
        """Test these pairs, the children of one table and then the pairs of one parent together."""
        due = [pair for pair in pairs if pair.key not in self.results]
        self._read_children(due)
        by_parent: dict[ColumnName, list[_Pair]] = defaultdict(list)
        for pair in due:
            sample = self._samples.get(pair.child.name)
            if sample is None:
                self._not_read(pair, pair.child)
            elif self._worth(pair, sample):
                by_parent[pair.parent.name].append(pair)
            else:
                self.results[pair.key] = 0.0
        for group in by_parent.values():
            self._test(group)

    def _read_children(self, pairs: Iterable[_Pair]) -> None:
        wanted: dict[tuple[str, str], dict[ColumnName, _Side]] = defaultdict(dict)
        for pair in pairs:
            name = pair.child.name
            if name not in self._samples:
                wanted[name.schema, name.table][name] = pair.child
        for sides in wanted.values():
            table = next(iter(sides.values())).table
            columns = [side.column.column for side in sides.values()]
            samples = self._sampler.distinct(table, columns)
            if samples is not None:
                for column, sample in samples.items():
                    self._samples[ColumnName(table.schema, table.name, column)] = sample

    def _not_read(self, pair: _Pair, side: _Side) -> None:
        """A pair of which one side was not read stays untested, unless that table is never read."""
        if self._sampler.unread.get(side.table.oid) == NEVER_READ:
            self.results[pair.key] = 0.0

    def _worth(self, pair: _Pair, sample: Sample) -> bool:
        if not sample.values or sample.long:
            return False
        if pair.names:
            return len(sample.values) >= _FEW or pair.names >= _STRONG
        name = pair.child.name
        speaks = self._speaks.get(name)
        if speaks is None:
            speaks = self._speaks[name] = _speak(sample, pair.child.compared_as)
        return speaks

    def _test(self, pairs: list[_Pair]) -> None:
        parent = pairs[0].parent
        tastes = {pair.child.name: list(islice(self._samples[pair.child.name].values, _TASTE)) for pair in pairs}
        wanted: set[str] = set()
        for pair in pairs:
            wanted.update(self._samples[pair.child.name].values if pair.names else tastes[pair.child.name])
        rows = self._having(parent, wanted)
        if rows is None:
            for pair in pairs:
                self._not_read(pair, parent)
            return
        waiting: list[_Pair] = []
        for pair in pairs:
            if pair.names:
                self._settle(pair, rows)
            elif all(value in rows for value in tastes[pair.child.name]):
                waiting.append(pair)
            else:
                self.results[pair.key] = 0.0
        missing = {value for pair in waiting for value in self._samples[pair.child.name].values} - wanted
        more = self._having(parent, missing) if missing else {}
        if more is not None:
            for pair in waiting:
                self._settle(pair, {**rows, **more})

    def _settle(self, pair: _Pair, rows: Mapping[str, int]) -> None:
        self.results[pair.key] = _confidence(pair, self._samples[pair.child.name], rows)

    def _having(self, parent: _Side, wanted: Iterable[str]) -> Mapping[str, int] | None:
        return self._sampler.having(parent.table, parent.column.column, sorted(wanted))


def _speak(sample: Sample, compared_as: str) -> bool:
    """Whether a column's values alone can tell what it refers to: several, and not only numbers and single letters."""
    count = len(sample.values)
    if compared_as == "uuid":
        return count >= 2
    letters = sum(len(value) > 1 and any(map(str.isalpha, value)) for value in sample.values)
    return count >= _SEVERAL and 2 * letters > count


def _confidence(pair: _Pair, sample: Sample, rows: Mapping[str, int]) -> float:
    """How sure the join is by the formula above; 0 = it does not hold."""
    values = sample.values
    met = [rows[value] for value in values if value in rows]
    contained = len(met) / len(values)
    if contained < (_CONTAINED if pair.names else 1.0):
        return 0.0
    if not pair.parent.declared_unique and sum(count == 1 for count in met) < _UNIQUE * len(met):
        return 0.0
    distinctness = min(1.0, math.log(1 + len(values)) / math.log(1 + 32))
    declared = 0.05 * pair.parent.declared_unique
    if pair.names:
        sure = (0.30 + 0.45 * pair.names + 0.20 * distinctness + declared) * contained**4
    elif pair.child.compared_as == "uuid":
        sure = 0.50 + 0.30 * distinctness + declared
    else:
        sure = 0.25 + 0.25 * distinctness + declared
    return round(min(0.95, sure), 2)


def _chosen(found: Iterable[tuple[_Pair, float]]) -> tuple[KnownJoin, ...]:
    """The best parents of each child, in one direction."""
    by_child: dict[ColumnName, list[tuple[_Pair, float]]] = defaultdict(list)
    for pair, confidence in found:
        by_child[pair.child.name].append((pair, confidence))
    kept: dict[tuple[ColumnName, ColumnName], float] = {}
    for group in by_child.values():
        best = max(confidence for _, confidence in group)
        if best and not any(pair.names for pair, _ in group) and len(group) > 1:
            continue
        for pair, confidence in group:
            if confidence >= best - _NEAR and (pair.names or len(group) == 1):
                kept[pair.child.name, pair.parent.name] = confidence
    both_ways = {(left, right) for left, right in kept if (right, left) in kept}
    return tuple(
        KnownJoin(left, right, "contained", confidence)
        for (left, right), confidence in sorted(kept.items())
        if (left, right) not in both_ways or (-confidence, left) < (-kept[right, left], right)
    )
