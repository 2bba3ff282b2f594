"""What people call the two ends of a time: the starting time is kept as begins, start_time or starts_at."""

from __future__ import annotations

from collections.abc import Iterator

from postai.language.word_set import word_set

# Columns called like what a row does then: "talks begin" names no column.
THIRD_PERSONS = word_set("begins starts ends opens closes expires departs arrives leaves finishes")

_ENDS = ("start begin starting beginning", "end finish ending finishing")


def edge_names(own: tuple[str, ...], kind: str) -> Iterator[tuple[str, ...]]:
    """Other names of a column that is called only after the start or the end of something.

    Args:
        own: words of the column without those of its table.
        kind: of the column; "time", "date" or a timestamp, else there are none.
    """
    unit = {"time": ("time",), "date": ("date",)}.get(kind, ("date", "time") if kind.startswith("timestamp") else ())
    bare = own[:-1] if own[-1] in ("at", "on", "time", "date", "day") else own
    for names in map(str.split, _ENDS):
        if len(bare) == 1 and bare[0] in names:
            for name in names:
                yield from ((name, one) for one in unit if (name, one) != own)
