"""Revenue and quantities: which column of which table says how much was sold."""

from __future__ import annotations

from dataclasses import dataclass

from postai.ask.grammar.draft import Unsure
from postai.ask.grammar.state import State
from postai.language.schema import ColumnInfo, TableInfo

_SALE_NOUNS = frozenset(["order", "sale", "purchase", "transaction", "invoice", "booking", "rental", "bill", "ticket"])
_LINE_TAILS = frozenset({"item", "line", "detail", "product"})
_TOTAL_WORDS = ("total", "amount", "revenue", "value", "price")
_NOT_REVENUE = frozenset(
    [
        "tax",
        "discount",
        "shipping",
        "fee",
        "tip",
        "refund",
        "cost",
        "subtotal",
        "net",
        "paid",
        "due",
        "balance",
        "commission",
    ]
)


@dataclass(frozen=True, slots=True)
class MoneySource:
    """One way to add up money: a column, or quantity times price (less a discount) of line rows.

    Attributes:
        table: table whose rows are added up.
        factors: columns multiplied with each other.
        discount: (column, kind) taken off: kind "percent", "rate" (0 to 1) or "amount".
        level: "order" for a total of the whole sale, "line" for its items.
    """

    table: int
    factors: tuple[str, ...]
    level: str
    discount: tuple[str, str] | None = None


def money_tables(state: State) -> list[int]:
    """Tables of sales, by preference."""
    return [source.table for source in money_sources(state)]


def money_sources(state: State) -> list[MoneySource]:
    """The ways to compute revenue, best first: a total on the sale itself, then its lines.

    Raises:
        Unsure: two columns of one table could both be it.
    """
    found: list[MoneySource] = []
    lines: list[MoneySource] = []
    for info in state.lexicon.tables:
        if info.table.kind in ("view", "matview"):
            continue
        if is_sale(info):
            column = _total(info)
            if column is not None:
                found.append(MoneySource(info.index, (column.name,), "order"))
                continue
        if _is_line(state, info) or is_sale(info):
            source = _line(info)
            if source is not None:
                lines.append(source)
    named = {table for table in state.anchors}
    mentioned = [source for source in found if source.table in named]
    if len(found) > 1:
        found = mentioned[:1] if len(mentioned) == 1 else _first_of_kind(state, found)
    return [*found, *lines]


def _first_of_kind(state: State, found: list[MoneySource]) -> list[MoneySource]:
    """Between orders and invoices the order is the sale; two tables of one rank are a doubt."""
    for noun in ("order", "sale", "purchase", "transaction", "booking", "rental", "ticket", "invoice", "bill"):
        matching = [source for source in found if state.info(source.table).words[-1] == noun]
        if len(matching) == 1:
            return matching
        if matching:
            break
    names = " or ".join(state.info(source.table).table.name for source in found[:3])
    raise Unsure(f"revenue could be taken from {names}", "Name the table or column that holds the amount.")


def is_sale(info: TableInfo) -> bool:
    """Whether a row of the table is a sale as a whole."""
    return info.words[-1] in _SALE_NOUNS and (len(info.words) == 1 or info.words[-1] != "product")


def _is_line(state: State, info: TableInfo) -> bool:
    if info.words[-1] in _LINE_TAILS and len(info.words) > 1 and set(info.words[:-1]) & _SALE_NOUNS:
        return True
    parents = [step.edge.parent for step in state.lexicon.graph.steps.get(info.index, ()) if step.up]
    return any(is_sale(state.info(parent)) for parent in parents) and quantity(info) is not None


def _total(info: TableInfo) -> ColumnInfo | None:
    """The column that holds the amount of the whole sale."""
    money = [
        c
        for c in info.columns
        if c.kind == "number" and not c.is_id and not c.refers and not _NOT_REVENUE & set(c.words)
    ]
    for word in _TOTAL_WORDS[:-1]:
        matching = [c for c in money if word in c.words]
        if len(matching) > 1:
            exact = [
                c
                for c in matching
                if c.own in ((word,), ("total", "amount"), ("grand", "total"), ("order", "total"), ("total", "price"))
            ]
            matching = exact if len(exact) == 1 else matching
        if len(matching) == 1:
            return matching[0]
        if len(matching) > 1:
            names = " or ".join(c.name for c in matching[:3])
            raise Unsure(f"revenue could mean {names} of {info.table.name}", "Name the column.")
    return None


def quantity(info: TableInfo) -> ColumnInfo | None:
    """The column that says how many pieces a line is about."""
    for column in info.columns:
        if (
            column.kind == "number"
            and not column.is_id
            and (column.own[-1] in ("quantity", "qty", "unit", "piece") or _counts_pieces(column))
        ):
            return column
    return None


def _counts_pieces(column: ColumnInfo) -> bool:
    """ "item_count" says how many pieces; "reminder_count" how often something else was done."""
    return column.own[-1] == "count" and (len(column.own) == 1 or column.own[-2] in ("item", "piece", "unit", "share"))


def _line(info: TableInfo) -> MoneySource | None:
    names = [("line", "total"), ("total",), ("amount",), ("subtotal",), ("total", "price"), ("total", "amount")]
    totals = [c for c in info.columns if c.kind == "number" and c.own in names]
    if len(totals) == 1:
        return MoneySource(info.index, (totals[0].name,), "line")
    pieces = quantity(info)
    prices = [
        c
        for c in info.columns
        if c.kind == "number"
        and c.own in (("unit", "price"), ("price",), ("price", "each"), ("sale", "price"), ("item", "price"))
    ]
    discounts = [c for c in info.columns if "discount" in c.words]
    if pieces is not None and len(prices) == 1 and not discounts:
        return MoneySource(info.index, (pieces.name, prices[0].name), "line")
    if pieces is not None and len(prices) == 1 and len(discounts) == 1 and (kind := _discount_kind(discounts[0])):
        return MoneySource(info.index, (pieces.name, prices[0].name), "line", (discounts[0].name, kind))
    return None


def _discount_kind(column: ColumnInfo) -> str | None:
    """How a discount is meant, by its name and comment; None = not said."""
    comment = (column.column.comment or "").lower()
    if "percent" in column.words or "percent" in comment or "%" in comment:
        return "percent"
    if {"rate", "fraction", "ratio"} & set(column.words) or any(
        word in comment for word in ("fraction", "0 to 1", "0-1", "0..1", "share")
    ):
        return "rate"
    return "amount" if "amount" in column.words else None


def is_stock(info: TableInfo) -> bool:
    """Whether a row of the table says how much of something is there."""
    comment = (info.table.comment or "").lower()
    return bool({"stock", "inventory"} & set(info.words)) or comment.startswith("stock")


def unit_sources(state: State) -> list[MoneySource]:
    """Where quantities sold are kept."""
    found = []
    if any(item.stem == "stock" or item.lower == "inventory" for item in state.items):
        return [
            MoneySource(info.index, (column.name,), "line")
            for info in state.lexicon.tables
            if is_stock(info) and (column := quantity(info)) is not None
        ]
    for info in state.lexicon.tables:
        column = quantity(info)
        if column is not None and (is_sale(info) or _is_line(state, info)):
            found.append(MoneySource(info.index, (column.name,), "line"))
    return found
