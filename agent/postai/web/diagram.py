"""An entity-relationship diagram as SVG: tables in layers, what refers on the left of what it refers to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from postai.observe.schema import DrawnKey, DrawnTable, Neighbourhood

WIDTH, HEAD, ROW = 210, 24, 17
GAP_X, GAP_Y, EDGE = 90, 22, 12
MOST_HIGH = 1500
"""Pixels after which a layer goes on in a second column."""
NAME_LETTERS, COLUMN_LETTERS, TYPE_LETTERS = 26, 19, 13
SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table is drawn."""

    x: float
    y: float
    height: float


def draw(around: Neighbourhood, link: Callable[[str], str]) -> Markup:
    """The picture.

    Args:
        around: what is drawn.
        link: of a table's qualified name: where a click on its head leads.
    """
    places = _places(around)
    if not places:
        return Markup("")
    width = max(one.x for one in places.values()) + WIDTH + GAP_X / 2
    height = max(one.y + one.height for one in places.values()) + EDGE
    tables = {one.oid: one for one in around.tables}
    lines = [_line(key, tables, places) for key in around.keys]
    boxes = [_box(one, places[one.oid], one.name == around.center, link(one.name)) for one in around.tables]
    return Markup(
        '<svg class="diagram" role="group" aria-label="{}" width="{:.0f}" height="{:.0f}" viewBox="0 0 {:.0f} {:.0f}">'
        '<defs><marker id="one" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>{}{}</svg>'
    ).format(
        f"{len(around.tables)} tables around {around.center} and their {len(around.keys)} foreign keys",
        width, height, width, height, Markup("").join(lines), Markup("").join(boxes),
    )  # fmt: skip


def layers(oids: list[int], keys: list[tuple[int, int]]) -> dict[int, int]:
    """The layer of each table: what refers is in an earlier one than what it refers to, except where keys form a ring.

    Args:
        oids: in the order in which rings are cut.
        keys: (referring, referred to).
    """
    targets: dict[int, set[int]] = defaultdict(set)
    for source, target in keys:
        if source != target:
            targets[source].add(target)
    height: dict[int, int] = {}
    under_way: set[int] = set()

    def rise(oid: int) -> int:
        if oid not in height:
            under_way.add(oid)
            height[oid] = max((rise(one) + 1 for one in sorted(targets[oid]) if one not in under_way), default=0)
            under_way.discard(oid)
        return height[oid]

    top = max((rise(oid) for oid in oids), default=0)
    return {oid: top - height[oid] for oid in oids}


def _places(around: Neighbourhood) -> dict[int, Place]:
    keys = [(one.source, one.target) for one in around.keys]
    layer = layers([one.oid for one in around.tables], keys)
    near: dict[int, list[int]] = defaultdict(list)
    for source, target in keys:
        near[source].append(target)
        near[target].append(source)
    rows: dict[int, list[DrawnTable]] = defaultdict(list)
    for one in sorted(around.tables, key=lambda one: one.name):
        rows[layer[one.oid]].append(one)
    _untangle(rows, near)
    places: dict[int, Place] = {}
    x = float(EDGE)
    for number in sorted(rows):
        y = float(EDGE)
        for one in rows[number]:
            high = _height(one)
            if y > EDGE and y + high > MOST_HIGH:
                x, y = x + WIDTH + GAP_X / 2, float(EDGE)
            places[one.oid] = Place(x, y, high)
            y += high + GAP_Y
        x += WIDTH + GAP_X
    return places


def _untangle(rows: dict[int, list[DrawnTable]], near: dict[int, list[int]]) -> None:
    """Order each layer by where its neighbours are, a few times from both sides."""
    at = {one.oid: float(place) for row in rows.values() for place, one in enumerate(row)}
    for sweep in range(SWEEPS):
        for number in sorted(rows, reverse=sweep % 2 == 1):
            row = rows[number]
            middle = {
                one.oid: sum(at[other] for other in near[one.oid]) / len(near[one.oid])
                if near[one.oid]
                else at[one.oid]
                for one in row
            }
            row.sort(key=lambda one: (middle[one.oid], one.name))
            at.update({one.oid: float(place) for place, one in enumerate(row)})


def _height(one: DrawnTable) -> float:
    return HEAD + ROW * (len(one.columns) + (1 if one.more else 0)) + 4


def _line(key: DrawnKey, tables: dict[int, DrawnTable], places: dict[int, Place]) -> Markup:
    source, target = places[key.source], places[key.target]
    row = next((at for at, one in enumerate(tables[key.source].columns) if one.name == key.column), 0)
    y1, y2 = source.y + HEAD + ROW * row + ROW / 2, target.y + HEAD / 2
    if key.source == key.target:
        x1 = x2 = source.x + WIDTH
        bend1, bend2 = x1 + 34, x2 + 34
    elif target.x > source.x:
        x1, x2 = source.x + WIDTH, target.x
        bend1, bend2 = x1 + GAP_X / 2, x2 - GAP_X / 2
    elif target.x < source.x:
        x1, x2 = source.x, target.x + WIDTH
        bend1, bend2 = x1 - GAP_X / 2, x2 + GAP_X / 2
    else:
        x1 = x2 = source.x + WIDTH
        bend1 = bend2 = x1 + GAP_X / 2
    return Markup(
        '<path class="key" marker-end="url(#one)" d="M{:.0f} {:.0f}C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}">'
        "<title>{}: {}.{} refers to {}</title></path>"
    ).format(
        x1, y1, bend1, y1, bend2, y2, x2, y2,
        key.name, tables[key.source].name, key.column, tables[key.target].name,
    )  # fmt: skip


def _box(one: DrawnTable, place: Place, center: bool, link: str) -> Markup:
    rows = [
        Markup('<text class="column{}" x="{:.0f}" y="{:.0f}"><title>{}</title>{}</text>').format(
            " required" if column.required else "",
            place.x + 26,
            place.y + HEAD + ROW * at + 12,
            f"{column.name} {column.type}{' not null' if column.required else ''}",
            _cut(column.name, COLUMN_LETTERS),
        )
        + Markup('<text class="type" text-anchor="end" x="{:.0f}" y="{:.0f}">{}</text>').format(
            place.x + WIDTH - 6, place.y + HEAD + ROW * at + 12, _cut(column.type, TYPE_LETTERS)
        )
        + Markup('<text class="mark" x="{:.0f}" y="{:.0f}">{}</text>').format(
            place.x + 5, place.y + HEAD + ROW * at + 12, "PK" if column.key else "FK" if column.refers else ""
        )
        for at, column in enumerate(one.columns)
    ]
    if one.more:
        rows.append(
            Markup('<text class="type" x="{:.0f}" y="{:.0f}">and {} more</text>').format(
                place.x + 26, place.y + HEAD + ROW * len(one.columns) + 12, one.more
            )
        )
    return Markup(
        '<g class="table{}"><rect x="{:.0f}" y="{:.0f}" width="{}" height="{:.0f}" rx="3"/>'
        '<a href="{}"><rect class="head" x="{:.0f}" y="{:.0f}" width="{}" height="{}" rx="3"/>'
        '<text class="name" x="{:.0f}" y="{:.0f}"><title>{}</title>{}</text></a>{}</g>'
    ).format(
        " center" if center else "", place.x, place.y, WIDTH, place.height, link, place.x, place.y, WIDTH, HEAD - 3,
        place.x + 6, place.y + 15, one.name, _cut(one.relation, NAME_LETTERS), Markup("").join(rows),
    )  # fmt: skip


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"
