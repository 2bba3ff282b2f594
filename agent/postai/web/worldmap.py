"""A map of edges and their servers as SVG, on outlines that were built with the scripts; without them there is none."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup

from postai.edge.board import Edges
from postai.edge.regions import Place

_PATH = re.compile(r"[Mlz0-9 .-]*")
_MARGIN = 40.0
MOST_LABELS = 24


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of the outlines: units of the drawing, degrees of latitude."""

    width: float
    height: float
    north: float
    south: float
    path: str

    def spot(self, place: Place) -> tuple[float, float]:
        """Where a place is drawn: Miller's projection."""
        latitude = min(max(place.latitude, self.south), self.north)
        scale = self.width / (2 * math.pi)
        return (place.longitude + 180) / 360 * self.width, (_miller(self.north) - _miller(latitude)) * scale


def world_map(edges: Edges, frame: Frame | None) -> Markup | None:
    """The map with every edge and server whose region has a place; None = there are no outlines, or nothing to draw.

    Args:
        edges: names in it are shown as text.
        frame: the outlines; None = they were not built.
    """
    towns = _towns(edges)
    if frame is None or not towns:
        return None
    spots = {town: frame.spot(place) for town, (place, _, _) in towns.items()}
    x, y, width, height, zoom = _view(frame, list(spots.values()))
    parts = [Markup('<path class="land" d="{}"/>').format(frame.path)]
    parts += _lines(edges, spots)
    taken: list[tuple[float, float]] = []
    for town, (_, homes, servers) in sorted(towns.items(), key=lambda one: spots[one[0]][1]):
        parts.append(_mark(town, spots[town], homes, servers, zoom))
        if len(taken) < MOST_LABELS:
            parts.append(_label(town, spots[town], taken, zoom, right=x + width))
    label = f"{len(edges.edges)} edges and the servers that they see"
    return Markup(
        '<svg class="world z{}" role="img" aria-label="{}" viewBox="{:.0f} {:.0f} {:.0f} {:.0f}">{}</svg>'
    ).format(zoom, label, x, y, width, height, Markup("").join(parts))


def read_frame() -> Frame | None:
    """The outlines as they were built; None where they were not.

    Raises:
        ValueError: the file holds something else.
    """
    file = resources.files("postai.web").joinpath("static", "built", "world.json")
    if not file.is_file():
        return None
    told = json.loads(file.read_text(encoding="utf-8"))
    if not _PATH.fullmatch(told["path"]):
        raise ValueError("world.json holds no path: build the scripts again")
    return Frame(**{name: told[name] for name in ("width", "height", "north", "south", "path")})


def _miller(latitude: float) -> float:
    return 1.25 * math.log(math.tan(math.pi / 4 + 0.4 * math.radians(latitude)))


_Told = tuple[str, bool]
"""What is said of a point, and whether all is well with it."""


def _towns(edges: Edges) -> dict[str, tuple[Place, list[_Told], list[_Told]]]:
    """By town: its place, its edges, its servers (each server once, however many edges see it)."""
    found: dict[str, tuple[Place, list[_Told], list[_Told]]] = {}
    for edge in edges.edges:
        if edge.place is not None:
            _, homes, _ = found.setdefault(edge.place.town, (edge.place, [], []))
            homes.append((f"edge {edge.name} ({edge.region}): {edge.state}", edge.state == "alive"))
    seen: dict[tuple[str, str], list[str]] = {}
    for one in edges.endpoints:
        if one.place is not None:
            found.setdefault(one.place.town, (one.place, [], []))
            problems = seen.setdefault((one.place.town, f"{one.node} ({one.region}), {one.role}"), [])
            problems += [one.problem] if one.problem else []
    for (town, text), problems in seen.items():
        found[town][2].append((f"server {text}" + (f": {problems[0]}" if problems else ""), not problems))
    return found


def _view(frame: Frame, spots: Sequence[tuple[float, float]]) -> tuple[float, float, float, float, int]:
    """The part of the map that holds all points: left, top, width, height, and how many times it is larger."""
    left, right = min(x for x, _ in spots) - _MARGIN, max(x for x, _ in spots) + _MARGIN
    top, bottom = min(y for _, y in spots) - _MARGIN, max(y for _, y in spots) + _MARGIN
    zoom = next((one for one in (4, 2) if right - left <= frame.width / one and bottom - top <= frame.height / one), 1)
    width, height = frame.width / zoom, frame.height / zoom
    x = min(max((left + right - width) / 2, 0), frame.width - width)
    y = min(max((top + bottom - height) / 2, 0), frame.height - height)
    return x, y, width, height, zoom


def _lines(edges: Edges, spots: dict[str, tuple[float, float]]) -> list[Markup]:
    homes = {one.name: one.place.town for one in edges.edges if one.place is not None}
    drawn: dict[tuple[str, str], tuple[list[str], bool]] = {}
    for one in edges.endpoints:
        home = homes.get(one.edge)
        if home is None or one.place is None or one.place.town == home:
            continue
        texts, well = drawn.get((home, one.place.town), ([], True))
        latency = "" if one.latency_ms is None else f": {one.latency_ms:.0f} ms"
        drawn[home, one.place.town] = ([*texts, f"{one.edge} to {one.node}{latency}"], well and not one.problem)
    return [
        Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"><title>{}</title></line>').format(
            "ok" if well else "bad", *spots[home], *spots[town], "\n".join(texts)
        )
        for (home, town), (texts, well) in drawn.items()
    ]


def _mark(town: str, spot: tuple[float, float], homes: list[_Told], servers: list[_Told], zoom: int) -> Markup:
    size = 5.0 / zoom
    x, y = spot
    text = "\n".join([town, *(one for one, _ in homes + servers)])
    parts = []
    if servers:
        state = "ok" if all(well for _, well in servers) else "bad"
        parts.append(
            Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                state, x - size * 1.3, y - size * 1.3, size * 2.6, size * 2.6
            )
        )
    if homes:
        state = "ok" if all(well for _, well in homes) else "warn"
        parts.append(Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(state, x, y, size))
    return Markup("<g>{}<title>{}</title></g>").format(Markup("").join(parts), text)


def _label(town: str, spot: tuple[float, float], taken: list[tuple[float, float]], zoom: int, right: float) -> Markup:
    x, y = spot[0] + 9 / zoom, spot[1] + 4 / zoom
    while any(abs(x - other_x) < 90 / zoom and abs(y - other_y) < 13 / zoom for other_x, other_y in taken):
        y += 13 / zoom
    taken.append((x, y))
    if x > right - 90 / zoom:
        return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>').format(x - 18 / zoom, y, town)
    return Markup('<text x="{:.1f}" y="{:.1f}">{}</text>').format(x, y, town)
