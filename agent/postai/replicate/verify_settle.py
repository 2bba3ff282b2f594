"""Rows that differed while both sides were written to: read again until they agree, or a fence proves they do not."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from postai.replicate import fence
from postai.replicate.verify_chunks import NONE, Pair, Sum, keyed
from postai.replicate.verify_exact import Control
from postai.replicate.verify_tables import Compared, Key, lookup

AT_A_TIME = 500
# How often a row must be seen to stay the same on one side and another one on the other, and how many rounds there are.
PROOFS, ROUNDS = 3, 200
# So few rows are read again and again while a fence row is on its way: they may be those that change all the time.
FEW = 50


@dataclass
class _Row:
    """What the serving side was seen to have since it was first read again, and how often it stayed and differed."""

    seen: set[Sum] = field(default_factory=set)
    proofs: int = 0


def settle(
    pair: Pair, control: Control, table: Compared, suspects: Sequence[Key]
) -> tuple[dict[Key, tuple[Sum, Sum]], list[Key]]:
    """Read rows again.

    A row has settled when the other side has what the serving side had at some moment since it was read first; it is
    different when a fence shows that the other side has all changes, and the serving side's row did not change
    meanwhile.

    Returns:
        the rows that are different, with what each side has; and those that changed too often to tell.
    """
    different: dict[Key, tuple[Sum, Sum]] = {}
    restless: list[Key] = []
    for at in range(0, len(suspects), AT_A_TIME):
        found, left = _settle(pair, control, table, suspects[at : at + AT_A_TIME])
        different |= found
        restless += left
    return different, restless


def _settle(
    pair: Pair, control: Control, table: Compared, keys: Sequence[Key]
) -> tuple[dict[Key, tuple[Sum, Sum]], list[Key]]:
    rows = {key: _Row() for key in keys}
    different: dict[Key, tuple[Sum, Sum]] = {}
    for _ in range(ROUNDS):
        open_keys = [key for key in rows if key not in different]
        if not open_keys:
            break
        before = read(pair, 0, table, open_keys)
        _remember(rows, before, open_keys)
        _cross(pair, control, table, rows, open_keys)
        there = read(pair, 1, table, open_keys)
        after = read(pair, 0, table, open_keys)
        _remember(rows, after, open_keys)
        for key in open_keys:
            row, theirs = rows[key], there.get(key, NONE)
            if theirs in row.seen:
                del rows[key]
            elif before.get(key, NONE) == after.get(key, NONE):
                row.proofs += 1
                if row.proofs >= PROOFS:
                    different[key] = (after.get(key, NONE), theirs)
    return different, [key for key in rows if key not in different]


def _remember(rows: Mapping[Key, _Row], found: Mapping[Key, Sum], keys: Sequence[Key]) -> None:
    for key in keys:
        rows[key].seen.add(found.get(key, NONE))


def _cross(pair: Pair, control: Control, table: Compared, rows: Mapping[Key, _Row], keys: Sequence[Key]) -> None:
    token = control.put()
    while not control.seen(token):
        pair.deadline.check()
        if table.key and len(keys) <= FEW:
            _remember(rows, read(pair, 0, table, keys), keys)
        time.sleep(fence.POLL_SECONDS)


def read(pair: Pair, place: int, table: Compared, keys: Sequence[Key]) -> dict[Key, Sum]:
    """What a side has for these keys now."""
    wanted = set(keys)
    rows = pair.one(place, lambda reader: reader.now(lookup(table, keys), limited=bool(table.key)))
    return {key: found for key, found in keyed(rows, table).items() if key in wanted}
