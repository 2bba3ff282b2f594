"""Amounts as people read them."""

from __future__ import annotations

_STEPS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def bytes_text(amount: float) -> str:
    """Bytes with the unit that keeps the number short: `18 MB`; powers of 1024, as pg_size_pretty has them."""
    size = abs(amount)
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    text = f"{size:.0f}" if size >= 10 or units[0] == "bytes" else f"{size:.1f}"
    return f"{'-' if amount < 0 else ''}{text} {units[0]}"


def seconds_text(amount: float) -> str:
    """Seconds with the biggest unit of which there is one: `3.5 h`."""
    for size, unit in _STEPS:
        if abs(amount) >= size:
            count = amount / size
            return f"{count:.0f} {unit}" if abs(count) >= 10 or count == int(count) else f"{count:.1f} {unit}"
    return f"{amount * 1000:.0f} ms"
