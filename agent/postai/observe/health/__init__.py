"""Health: one registry of checks, each an entry with its severity rule and one SQL block or small function.

To add a check, add a `Check` to one of the `checks_*.py` lists and, where it is SQL, a block of the same name to the
.sql file beside it. The tests run every check on every server at hand; the manual's page is made of the registry.
"""

from postai.observe.health.check import STATUSES, Check, HealthResult, Seen, Status
from postai.observe.health.registry import CHECKS, FAMILIES
from postai.observe.health.running import check_health

__all__ = ["CHECKS", "FAMILIES", "STATUSES", "Check", "HealthResult", "Seen", "Status", "check_health"]
