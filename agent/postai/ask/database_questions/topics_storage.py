"""Topics about size."""

from __future__ import annotations

from postai.ask.database_questions.topic import MANUAL, Topic

FILE = "storage"
SIZE_FUNCTIONS = f"{MANUAL}functions-admin.html#FUNCTIONS-ADMIN-DBSIZE"
BIG = "biggest|largest|big|large|size|most space|most disk space|heaviest|huge|most disk"

STORAGE: tuple[Topic, ...] = (
    Topic(
        id="disk_usage",
        title="What fills the disk",
        explanation="The biggest databases that you may connect to, the biggest tables (with TOAST) and "
        "indexes of this database, and write-ahead log that replication slots hold back. Files "
        "of the server's log are not among them.",
        examples=(
            "what fills the disk?",
            "what is taking up disk space?",
            "disk usage",
            "how much disk do we use?",
            "what uses the most space?",
            "where did the disk space go?",
            "what takes the most space on disk?",
            "why is the disk full?",
            "what is eating our storage?",
        ),
        ways=(
            (
                "disk|disk space|storage|space",
                "fill|filling|full|take|taking|use|using|eat|eating|usage|used|consume|"
                "consuming|go|occupy|take up|most|where",
            ),
        ),
        also="up|most|did|gone|go|on disk|disk|space|all|so much|so",
        clear="fill the disk|disk full",
        docs=f"{MANUAL}diskusage.html",
        file=FILE,
    ),
    Topic(
        id="database_size",
        title="How big the database is",
        explanation="The size of this database on disk, and of the others that you may connect to.",
        examples=(
            "how big is the database?",
            "database size",
            "how large is this database?",
            "size of the database",
            "which database is biggest?",
            "how much space does the database take?",
            "how big are the databases?",
            "total size of the database",
        ),
        ways=(
            ("database|db|cluster", f"{BIG}|space|disk space|grown"),
            ("database|db", "space", "take|use", "how much|much"),
        ),
        also="take|taking|use|using|disk|on disk|total|overall|by|top",
        clear="database size|size of database|how big is the database|how large is the database",
        docs=SIZE_FUNCTIONS,
        file=FILE,
    ),
    Topic(
        id="biggest_tables",
        title="The biggest tables",
        explanation="Tables by their size on disk together with indexes and TOAST; rows as of the last "
        "ANALYZE or VACUUM.",
        examples=(
            "which tables are biggest?",
            "biggest tables",
            "top 5 largest tables",
            "tables by size",
            "what is the largest table?",
            "which tables take the most space?",
            "how big are the tables?",
            "table sizes",
        ),
        ways=(("table|relation", f"{BIG}|space|disk space"),),
        also="take|taking|use|using|by|disk|top|on disk|most|total",
        clear="on disk|disk space|table size",
        docs=SIZE_FUNCTIONS,
        file=FILE,
        ranked=True,
    ),
    Topic(
        id="table_size",
        title="How big a table is",
        explanation="The size of the table on disk: its rows, what is stored apart (TOAST), its indexes, and "
        "all together.",
        examples=(
            "how big is the table orders?",
            "size of the orders table",
            "how much disk space does orders use?",
            "how large is the table orders on disk?",
            "table size of orders",
            "disk usage of orders",
            "how much space does the table orders take?",
            "size on disk of orders",
        ),
        ways=(
            ("table", f"{BIG}|space|disk space"),
            ("disk|disk space", "size|usage|space|use|take|big|large|much"),
        ),
        also="take|taking|use|using|disk|space|on disk|table|much",
        docs=SIZE_FUNCTIONS,
        file=FILE,
        parameter="table",
        needs_parameter=True,
    ),
    Topic(
        id="row_estimates",
        title="About how many rows tables have",
        explanation="Estimates of the last VACUUM, ANALYZE or CREATE INDEX; nothing was counted. No number means that "
        "nobody has looked yet. To have the rows of a table counted, ask how many orders there are.",
        examples=(
            "about how many rows does orders have?",
            "estimated rows of orders",
            "how many rows do the tables have?",
            "row counts of all tables",
            "approximately how many rows does the table orders have?",
            "estimated number of rows in orders",
            "which table has the most rows?",
            "approximate row count of orders",
        ),
        ways=(
            ("row", "about|roughly|approximately|approximate|estimated|estimate"),
            ("row", "table", "how many|count|number"),
            ("row", "table", "most"),
        ),
        also="number|count|table|by|per|each|every|how many|many|most",
        docs=f"{MANUAL}catalog-pg-class.html",
        file=FILE,
        parameter="table",
        ranked=True,
    ),
    Topic(
        id="temporary_files",
        title="Temporary files",
        explanation="Temporary files that statements wrote because work_mem was too small, by database, since the "
        "statistics were reset.",
        examples=(
            "temp files",
            "how many temporary files were written?",
            "temporary files",
            "are temp files written?",
            "temp file usage",
            "how much temp space is used?",
            "do queries spill to disk?",
            "which databases write temporary files?",
        ),
        ways=(
            ("temp file|temporary file|temp space|temporary space|temp disk",),
            ("spill|spilling|spilled", "disk"),
        ),
        also="written|write|used|usage|use|query|disk|much|statement|sort|created|size",
        docs=f"{MANUAL}monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW",
        file=FILE,
    ),
    Topic(
        id="wal_volume",
        title="How much write-ahead log is written",
        explanation="Write-ahead log (WAL) that the server wrote since the statistics were reset, with the "
        "share of full page images, which fewer checkpoints would reduce.",
        examples=(
            "how much WAL is written?",
            "WAL volume",
            "how much wal do we generate?",
            "WAL statistics",
            "how much write-ahead log is produced?",
            "wal rate",
            "how much WAL per day?",
            "amount of WAL",
        ),
        ways=(
            (
                "wal|write-ahead log|write ahead log|transaction log",
                "much|volume|written|generate|generated|produced|statistic|rate|amount|write|usage|size",
            ),
        ),
        also="per day|per hour|per second|day|hour|second|per|produce|is",
        docs=f"{MANUAL}monitoring-stats.html#MONITORING-PG-STAT-WAL-VIEW",
        file=FILE,
    ),
)
