"""Everything of schema postai as sorted lines of text, to compare ways of installing."""

from __future__ import annotations

import psycopg

QUERIES = {
    "schema": "select nspname, acl(nspacl), obj_description(oid, 'pg_namespace')"
    " from pg_namespace where nspname = 'postai'",
    "routine": "select p.oid::regprocedure, pg_get_functiondef(p.oid), acl(p.proacl), obj_description(p.oid, 'pg_proc')"
    " from pg_proc p where p.pronamespace = 'postai'::regnamespace",
    "relation": "select c.oid::regclass, c.relkind, c.relrowsecurity, c.reloptions, acl(c.relacl),"
    " obj_description(c.oid, 'pg_class'), case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end"
    " from pg_class c where c.relnamespace = 'postai'::regnamespace and c.relkind <> 'i'",
    "column": "select a.attrelid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
    " a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid), acl(a.attacl),"
    " col_description(a.attrelid, a.attnum)"
    " from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on (d.adrelid, d.adnum) ="
    " (a.attrelid, a.attnum) where c.relnamespace = 'postai'::regnamespace"
    " and c.relkind in ('r', 'v', 'S') and a.attnum > 0",
    "index": "select indexdef from pg_indexes where schemaname = 'postai'",
    "constraint": "select conrelid::regclass, conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')"
    " from pg_constraint where connamespace = 'postai'::regnamespace and contype <> 'n'",
    "trigger": "select tgrelid::regclass, pg_get_triggerdef(t.oid), tgenabled from pg_trigger t"
    " join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'postai'::regnamespace and not tgisinternal",
    "policy": "select polrelid::regclass, polname, polcmd, pg_get_expr(polqual, polrelid) from pg_policy p"
    " join pg_class c on c.oid = p.polrelid where c.relnamespace = 'postai'::regnamespace",
    "type": "select t.oid::regtype, t.typtype, acl(t.typacl) from pg_type t"
    " where t.typnamespace = 'postai'::regnamespace and t.typtype <> 'b'",
    "grant": "select privilege, grantee from postai.role_grant",
}  # fmt: skip

EXTENSION = {
    "dumped": "select t::regclass, c from pg_extension, unnest(extconfig, extcondition) as u (t, c)"
    " where extname = 'postai'",
    "member": "select pg_describe_object(classid, objid, 0) from pg_depend d join pg_extension e on e.oid = d.refobjid"
    " where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e' and e.extname = 'postai'",
}

ACL = """
create or replace function pg_temp.acl(list aclitem[]) returns text language sql as
$$ select string_agg(one::text, ' ' order by one::text) from unnest(list) as one $$
"""


def catalog(connection: psycopg.Connection, *, extension: bool = False) -> list[str]:
    """One line for each fact; needs a session of its own."""
    connection.execute(ACL)
    connection.execute("set search_path = pg_catalog")
    lines = []
    for kind, query in {**QUERIES, **(EXTENSION if extension else {})}.items():
        text = query.replace(" acl(", " pg_temp.acl(")
        lines += [f"{kind} {row}" for row in connection.execute(text).fetchall()]  # type: ignore[arg-type]
    return sorted(lines)
