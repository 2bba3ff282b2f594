"""Looking at relations without waiting for whoever has locked one."""

from __future__ import annotations

from postai.database import named_sql


def leaving_out_busy(block: str) -> str:
    """A statement in which `/* busy */` gives the relations (column oid) that would have to be waited for.

    To ask for a size, or for an expression, key or index as text, opens the relation and waits for whoever holds it
    exclusively; so of these nothing of that kind is asked.
    """
    return block.replace("/* busy */", named_sql.load(__package__, "busy.sql")["busy"])
