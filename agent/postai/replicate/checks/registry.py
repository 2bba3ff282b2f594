"""Every check, in the order in which reports and the manual list them."""

from __future__ import annotations

from postai.replicate.checks.check import Check
from postai.replicate.checks.locale import LOCALE
from postai.replicate.checks.objects import OBJECTS
from postai.replicate.checks.rights import RIGHTS
from postai.replicate.checks.server import SERVER
from postai.replicate.checks.tables import TABLES
from postai.replicate.checks.traffic import TRAFFIC

FAMILIES: tuple[tuple[str, tuple[Check, ...]], ...] = (
    ("The two servers", SERVER),
    ("Rights and roles", RIGHTS),
    ("Text", LOCALE),
    ("Tables and columns", TABLES),
    ("What else is defined", OBJECTS),
    ("What happens now", TRAFFIC),
)
"""The manual's headings and their checks."""

CHECKS: tuple[Check, ...] = tuple(check for _, family in FAMILIES for check in family)
