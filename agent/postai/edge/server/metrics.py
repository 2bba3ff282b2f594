"""The edge's tables as metrics in Prometheus' text format.

The format is that of https://prometheus.io/docs/instrumenting/exposition_formats/: a column of numbers is a metric,
the texts of its row are labels, but for those that say how something is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_COUNTED = frozenset({
    "borrowed", "dropped", "evicted", "expired", "failures", "flushed", "hits", "invalidated", "misses", "refused",
    "renewed", "seconds", "spoiled", "stored", "waited",
})  # fmt: skip
"""Columns that only grow."""
_LARGEST = frozenset({"longest"})
"""Columns that are not added up."""
_STATES = {"state": ("on", "on"), "problem": ("usable", None)}
"""Columns that say in words how something is: the metric that is 1 where they say what is well, else 0."""


def exposition(processes: Iterable[Mapping[str, Any]]) -> str:
    """The metrics of all processes.

    Args:
        processes: of each what it says of itself: `generation`, `number` and `tables` (name: flat rows).
    """
    series: dict[str, dict[str, float]] = {}
    for process in processes:
        own = {"process": f"{process['generation']}.{process['number']}"}
        for table, rows in process["tables"].items():
            for row in rows:
                # Words that change would be another series each time, and a counter would begin anew in it.
                texts = {name: value for name, value in row.items() if isinstance(value, str) and name not in _STATES}
                labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in {**own, **texts}.items())
                for name, value in (*row.items(), *_well(row)):
                    if isinstance(value, bool | int | float):
                        metric = f"postai_edge_{table}_{name}" + ("_total" if name in _COUNTED else "")
                        samples = series.setdefault(metric, {})
                        # Rows that differ in nothing that is shown, as pools of other startup parameters, are one.
                        before = samples.get(labels, 0.0)
                        samples[labels] = max(before, value) if name in _LARGEST else before + value
    lines = []
    for metric, samples in series.items():
        lines.append(f"# TYPE {metric} {'counter' if metric.endswith('_total') else 'gauge'}")
        lines += [f"{metric}{{{labels}}} {value:.17g}" for labels, value in samples.items()]
    return "".join(line + "\n" for line in lines)


def _well(row: Mapping[str, object]) -> Iterator[tuple[str, bool]]:
    """Whether a row says that something is well; a server that nobody asks says nothing."""
    for column, (name, well) in _STATES.items():
        if column in row and row.get("role", "") is not None:
            yield name, row[column] == well


def _escaped(value: str) -> str:
    text = value.encode("utf-8", "replace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
