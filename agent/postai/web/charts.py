"""Charts as SVG, made here: they need no script, print well and go into reports."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup


def sparkline(values: Sequence[float | None], *, width: int = 120, height: int = 24, label: str = "") -> Markup:
    """A small line without axes.

    Args:
        values: at even distances; None = a gap.
        width, height: CSS pixels.
        label: what a screen reader says.
    """
    d = _path([(place, value) for place, value in enumerate(values)], width, height, pad=1.5)
    return Markup(
        '<svg class="spark" role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}"'
        ' preserveAspectRatio="none"><path d="{}"/></svg>'
    ).format(label, width, height, width, height, d)


def line_chart(
    points: Sequence[tuple[float, float | None]],
    *,
    width: int = 640,
    height: int = 120,
    label: str = "",
    top: float | None = None,
    marks: Sequence[tuple[float, str, str]] = (),
    span: tuple[float, float] | None = None,
) -> Markup:
    """A line over time above a baseline of zero; it is stretched to its place, so that words stand beside it.

    Args:
        points: (seconds since the epoch, value), in order; None = a gap.
        width, height: units of the drawing.
        label: what a screen reader says.
        top: the value at the upper edge; None = the largest one.
        marks: moments that are marked: (seconds since the epoch, class, what happened).
        span: moments at the left and the right edge; None = the first and the last point.
    """
    first, last = span or ((points[0][0], points[-1][0]) if points else (0.0, 0.0))
    drawn = [
        Markup('<line class="grid" stroke="#d8dee4" x1="0" x2="{0}" y1="{1}" y2="{1}"/>').format(width, height / 2)
    ]
    if last > first:
        drawn += [
            Markup('<line class="mark {0}" x1="{1:.1f}" x2="{1:.1f}" y1="0" y2="{2}"><title>{3}</title></line>').format(
                kind, 4 + (width - 8) * (at - first) / (last - first), height, text
            )
            for at, kind, text in marks
            if first <= at <= last
        ]
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">{}'
        '<path class="line" fill="none" stroke="#1f4b6e" d="{}"/></svg>'
    ).format(
        label, width, height, Markup("").join(drawn), _path(points, width, height, pad=4, top=top, span=(first, last))
    )


def bar(share: float | None, *, label: str = "") -> Markup:
    """A share of a whole, 0 to 1, as a small bar."""
    part = min(1.0, max(0.0, share or 0.0))
    return Markup(
        '<svg class="bar" role="img" aria-label="{}" viewBox="0 0 100 8" preserveAspectRatio="none">'
        '<rect class="whole" width="100" height="8"/><rect class="part" width="{:.1f}" height="8"/></svg>'
    ).format(label or f"{part:.0%}", part * 100)


def _path(
    points: Sequence[tuple[float, float | None]],
    width: float,
    height: float,
    pad: float,
    top: float | None = None,
    span: tuple[float, float] | None = None,
) -> str:
    known = [value for _, value in points if value is not None]
    if not known:
        return ""
    first, last = span or (points[0][0], points[-1][0])
    top = top or max(known) or 1.0
    wide, high = width - 2 * pad, height - 2 * pad
    steps, pen_down = [], False
    for at, value in points:
        if value is None:
            pen_down = False
            continue
        x = pad + (wide * (at - first) / (last - first) if last > first else 0)
        y = pad + high * (1 - value / top)
        steps.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        if not pen_down:
            steps.append("h0")  # a point by itself is a dot
        pen_down = True
    return "".join(steps)
