"""The account of a traced statement for programs: the fields of `post-ai migrate explain --json`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from postai.migrate.types import Traced


def explained(traced: Traced) -> dict[str, Any]:
    """One statement's locks, rewrites and scans.

    Tables, views and indexes are named as along the statement's search_path: without their schema where they are found
    without it.
    """

    def named(names: Iterable[str]) -> list[str]:
        return sorted(traced.shown.get(name, name) for name in names)

    return {
        "statement": traced.statement,
        "locks": {traced.shown.get(name, name): mode for name, mode in traced.locks.items()},
        "blocks": {traced.shown.get(name, name): what for name, what in traced.blocks.items()},
        "rewrites": bool(traced.rewrites),
        "rewritten": named(traced.rewrites),
        "rebuilt_indexes": named(traced.rebuilt_indexes),
        "scans": bool(traced.scans),
        "scanned": named(traced.scans),
        "in_transaction_allowed": traced.in_transaction,
        "error": None if traced.error is None else {"sqlstate": traced.sqlstate, "message": traced.error},
        "traced": traced.traced,
        "note": traced.note,
    }
