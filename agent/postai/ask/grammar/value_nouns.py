"""ratio of forwards to defenders · percentage of dogs · captains by last name: a value that is the noun of its rows"""

from __future__ import annotations

from postai.ask.grammar.items import Item
from postai.language.lexicon import Lexicon, Sense
from postai.language.schema import TableInfo
from postai.language.vocabulary import PERSON_NOUNS
from postai.language.word_set import word_set

_BE = word_set("is are was were be been being as like or and , not called named with without have has had")
_FEW_COLUMNS = 4
_NO_NOUNS = word_set("others yes no less plus series sales news")


def with_nouns(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """The items, with the noun that is left out behind a value that stands for rows: "dogs" are dog pets.

    Only the first noun of a question is completed so, and only where the rows are those of one table.
    """
    for index, item in enumerate(items):
        if item.of_kind("table") and not item.verb:
            return items
        if item.verb or item.kind != "name" or item.cue or not item.plural or item.lower in _NO_NOUNS:
            continue
        if index and items[index - 1].lower in _BE:
            return items
        if _completed(items, index + 1):
            return items
        host = _host(item, lexicon)
        if host is None:
            if item.of_kind("column"):
                continue
            return items
        named = Sense("table", host.index, None, None, 0.9, "kind")
        noun = Item(
            item.high, item.high, host.noun, "name", host.noun, senses=(named,), plural=True,
            start=item.stop, stop=item.stop,
        )  # fmt: skip
        return [*items[: index + 1], noun, *items[index + 1 :]]
    return items


def _completed(items: list[Item], at: int) -> bool:
    """Whether the noun stands behind the value."""
    return at < len(items) and any(sense.kind in ("table", "column") for sense in items[at].senses)


def _host(item: Item, lexicon: Lexicon) -> TableInfo | None:
    """The table whose rows the value stands for; None = no or several could be."""
    values = item.of_kind("value")
    if not values or values[0].score < 0.8 or any(s.score >= values[0].score - 0.1 for s in item.of_kind("column")):
        return None
    best = [sense for sense in values if sense.score > values[0].score - 0.05]
    if len({(sense.table, sense.column) for sense in best}) != 1:
        return None
    info = lexicon.tables[best[0].table]
    column = lexicon.column(info.index, best[0].column or "")
    if column.kind == "boolean" or isinstance(best[0].value, bool):
        return _person(info, lexicon)
    if column.kind not in ("text", "enum"):
        return None
    if column.name in info.labels:
        return _kind_of(info, lexicon)
    return info


def _kind_of(info: TableInfo, lexicon: Lexicon) -> TableInfo | None:
    """The one table whose rows are of the kinds that a small table lists."""
    if len(info.columns) > _FEW_COLUMNS or any(column.is_date for column in info.columns):
        return None
    children = {edge.child for edge in lexicon.graph.edges if edge.parent == info.index and not edge.many}
    return lexicon.tables[next(iter(children))] if len(children) == 1 else None


def _person(info: TableInfo, lexicon: Lexicon) -> TableInfo | None:
    """ "captains" of is_captain: the persons that the rows are about, or the rows themselves ("penalties")."""
    if info.words[-1] in PERSON_NOUNS or (len(info.key) == 1 and not info.column(info.key[0]).refers):
        return info
    parents = {edge.parent for edge in lexicon.graph.edges if edge.child == info.index and not edge.many}
    persons = [lexicon.tables[parent] for parent in parents if lexicon.tables[parent].words[-1] in PERSON_NOUNS]
    return persons[0] if len(persons) == 1 else None
