"""Statements that list rows: the columns to show and their order."""

from __future__ import annotations

from postai.ask.grammar.dating import property_column
from postai.ask.grammar.draft import Key, Measure, OrderBy, Ref, Unsure
from postai.ask.grammar.filtering import Filters
from postai.ask.grammar.query import (
    Call,
    Col,
    Item,
    Order,
    Over,
    Select,
)

_LISTED_COLUMNS = 14


class Lists(Filters):
    """Lists of rows of one draft."""

    # -- lists --------------------------------------------------------------------------------------------------

    def _list(self) -> Select:
        draft = self.draft
        subject = draft.subject
        items = self._list_items(subject)
        where = self.where()
        shown = {item.expr for item in items}
        order: list[Order] = []
        for wish in draft.orders:
            found = self._list_order(self._meant(wish), items)
            if all(key.expr != found.expr for key in order):
                order.append(found)
        only = subject is not None and subject.ref is not None and not self._names_rows(subject.ref)
        distinct = draft.distinct or (only and not self._has_key(items))
        for key in order:
            if key.expr not in shown and isinstance(key.expr, Col) and (distinct or draft.limit is not None):
                items.append(Item(key.expr))
                shown.add(key.expr)
        keyed = [Col(self.joiner.alias(self.base), name) for name in self.state.info(self.base).key]
        if draft.limit is not None or order:
            order += [
                Order(col) for col in keyed if (not distinct or col in shown) and all(col != key.expr for key in order)
            ]
        elif keyed and all(col in shown for col in keyed):
            order = [Order(col) for col in keyed]
        elif distinct or not keyed:
            order = [Order(items[0].expr)]
        else:
            order = [Order(col) for col in keyed]
        if draft.rank is not None and draft.rank.ref is not None:
            place = Col(self.joiner.alias(draft.rank.ref.table), draft.rank.ref.column)
            parted = tuple(item.expr for key in draft.groups for item in self.key_items(key))
            items += self._items([Item(expr) for expr in (*parted, place) if expr not in shown], [])
            over = Over(parted, (Order(place, draft.rank.descending, nulls_last=draft.rank.descending),))
            items.append(Item(Call("rank", over=over), "rank"))
        source, joins = self.joiner.sources()
        return Select(
            tuple(items), source, joins, tuple(where), order=tuple(order), limit=draft.limit, offset=draft.offset,
            distinct=distinct,
        )  # fmt: skip

    def _names_rows(self, ref: Ref) -> bool:
        """ "list the museum names": one for each museum, though two may have one name."""
        return (ref.column,) == self.state.info(ref.table).labels

    def _has_key(self, items: list[Item]) -> bool:
        info = self.state.info(self.base)
        alias = self.joiner.alias(self.base)
        return bool(info.key) and all(any(item.expr == Col(alias, name) for item in items) for name in info.key)

    def _list_items(self, subject: Key | None) -> list[Item]:
        draft = self.draft
        items: list[Item] = []

        def add(table: int, column: str) -> None:
            item = Item(Col(self.joiner.alias(table, optional=True), column))
            if item not in items:
                items.append(item)

        asked = [entry for entry in draft.projections if not isinstance(entry, Measure)]
        if subject is not None and subject.table is not None and draft.with_subject and draft.projections:
            info = self.state.info(subject.table)
            for name in (*info.key, *info.labels):
                add(subject.table, name)
        if subject is not None and subject.ref is not None:
            add(subject.ref.table, subject.ref.column)
        for entry in asked:
            if isinstance(entry, Ref):
                add(entry.table, entry.column)
            elif entry.table is not None:
                info = self.state.info(entry.table)
                for name in (*info.key, *info.labels):
                    add(entry.table, name)
        if items:
            return items
        assert subject is not None and subject.table is not None
        info = self.state.info(subject.table)
        if info.labels:
            names = [
                *info.key,
                *info.labels,
                *(
                    p.ref.column
                    for p in draft.predicates
                    if p.ref.table == subject.table and p.operator not in ("=", "in", "null")
                ),
            ]
        else:
            names = [column.name for column in info.columns if column.kind != "json"][:_LISTED_COLUMNS]
        for name in dict.fromkeys(names):
            add(subject.table, name)
        return items

    def _meant(self, wish: OrderBy) -> OrderBy:
        """ "newest first", "cheapest category first": the column of the rows that holds the property."""
        if not wish.what:
            return wish
        found = property_column(self.state, self.base, wish.what)
        if not isinstance(found, Ref):
            raise Unsure("what to order by is not clear")
        info = self.state.column_info(found)
        aged = wish.what == "@age" and not info.is_date and "year" not in info.words
        return OrderBy(ref=found, descending=wish.descending != aged)

    def _list_order(self, wish: OrderBy, items: list[Item]) -> Order:
        if wish.ref is not None:
            nullable = not self.state.column_info(wish.ref).column.not_null
            return Order(
                Col(self.joiner.alias(wish.ref.table, optional=True), wish.ref.column),
                wish.descending,
                nullable and wish.descending,
            )
        if wish.measure is not None:
            raise Unsure("what to order by is not clear")
        info = self.state.info(self.base)
        if (
            wish.key
            and info.labels
            and Col(self.joiner.alias(self.base), info.labels[0]) in [item.expr for item in items]
        ):
            return Order(Col(self.joiner.alias(self.base), info.labels[0]), wish.descending)
        if not wish.key:
            numbers = [item.expr for item in items if isinstance(item.expr, Col) and self._is_number(item.expr)]
            if len(numbers) == 1:
                return Order(numbers[0], wish.descending, nulls_last=wish.descending)
            raise Unsure("what to order by is not clear")
        return Order(items[0].expr, wish.descending)

    def _is_number(self, column: Col) -> bool:
        table = self.joiner.table_of(column.alias)
        info = self.lexicon.column(table, column.column)
        return info.kind == "number" and not info.is_id
