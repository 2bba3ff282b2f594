"""For the tests of plans: a schema as text, the rows of a database, and a plain executor of planned steps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

import psycopg

from postai.migrate.types import Plan
from postai.proposals.undo_parts import parts_of

SCHEMA = """
select x.line from (
  select 'relation ' || c.oid::regclass || ' ' || c.relkind::text || ' ' || c.relpersistence::text
         || ' rls ' || c.relrowsecurity
         || ' identity ' || c.relreplident::text || ' options '
         || array(select o from unnest(c.reloptions) o order by 1)::text || ' toast '
         || array(select o from pg_class t, unnest(t.reloptions) o where t.oid = c.reltoastrelid order by 1)::text
         || ' bound ' || coalesce(pg_get_expr(c.relpartbound, c.oid), '')
         || ' of ' || coalesce((select string_agg(i.inhparent::regclass::text, ',') from pg_inherits i
                                 where i.inhrelid = c.oid), '') as line
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind not in ('i', 'I', 't')
  union all
  select 'column ' || c.oid::regclass || '.' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
         || case when a.attnotnull then ' not null' else '' end || ' identity ' || a.attidentity::text || ' generated '
         || a.attgenerated::text || ' default ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' collation '
         || coalesce(a.attcollation::regcollation::text, '') || ' storage ' || a.attstorage::text
         || a.attcompression::text || ' statistics ' || coalesce(a.attstattarget, -1) || ' options '
         || array(select o from unnest(a.attoptions) o where o !~ '^pg_attver' order by 1)::text || ' comment '
         || coalesce(col_description(c.oid, a.attnum), '') || ' local ' || a.attislocal || a.attinhcount
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
     and a.attnum > 0 and not a.attisdropped
  union all
  select 'constraint ' || coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text) || '.'
         || quote_ident(k.conname) || ' ' || k.contype::text || ' ' || pg_get_constraintdef(k.oid) || ' valid '
         || k.convalidated || ' parent ' || (k.conparentid <> 0)
         || case when k.contype <> 'n' then ' local ' || k.conislocal || k.coninhcount else '' end
    from pg_constraint k join pg_namespace n on n.oid = k.connamespace
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  union all
  select 'index ' || pg_get_indexdef(i.indexrelid) || ' valid ' || i.indisvalid || i.indisready || i.indislive
         || ' primary ' || i.indisprimary || ' immediate ' || i.indimmediate || ' clustered ' || i.indisclustered
         || ' of ' || coalesce((select h.inhparent::regclass::text from pg_inherits h
                                 where h.inhrelid = i.indexrelid), '')
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  union all
  select 'trigger ' || pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text from pg_trigger t where not t.tgisinternal
  union all
  select 'view ' || c.oid::regclass || ' ' || pg_get_viewdef(c.oid) from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('v', 'm')
  union all
  select 'sequence ' || s.seqrelid::regclass || ' ' || s.seqtypid::regtype || ' ' || s.seqstart || ' '
         || s.seqincrement || ' ' || s.seqmax || ' owned ' || coalesce((
           select d.refobjid::regclass || '.' || a.attname from pg_depend d
             join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
            where d.classid = 'pg_class'::regclass and d.objid = s.seqrelid and d.deptype in ('a', 'i')
              and d.refobjsubid > 0), '')
    from pg_sequence s
  union all
  select 'policy ' || p.polrelid::regclass || ' ' || p.polname || ' '
         || coalesce(pg_get_expr(p.polqual, p.polrelid), '')
    from pg_policy p
  union all
  select 'enum ' || e.enumtypid::regtype || ' ' || string_agg(e.enumlabel, ',' order by e.enumsortorder)
    from pg_enum e group by e.enumtypid
  union all
  select 'function ' || f.oid::regprocedure from pg_proc f join pg_namespace n on n.oid = f.pronamespace
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  union all
  select 'comment ' || pg_describe_object(d.classoid, d.objoid, d.objsubid) || ' ' || d.description
    from pg_description d where d.objoid >= 16384
  union all
  select 'statistics ' || pg_get_statisticsobjdef(s.oid) from pg_statistic_ext s
) x order by 1
"""


def schema_text(connection: psycopg.Connection) -> list[str]:
    """Everything that is defined, one line each; columns by name, so that their order in the table does not count."""
    connection.execute("set search_path = pg_catalog")
    rows = connection.execute(SCHEMA).fetchall()
    connection.execute("reset search_path")
    return [line for (line,) in rows]


def row_text(connection: psycopg.Connection, only_null: Iterable[str] = ()) -> dict[str, list[str]]:
    """Rows of each table as sorted text.

    Args:
        only_null: names of columns whose values differ from run to run; only whether they are null is compared.
    """
    tables = connection.execute(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'm') and c.relispopulated and n.nspname !~ '^pg_'"
        " and n.nspname <> 'information_schema'"
    ).fetchall()
    hidden = list(only_null)
    found = {}
    for (name,) in tables:
        query = (
            "select coalesce(array_agg(r.line order by r.line), '{}') from (select (select jsonb_object_agg(e.key,"
            " case when e.key = any (%s) then to_jsonb(e.value = 'null'::jsonb) else e.value end)"
            f" from jsonb_each(to_jsonb(t)) e)::text as line from {name} t) r"
        )
        row = connection.execute(query, [hidden]).fetchone()
        assert row is not None
        found[name] = row[0]
    return found


def run_plan(connection: psycopg.Connection, plan: Plan) -> None:
    """Execute the steps one after the other, as the step runner does: search_path pg_catalog, each by itself."""
    connection.execute("set search_path = pg_catalog, pg_temp")
    for step in plan.steps:
        label = step.statement
        if step.precondition is not None:
            assert _holds(connection, step.precondition), f"precondition of {label}: {step.precondition}"
        if step.postcondition is not None and "IF NOT EXISTS" in label and _holds(connection, step.postcondition):
            continue
        if step.postcondition is not None and step.step_class != "batched":
            assert not _holds(connection, step.postcondition), f"already there: {label}: {step.postcondition}"
        with _scope(connection, alone=step.step_class == "alone"):
            for statement in (step.statement, *step.together):
                connection.execute(statement)
        if step.postcondition is not None:
            assert _holds(connection, step.postcondition), f"postcondition of {label}: {step.postcondition}"
    connection.execute("reset search_path")


def undo_plan(connection: psycopg.Connection, plan: Plan, done: int) -> None:
    """Run the undo statements of the first `done` steps, last one first."""
    connection.execute("set search_path = pg_catalog, pg_temp")
    for step in reversed(plan.steps[:done]):
        assert step.undo is not None, step.statement
        if step.undo:
            for part in parts_of(step.undo):
                with connection.transaction() if len(part) > 1 else contextlib.nullcontext():
                    for text in part:
                        connection.execute(text)  # type: ignore[arg-type]
    connection.execute("reset search_path")


def _scope(connection: psycopg.Connection, *, alone: bool):  # type: ignore[no-untyped-def]
    import contextlib

    return contextlib.nullcontext() if alone else connection.transaction()


def _holds(connection: psycopg.Connection, condition: str) -> bool:
    rows = connection.execute(condition).fetchall()
    assert len(rows) == 1 and isinstance(rows[0][0], bool), condition
    return rows[0][0]


def run_naive(connection: psycopg.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement)
