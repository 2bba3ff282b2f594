"""Which groups of a query change with a row: for a plain aggregate over one table, the values of its GROUP BY columns.

Then only the groups that were written to are computed anew: what the query gives for them, HAVING included, depends on
nothing but their rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from postai.sql.nodes import messages
from postai.sql.parse import parse_one, statement_node
from postai.stream.transactions import Key

MOST = 100
"""Groups that are computed anew one by one; with more, the whole query is."""

Group = tuple[str | None, ...]
"""Texts of the values of the GROUP BY columns, in the order of `Grouping.columns`."""

# A part of a query that makes a row of the result depend on rows of other groups.
_NEVER = ("with_clause", "limit_count", "limit_offset", "into_clause", "larg", "rarg")
_LISTS = ("distinct_clause", "window_clause", "values_lists", "locking_clause")


@dataclass(frozen=True, slots=True)
class Grouping:
    """How the rows of a query are grouped.

    Attributes:
        columns: for each column of GROUP BY its name in the table and its name in the result.
    """

    columns: tuple[tuple[str, str], ...]

    @property
    def of_table(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    def group(self, names: tuple[str, ...], key: Key) -> Group | None:
        """The group of a row.

        Args:
            names: what the values of `key` are, columns of the table.
            key: values as the stream has them, in the database's encoding.

        Returns:
            None = it cannot be told.
        """
        values = dict(zip(names, key, strict=True))
        if not set(self.of_table) <= values.keys():
            return None
        try:
            return tuple(None if (v := values[name]) is None else v.decode("utf-8") for name in self.of_table)
        except UnicodeDecodeError:
            return None

    def condition(self, groups: Iterable[Group]) -> Mapping[str, list[str | None]]:
        """The values of each column of the result that these groups have: what postai._cache_predicate is given.

        With several columns it holds for more groups than these, which are computed anew as well.
        """
        wanted = sorted(set(groups), key=repr)
        return {
            name: sorted({one[number] for one in wanted}, key=lambda v: (v is None, v or ""))
            for number, (_, name) in enumerate(self.columns)
        }


def grouping(query: str) -> Grouping | None:
    """How a query groups its rows; None = it is no plain aggregate over one table.

    Args:
        query: as pg_get_viewdef writes it, with names that mean one thing only.

    Raises:
        Refused: it cannot be parsed.
    """
    tree = parse_one(query).tree
    if tree.DESCRIPTOR.name != "SelectStmt" or not _is_plain(tree):
        return None
    wanted = [_column(one) for one in tree.group_clause]
    shown: dict[str, str] = {}
    for node in tree.target_list:
        target = node.res_target
        name = _column(target.val)
        if name is not None:
            shown.setdefault(name, target.name or name)
    if not wanted or any(one is None or one not in shown for one in wanted):
        return None
    return Grouping(tuple((one, shown[one]) for one in wanted if one is not None))


def _is_plain(tree: Message) -> bool:
    if any(tree.HasField(name) for name in _NEVER) or any(len(getattr(tree, name)) for name in _LISTS):
        return False
    sources = tree.from_clause
    if len(sources) != 1 or sources[0].WhichOneof("node") != "range_var" or not sources[0].range_var.inh:
        return False
    kinds = [one.DESCRIPTOR.name for one in messages(tree)]
    # One SELECT: no sub-select. No window: it looks at other groups. No GROUPING SETS: a row is in several groups.
    return kinds.count("SelectStmt") == 1 and not {"WindowDef", "GroupingSet", "GroupingFunc"} & set(kinds)


def _column(node: Message) -> str | None:
    """The name of a plain column of the only table."""
    inner = statement_node(node)
    if inner.DESCRIPTOR.name != "ColumnRef":
        return None
    last = inner.fields[-1]
    return str(last.string.sval) if last.WhichOneof("node") == "string" else None
