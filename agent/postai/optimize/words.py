"""What a recommendation brings and costs, in words: the same as postai._gain and its parts in sql/66_optimize.sql."""

from __future__ import annotations

SECOND, MINUTE, HOUR = 1000.0, 60_000.0, 3_600_000.0
KB, MB, GB = 1024.0, 1048576.0, 1073741824.0


def span(ms: float) -> str:
    """A time as people say it: "3 h 20 min"."""
    if ms < SECOND:
        return f"{_whole(ms)} ms"
    if ms < 59_500:
        return f"{_whole(ms / SECOND)} s"
    if ms < 3_570_000:
        return f"{_whole(ms / MINUTE)} min"
    hours, minutes = divmod(_whole(min(ms, 1e15) / MINUTE), 60)
    if ms < 10 * HOUR and minutes:
        return f"{hours} h {minutes} min"
    return f"{_whole(ms / HOUR)} h"


def amount(size: int) -> str:
    """An amount of bytes as people say it: "21 MB"."""
    size = abs(size)
    if size < MB:
        return f"{max(1, _whole(size / KB))} kB"
    return f"{_whole(size / MB)} MB" if size < 10 * GB else f"{_whole(size / GB)} GB"


def gain(saved_ms_per_day: float, write_ms_per_day: float, size: int) -> str:
    """What a recommendation brings and costs: "saves 3 h 20 min a day, costs 21 MB"."""
    parts = []
    if saved_ms_per_day >= 1:
        parts.append(f"saves {span(saved_ms_per_day)} a day")
    if size:
        parts.append(f"{'frees' if size < 0 else 'costs'} {amount(size)}")
    if abs(write_ms_per_day) >= SECOND:
        more = "more" if write_ms_per_day > 0 else "less"
        parts.append(f"writes take {span(abs(write_ms_per_day))} a day {more}")
    return ", ".join(parts) or "keeps trouble away"


def _whole(number: float) -> int:
    """Halves are rounded away from zero, as PostgreSQL rounds numeric."""
    return int(number + 0.5)
