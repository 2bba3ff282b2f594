"""What changed in the plans that a statement ran with, as auto_explain logged them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from postai.history.types import LoggedPlan
from postai.observe.regressions_types import PlanChange

_MOST_NODES = 3
_LONGEST_NODE = 160


def plan_change(plans: Sequence[LoggedPlan], started_at: datetime) -> PlanChange | None:
    """The plan of a statement before a time and since.

    Args:
        plans: of one statement.

    Returns:
        None = there is none from before, or none since. A plan that ran before and since is no change.
    """
    since = max((one for one in plans if one.last_seen > started_at), key=lambda one: one.last_seen, default=None)
    before = [one for one in plans if one.first_seen <= started_at]
    if since is None or not before:
        return None
    if since in before:
        return PlanChange(since.plan_hash, since.plan_hash)
    then = max(before, key=lambda one: one.last_seen)
    had, has = Counter(_nodes(then.plan)), Counter(_nodes(since.plan))
    if not had or not has:
        return PlanChange(then.plan_hash, since.plan_hash)
    gone, new = (tuple((one - other).keys())[:_MOST_NODES] for one, other in ((had, has), (has, had)))
    return PlanChange(then.plan_hash, since.plan_hash, gone, new)


def in_words(change: PlanChange) -> str:
    """ "it runs with another plan than before: Seq Scan on cows in the place of Index Scan on cows using cows_barn"."""
    told = "it runs with another plan than before"
    if change.new:
        told += f": {', '.join(change.new)}"
        told += f" in the place of {', '.join(change.gone)}" if change.gone else ""
    elif change.gone:
        told += f": without {', '.join(change.gone)}"
    return told


def _nodes(plan: Mapping[str, Any] | None) -> Iterator[str]:
    """The nodes of a plan in words, as far down as they say anything."""
    waiting = [plan.get("Plan")] if plan else []
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        words = str(node.get("Node Type", ""))
        for key, word in (("Join Type", ""), ("Relation Name", "on "), ("Index Name", "using ")):
            if node.get(key):
                words += f" {word}{node[key]}"
        yield words[:_LONGEST_NODE]
        below = node.get("Plans")
        waiting += below if isinstance(below, list) else []
