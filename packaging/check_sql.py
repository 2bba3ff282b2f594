"""Check our SQL: `pgspot` (search_path and definer traps) or `plpgsql_check` (every plpgsql body, on a real server).

python packaging/check_sql.py pgspot
python packaging/check_sql.py plpgsql_check
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from postai.database import connect
from postai.setup.install import InstallOptions, core_sql, install
from postai.setup.server import LocalServer, debian_binaries, free_port

# What pgspot reports and why it does not apply here, one line each.
ACCEPTED = {
    "PS017": "procedures that COMMIT cannot carry SET search_path; every name in them is qualified",
}
# Procedures that COMMIT cannot carry SET, the functions people type read their caller's search_path, and functions of
# one call are put in its place, so that an error shows nothing of their inside: every name in them is written with its
# schema.
WITHOUT_SEARCH_PATH = (
    "postai.ask(question text,max_rows integer)",
    "postai.sql(question text)",
    "postai.answer(question text,max_rows integer,question_id bigint,status text,sql text,columns text[],"
    "rows pg_catalog.json,explanation text,confidence real,engine text,readings pg_catalog.json,reason text,"
    "elapsed_ms real)",
    "postai.prepare(question text,name text)",
    "postai.explain(sql_or_question text,step integer,node text,problem text,advice text,severity text)",
    "postai.optimize(id bigint,kind text,severity text,object text,title text,gain text,statement text)",
    "postai.optimize(query text,id bigint,kind text,severity text,object text,title text,gain text,statement text)",
    "postai.lint(ddl text,statement integer,hazard text,severity text,message text,safe_alternative text)",
    "postai.migrate(request text,versioned_views boolean)",
    "postai.design(description text,schema_name text)",
    "postai.drift(object text,change text,expected text,actual text,fix text)",
    "postai.teach(question text,sql text,shared boolean)",
    "postai.declare_join(left_column text,right_column text)",
    "postai.forget_join(left_column text,right_column text)",
    "postai.feedback(question_id bigint,correct boolean,correction text)",
    "postai.run(question text,max_rows integer)",
    "postai.wait(action bigint,timeout interval)",
    "postai.replicate_start(name text,source text,target text,options jsonb)",
    "postai.replicate_verify(name text,options jsonb)",
    "postai.replicate_repair(name text)",
    "postai.replicate_rollback(name text)",
    "postai.replicate_complete(name text)",
    "postai.replicate_abort(name text)",
    "postai.replicate_cancel(name text)",
    "postai.cache(name text,query text,ttl interval,invalidate_on_write boolean)",
    "postai._switch(verb text,name text,max_pause interval,run_window tstzrange,rehearse boolean,"
    "writers_stopped boolean,INOUT said text,INOUT failed jsonb)",
    "postai.cutover(name text,max_pause interval,run_window tstzrange,rehearse boolean,writers_stopped boolean)",
    "postai.rollback(name text,max_pause interval,run_window tstzrange,rehearse boolean)",
)
PLPGSQL_CHECK = """
select p.oid::regprocedure::text, c.lineno, c.level, c.sqlstate, c.message
from pg_proc p join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql',
lateral plpgsql_check_function_tb(p.oid, other_warnings => true, extra_warnings => true) c
where p.pronamespace = 'postai'::regnamespace and p.prorettype <> 'trigger'::regtype
  and c.level in ('error', 'warning')
  -- Two things are so on purpose: a COMMIT that is tried to learn whether it may be, and statements that are only
  -- known when a question is answered.
  and c.sqlstate <> '2D000' and c.message <> 'cannot determinate a result of dynamic SQL'
order by 1, 2
"""


def pgspot() -> int:
    """Run pgspot over the whole core as one script."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(core_sql())
        script.flush()
        command = [sys.executable, "-m", "pgspot", "--ignore", *ACCEPTED]
        for name in WITHOUT_SEARCH_PATH:
            command += ["--proc-without-search-path", name]
        command.append(script.name)
        return subprocess.run(command, check=False).returncode


def plpgsql_check() -> int:
    """Install into a fresh private server and check every plpgsql function."""
    binaries = debian_binaries(15)
    if binaries is None or not Path("/usr/share/postgresql/15/extension/plpgsql_check.control").exists():
        sys.stdout.write("PostgreSQL 15 with plpgsql_check is not installed here: not checked\n")
        return 0
    import os

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = LocalServer(binaries, Path(folder) / "server", free_port(), "postgres" if os.geteuid() == 0 else None)
        server.create(fsync=False)
        server.start()
        try:
            with connect(server.dsn()) as database:
                install(database, InstallOptions(transport="socket", socket_path=Path("/run/postai/agent.sock")))
                database.execute("create extension plpgsql_check")
                rows = database.query(PLPGSQL_CHECK)
        finally:
            server.stop("immediate")
    for row in rows:
        sys.stdout.write(" ".join(str(part) for part in row) + "\n")
    return 1 if rows else 0


if __name__ == "__main__":
    sys.exit({"pgspot": pgspot, "plpgsql_check": plpgsql_check}[sys.argv[1]]())
