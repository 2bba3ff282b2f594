"""Topics about indexes."""

from __future__ import annotations

from postai.ask.database_questions.topic import MANUAL, Topic

FILE = "indexes"

INDEXES: tuple[Topic, ...] = (
    Topic(
        id="unused_indexes",
        title="Indexes that are never used",
        explanation="Indexes that no scan has used since the statistics were reset, the biggest first; those "
        "that enforce a constraint or uniqueness are left out. A replica counts its own scans: "
        "look there too before you drop one.",
        examples=(
            "which indexes are never used?",
            "unused indexes",
            "which indexes are not used?",
            "are there indexes that nobody uses?",
            "list useless indexes",
            "which indexes can be dropped?",
            "indexes without scans",
            "which indexes aren't used?",
        ),
        ways=(
            (
                "index",
                "never used|not used|unused|useless|unneeded|not needed|nobody use|no one use|"
                "not being used|no longer used|superfluous|without scan|never scanned|no scan|"
                "can be dropped|could be dropped|never been used",
            ),
        ),
        also="ever|any|by|drop|that",
        docs=f"{MANUAL}monitoring-stats.html#MONITORING-PG-STAT-ALL-INDEXES-VIEW",
        file=FILE,
        parameter="table",
        countable=True,
    ),
    Topic(
        id="duplicate_indexes",
        title="Indexes that another one makes superfluous",
        explanation='Indexes with the same columns, order and condition as another of the table ("same"), '
        'and B-tree indexes whose columns are the first ones of another ("beginning"). Unique '
        "ones are not offered, for they enforce something.",
        examples=(
            "duplicate indexes",
            "which indexes are duplicates?",
            "are there redundant indexes?",
            "which indexes are the same?",
            "list duplicated indexes",
            "overlapping indexes",
            "do we have identical indexes?",
            "which indexes are redundant?",
        ),
        ways=(("index", "duplicate|duplicated|redundant|same|identical|overlapping|overlap|doubled|twice|double"),),
        also="each other|exist|column|on",
        docs=f"{MANUAL}indexes-multicolumn.html",
        file=FILE,
        parameter="table",
        countable=True,
    ),
    Topic(
        id="missing_foreign_key_indexes",
        title="Foreign keys without an index",
        explanation="Foreign keys whose columns are not the first ones of an index: deleting or updating a "
        "row of the table they refer to reads the whole referring table, and joins along them "
        "are slow.",
        examples=(
            "missing foreign key indexes",
            "which foreign keys have no index?",
            "foreign keys without index",
            "which foreign keys are not indexed?",
            "unindexed foreign keys",
            "which foreign keys lack an index?",
            "which foreign keys need an index?",
            "are all foreign keys indexed?",
        ),
        ways=(
            (
                "foreign key|fk|fkey",
                "index|indexed|unindexed",
                "missing|no|without|not|lack|lacking|need|unindexed|all|not have",
            ),
        ),
        also="index|indexed|column|have|exist",
        clear="foreign key",
        docs=f"{MANUAL}ddl-constraints.html#DDL-CONSTRAINTS-FK",
        file=FILE,
        parameter="table",
        countable=True,
    ),
    Topic(
        id="invalid_indexes",
        title="Invalid indexes",
        explanation="Indexes that queries do not use because building them failed or has not finished. REINDEX INDEX "
        "CONCURRENTLY repairs one, or drop it.",
        examples=(
            "invalid indexes",
            "are there any invalid indexes?",
            "which indexes are invalid?",
            "which indexes are not valid?",
            "broken indexes",
            "which index builds failed?",
            "list indexes that are not ready",
            "how many indexes are invalid?",
        ),
        ways=(("index", "invalid|not valid|broken|failed|not ready|corrupt|half built|unfinished"),),
        also="build|built",
        docs=f"{MANUAL}sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
        file=FILE,
        parameter="table",
        countable=True,
    ),
    Topic(
        id="missing_indexes",
        title="Tables that are read from end to end",
        explanation="Tables whose sequential scans read most rows since the statistics were reset. Where a "
        "scan reads many rows, look for its statement and give it an index; small tables are "
        "rightly read whole.",
        examples=(
            "which tables need an index?",
            "missing indexes",
            "which tables are scanned sequentially?",
            "tables with the most sequential scans",
            "which tables have too many sequential scans?",
            "where are indexes missing?",
            "full table scans",
            "which tables lack an index?",
        ),
        ways=(
            ("index", "missing|need|lack|should have|suggest|recommend|suggestion|missing index"),
            ("sequential scan|seq scan|full table scan|sequentially|full scan|table scan",),
        ),
        also="table|scanned|read|most|too many|scan|by|no|on",
        clear="sequential scan|seq scan|full table scan",
        docs=f"{MANUAL}monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW",
        file=FILE,
        ranked=True,
    ),
    Topic(
        id="biggest_indexes",
        title="The biggest indexes",
        explanation="Indexes by their size on disk, with the number of scans since the statistics were reset.",
        examples=(
            "which indexes are biggest?",
            "largest indexes",
            "top 10 biggest indexes",
            "how big are the indexes?",
            "indexes by size",
            "what is the biggest index?",
            "which index takes the most space?",
            "index sizes",
        ),
        ways=(("index", "biggest|largest|big|large|size|most space|most disk space|space|huge|heaviest"),),
        also="take|taking|use|using|by|disk|top|on disk|most",
        clear="index size",
        docs=f"{MANUAL}functions-admin.html#FUNCTIONS-ADMIN-DBSIZE",
        file=FILE,
        ranked=True,
    ),
    Topic(
        id="table_indexes",
        title="Indexes of a table",
        explanation="The indexes with their definitions, sizes and scans since the statistics were reset.",
        examples=(
            "which indexes does orders have?",
            "indexes on orders",
            "show the indexes of the table orders",
            "list all indexes",
            "how many indexes does orders have?",
            "what indexes exist?",
            "which indexes are on orders?",
            "how is orders indexed?",
        ),
        ways=(("index", "have|on|of|list|show|exist|all|there|how many|for"), ("indexed", "how")),
        also="table|list|show|exist|how many|defined|all",
        docs=f"{MANUAL}view-pg-indexes.html",
        file=FILE,
        parameter="table",
        countable=True,
    ),
)
