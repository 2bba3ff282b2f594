"""Which drops are put off: those that nothing after them needs."""

from __future__ import annotations

import pytest

from postai.migrate.later import split
from postai.migrate.types import PlannedStep

DROP = "ALTER TABLE s.t DROP COLUMN c_dropped"


@pytest.mark.parametrize(
    ("after", "put_off"),
    [
        ("ALTER TABLE s.t ADD COLUMN d int", True),
        ("ALTER TABLE s.t RENAME COLUMN d TO e", True),
        ("ALTER TABLE s.u RENAME TO u_dropped", True),
        ("UPDATE s.t SET d = 1", True),
        ("ALTER TABLE s.t RENAME TO t2", False),
        ("ALTER TABLE s.t SET SCHEMA other", False),
        ("ALTER TABLE s.t ADD COLUMN c_dropped int", False),
        ("ALTER TABLE s.t ADD CONSTRAINT c_check CHECK (d > 0)", False),
        ("CREATE INDEX CONCURRENTLY t_c ON s.t (d)", False),
        ("DROP SCHEMA s", False),
        ("CREATE FUNCTION s.zz_postai_t_d() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'", True),
        ("CREATE TRIGGER zz_postai_t_d BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.zz_postai_t_d()", True),
        ("ALTER TABLE s.t ENABLE ALWAYS TRIGGER zz_postai_t_d", True),
        ("DROP TRIGGER zz_postai_t_d ON s.t", True),
    ],
)
def test_a_drop_waits_unless_something_after_it_needs_it(after: str, put_off: bool) -> None:
    drop, other = PlannedStep(DROP, "short_lock", for_good=True), PlannedStep(after, "short_lock")
    now, later = split([drop, other])
    assert later == ((drop,) if put_off else ()) and now == ((other,) if put_off else (drop, other))
