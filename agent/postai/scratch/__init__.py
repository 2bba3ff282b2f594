"""Empty copies of tables, on which statements can be tried without touching the real ones.

`validate` tries CREATE INDEX statements; `copy_planner` asks PostgreSQL's planner what it would do if indexes existed,
where HypoPG is not installed. Both live in one transaction that is always rolled back: nothing is left behind, however
a session ends.
"""
