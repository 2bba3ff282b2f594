"""Topics about tables: their shape, vacuum, statistics."""

from __future__ import annotations

from postai.ask.database_questions.topic import MANUAL, Topic

FILE = "tables"
TABLE_STATISTICS = f"{MANUAL}monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW"
VACUUM = "vacuum|autovacuum|vacuuming"
VACUUMED = "vacuumed|autovacuumed|vacuum|autovacuum"
ANALYZED = "analyzed|analysed|analyze|analyse|autoanalyze|autoanalyzed"

TABLES: tuple[Topic, ...] = (
    Topic(
        id="vacuum_health",
        title="Whether vacuum keeps up",
        explanation="Tables with dead rows against the number at which autovacuum comes "
        "(autovacuum_vacuum_threshold + autovacuum_vacuum_scale_factor x rows, or the table's "
        'own settings). "late" = more than that are waiting now; late for long means that '
        "autovacuum is too slow, switched off, or held back by an old transaction.",
        examples=(
            "is vacuum keeping up?",
            "is autovacuum keeping up?",
            "which tables need vacuum?",
            "is vacuum working?",
            "which tables should be vacuumed?",
            "is autovacuum running often enough?",
            "vacuum status",
            "is vacuum falling behind?",
        ),
        ways=(
            (
                VACUUM,
                "keep up|keeping up|behind|falling behind|working|work|healthy|health|ok|okay|fine|enough|status|"
                "doing|late|lagging|overdue|running ok",
            ),
            ("vacuum|vacuumed|vacuuming", "need|should|must|due|waiting for|require", "table"),
        ),
        also="table|well|often|running|job|with|work|be|its|good",
        clear="autovacuum|keep up|keeping up",
        docs=f"{MANUAL}routine-vacuuming.html#AUTOVACUUM",
        file=FILE,
        parameter="table",
    ),
    Topic(
        id="dead_rows",
        title="Dead rows",
        explanation="Dead rows as the server counts them, the most first: what VACUUM would free for new "
        "rows. This is no measure of all unused space: VACUUM does not return freed space to the "
        "disk; the extension pgstattuple measures it.",
        examples=(
            "which tables are bloated?",
            "table bloat",
            "dead rows",
            "which tables have the most dead rows?",
            "dead tuples",
            "how many dead tuples are there?",
            "bloat estimate",
            "which tables have bloat?",
        ),
        ways=(("bloat|bloated|dead row|dead tuple",),),
        also="table|most|estimate|have|much|many|top|biggest|row|tuple|by|index",
        clear="bloat|bloated|dead tuple",
        docs=TABLE_STATISTICS,
        file=FILE,
        parameter="table",
        ranked=True,
    ),
    Topic(
        id="vacuum_progress",
        title="Vacuums that are running",
        explanation="VACUUM commands and autovacuum workers at work in this database, with the phase and the "
        "part of the table that is done.",
        examples=(
            "which vacuums are running?",
            "is a vacuum running?",
            "vacuum progress",
            "is autovacuum running now?",
            "what is vacuum doing right now?",
            "show running vacuums",
            "progress of vacuum",
            "which tables are being vacuumed?",
        ),
        ways=(
            (VACUUM, "running|progress|running now|doing right now|at work|active"),
            ("vacuumed", "being"),
        ),
        also="table|doing|worker|job|process",
        clear="autovacuum|vacuum progress|vacuum running|running vacuum",
        docs=f"{MANUAL}progress-reporting.html#VACUUM-PROGRESS-REPORTING",
        file=FILE,
        countable=True,
    ),
    Topic(
        id="last_vacuum",
        title="When tables were last vacuumed and analyzed",
        explanation="The last VACUUM and ANALYZE of each table, by hand or by autovacuum, the longest ago first.",
        examples=(
            "when was orders last vacuumed?",
            "when were the tables last analyzed?",
            "last vacuum of orders",
            "last autovacuum",
            "when did autovacuum last run?",
            "last analyze of the table orders",
            "when was the last vacuum?",
            "when were tables last vacuumed?",
        ),
        ways=((VACUUMED, "last|when|latest"), (ANALYZED, "last|when|latest", "table|statistic")),
        also=f"table|run|time|{VACUUMED}|{ANALYZED}|and|or|happen",
        clear="autovacuum|last vacuumed|last analyzed|last vacuum",
        docs=TABLE_STATISTICS,
        file=FILE,
        parameter="table",
    ),
    Topic(
        id="never_analyzed",
        title="Tables that were never analyzed",
        explanation="Tables for which ANALYZE has not been seen to run since statistics were reset, by rows: "
        "without it the planner guesses.",
        examples=(
            "which tables were never analyzed?",
            "tables without statistics",
            "which tables have no statistics?",
            "tables never analyzed",
            "which tables have never been analysed?",
            "which tables were not analyzed?",
            "are there tables that were never analyzed?",
            "tables that lack statistics",
        ),
        ways=(
            (ANALYZED, "never|not|never been", "table"),
            ("statistic", "no|without|lack|missing|never", "table"),
        ),
        also="been|have|planner|have been|that",
        clear="never analyzed|never analysed|never been analyzed",
        docs=f"{MANUAL}routine-vacuuming.html#VACUUM-FOR-STATISTICS",
        file=FILE,
        countable=True,
    ),
    Topic(
        id="wraparound",
        title="Danger of transaction id wraparound",
        explanation="How far the oldest transaction ids of each database and of the oldest tables here are "
        "on the way to the limit, at which the server stops to accept writes. Autovacuum forces "
        "a freeze at autovacuum_freeze_max_age; well above 100 % of that means that it does not "
        "get through.",
        examples=(
            "wraparound danger",
            "how close are we to wraparound?",
            "transaction id wraparound",
            "is there a risk of wraparound?",
            "xid age",
            "how old are the transaction ids?",
            "oldest frozen xid",
            "which tables have the oldest xid?",
        ),
        ways=(
            ("wraparound|wrap around",),
            ("xid|transaction id|frozen xid", "age|old|oldest|frozen|wraparound|left|exhaustion|run out|running out"),
        ),
        also="transaction|id|xid|danger|risk|close|near|far|table|age|database|frozen|when|will|we|happen|about",
        clear="wraparound|xid|transaction id",
        docs=f"{MANUAL}routine-vacuuming.html#VACUUM-FOR-WRAPAROUND",
        file=FILE,
    ),
    Topic(
        id="no_primary_key",
        title="Tables without a primary key",
        explanation="Tables without a primary key: their rows cannot be told apart, and logical replication "
        "of updates needs one.",
        examples=(
            "which tables have no primary key?",
            "tables without primary key",
            "which tables lack a primary key?",
            "missing primary keys",
            "tables that don't have a primary key",
            "are there tables without a primary key?",
            "which tables do not have primary keys?",
            "how many tables have no primary key?",
        ),
        ways=(("primary key|pk|pkey", "no|without|lack|lacking|missing|not have|not"),),
        also="table|have|that|not",
        clear="primary key",
        docs=f"{MANUAL}ddl-constraints.html#DDL-CONSTRAINTS-PRIMARY-KEYS",
        file=FILE,
        countable=True,
    ),
    Topic(
        id="invalid_constraints",
        title="Constraints that are not validated",
        explanation="Constraints that were added NOT VALID and never validated (or, from PostgreSQL 18, are "
        "not enforced): rows that were there before may break them. ALTER TABLE ... VALIDATE "
        "CONSTRAINT checks them.",
        examples=(
            "invalid constraints",
            "which constraints are not valid?",
            "constraints that are not validated",
            "are there unvalidated constraints?",
            "not valid constraints",
            "which foreign keys are not validated?",
            "list invalid constraints",
            "how many constraints are invalid?",
        ),
        ways=(
            (
                "constraint|foreign key|check constraint",
                "invalid|not valid|not validated|unvalidated|not enforced|never validated",
            ),
        ),
        also="that|exist",
        clear="foreign key|invalid constraint|unvalidated|not validated",
        docs=f"{MANUAL}sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT",
        file=FILE,
        parameter="table",
        countable=True,
    ),
    Topic(
        id="sequences",
        title="Sequences that run out",
        explanation="Sequences by the part of their numbers that is used, counting also the limit of the "
        "column's type that they fill. At 100 % inserts fail. Sequences that you may not read, "
        "or that were never used, are left out.",
        examples=(
            "sequences about to run out",
            "which sequences are running out?",
            "sequence exhaustion",
            "which sequences are nearly exhausted?",
            "are any sequences close to their limit?",
            "sequence usage",
            "which sequences are almost full?",
            "when do the sequences run out?",
        ),
        ways=(
            (
                "sequence|serial|identity column",
                "run out|running out|exhausted|exhaustion|limit|full|usage|overflow|close|used up|left|used",
            ),
        ),
        also="about|nearly|almost|soon|close|limit|their|maximum|will|number|id|going|near|any",
        docs=f"{MANUAL}view-pg-sequences.html",
        file=FILE,
        ranked=True,
    ),
    Topic(
        id="table_writes",
        title="Tables that are written most",
        explanation="Rows inserted, updated and deleted by table since the statistics were reset; a small "
        "share of HOT updates means that indexes are written too.",
        examples=(
            "which tables are written the most?",
            "most updated tables",
            "which tables have the most writes?",
            "busiest tables",
            "which tables change most?",
            "hottest tables",
            "tables with the most updates",
            "top 10 most written tables",
        ),
        ways=(
            (
                "table",
                "written|write|update|updated|insert|inserted|deleted|delete|busiest|hottest|change|changed|modified|"
                "churn",
                "most|busiest|hottest|top|often|heavily|much",
            ),
            ("table", "busiest|hottest"),
        ),
        also="most often|top|often|by|get",
        docs=TABLE_STATISTICS,
        file=FILE,
        ranked=True,
    ),
    Topic(
        id="tables",
        title="Tables and views there are",
        explanation="Tables, views and materialized views outside the system schemas, with rows as of the "
        "last ANALYZE.",
        examples=(
            "which tables are there?",
            "list all tables",
            "show tables",
            "what tables exist in this database?",
            "how many tables are there?",
            "what tables do we have?",
            "list the views",
            "which tables does the database have?",
        ),
        ways=(("table|view|relation|materialized view", "list|show|there|exist|have|how many|number|all|what|which"),),
        also="list|all|exist|number|user|view|table|and",
        docs=f"{MANUAL}catalog-pg-class.html",
        file=FILE,
        countable=True,
    ),
    Topic(
        id="columns",
        title="Columns of a table",
        explanation="The columns with type, whether they may be null, default and comment.",
        examples=(
            "which columns does orders have?",
            "describe orders",
            "structure of the table orders",
            "describe the table orders",
            "columns of orders",
            "what columns are in orders?",
            "definition of table orders",
            "how many columns does orders have?",
        ),
        ways=(
            ("column", "have|of|in|what|list|show|which|how many"),
            ("describe|structure|definition|schema of|layout",),
        ),
        also="table|view|list|of|data type|type|and|their|structure|definition",
        docs=f"{MANUAL}infoschema-columns.html",
        file=FILE,
        parameter="table",
        needs_parameter=True,
        countable=True,
    ),
)
