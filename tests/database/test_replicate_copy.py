"""What a move copies beside the servers' own copy of tables: large objects, tables in parts; and when it waits."""

from __future__ import annotations

from replicate_move import MOVE, sides
from replicate_support import Stand

from postai.deadline import Deadline
from postai.replicate import fence, large_objects
from postai.replicate.types import Side

OBJECTS = """
select m.oid, m.lomowner::regrole::text, m.lomacl::text, md5(lo_get(m.oid)), obj_description(m.oid, 'pg_largeobject')
  from pg_largeobject_metadata as m order by 1
"""
# One after the other: content, size, owner, grant taken and given, comment made and removed, made, removed.
CHANGES = (
    "select lo_put(7001, 5000, 'x')",
    "select lo_truncate(lo_open(7001, 131072), 4096)",
    "alter large object 7003 owner to odd_app",
    "revoke select on large object 7001 from odd_app",
    "grant update on large object 7003 to public",
    "comment on large object 7003 is 'it''s %s'",
    "comment on large object 7002 is null",
    "select lo_from_bytea(7004, decode(repeat('ab', 1048577), 'hex'))",
    "select lo_unlink(7001)",
)


def test_large_objects_follow_each_change_of_theirs(stand: Stand) -> None:
    for name in ("odd_owner", "odd_app"):
        stand.target.execute(f"create role {name}")
    whole = Deadline.after(60)
    with sides(stand) as (source, target):
        for db in (source, target):
            fence.install(db, MOVE)
        target.query("select lo_from_bytea(9, 'the target had this before')")
        before = large_objects.stamp(source)
        assert large_objects.bring(source, target, MOVE, Side.TARGET, whole) == 3
        assert large_objects.catch_up(source, target, MOVE, Side.TARGET, before, whole) == 0
        for change in CHANGES:
            with source.transaction():
                source.query(change)
            stamp = large_objects.stamp(source)
            assert large_objects.catch_up(source, target, MOVE, Side.TARGET, before, whole) == 1, change
            assert large_objects.bring(source, target, MOVE, Side.TARGET, whole) == 0, change
            before = stamp
        kept = "(9,"
        assert source.query(OBJECTS) == [row for row in target.query(OBJECTS) if not str(row).startswith(kept)]
        target.query("select lo_put(7003, 0, 'back'), lo_from_bytea(7005, 'new')")
        target.execute("alter large object 7003 owner to postgres")
        assert large_objects.bring(target, source, MOVE, Side.SOURCE, whole) == 3
        ((owner, content),) = source.query("select lomowner::regrole::text, lo_get(oid) from pg_largeobject_metadata "
                                           "where oid = 7003")  # fmt: skip
        assert (owner, content) == ("odd_app", b"back")
        stand.target.execute("reassign owned by odd_app to postgres")
