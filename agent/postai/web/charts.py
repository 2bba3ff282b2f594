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
    points: Sequence[tuple[float, float | None]], *, width: int = 640, height: int = 160, label: str = ""
) -> Markup:
    """A line over time with its largest value and a baseline of zero.

    Args:
        points: (seconds since the epoch, value), in order; None = a gap.
        width, height: units of the drawing, which scales with its place.
        label: what a screen reader says.
    """
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}"><path class="line" d="{}"/></svg>'
    ).format(label, width, height, _path(points, width, height, pad=4))


def _path(points: Sequence[tuple[float, float | None]], width: float, height: float, pad: float) -> str:
    known = [value for _, value in points if value is not None]
    if not known:
        return ""
    first, last = points[0][0], points[-1][0]
    top = max(known) or 1.0
    wide, high = width - 2 * pad, height - 2 * pad
    steps, pen_down = [], False
    for at, value in points:
        if value is None:
            pen_down = False
            continue
        x = pad + (wide * (at - first) / (last - first) if last > first else 0)
        y = pad + high * (1 - value / top)
        steps.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        pen_down = True
    return "".join(steps)
