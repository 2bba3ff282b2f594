"""Every check, in the order in which the manual lists them."""

from __future__ import annotations

from postai.observe.health.check import Check
from postai.observe.health.checks_activity import ACTIVITY
from postai.observe.health.checks_schema import SCHEMA
from postai.observe.health.checks_server import SERVER
from postai.observe.health.checks_space import SPACE

FAMILIES: tuple[tuple[str, tuple[Check, ...]], ...] = (
    ("Space and vacuum", SPACE),
    ("Who does what", ACTIVITY),
    ("Definitions", SCHEMA),
    ("The server", SERVER),
)
"""The manual's headings and their checks."""

CHECKS: tuple[Check, ...] = tuple(check for _, family in FAMILIES for check in family)
