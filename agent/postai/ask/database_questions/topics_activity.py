"""Topics about what goes on now, and about statements."""

from __future__ import annotations

from postai.ask.database_questions.topic import MANUAL, Topic

FILE = "activity"
QUERY = "query|statement|sql|select"
STATEMENTS = f"{MANUAL}pgstatstatements.html"
ACTIVITY_VIEW = f"{MANUAL}monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW"
SESSION = "session|connection|backend|client|process"

ACTIVITY: tuple[Topic, ...] = (
    Topic(
        id="blocking",
        title="Who blocks whom",
        explanation="Sessions that wait for a lock, each with a session that holds or waits for it ahead of them. No "
        "row means that nobody waits. The text of other people's queries shows to members of pg_read_all_stats.",
        examples=(
            "who is blocking whom?",
            "which queries are blocked?",
            "what is waiting for a lock?",
            "is anything blocked?",
            "show me the blocking sessions",
            "who waits for locks?",
            "who holds the lock that others wait for?",
            "are there blocked sessions?",
        ),
        ways=(
            ("blocking|blocked|block|blocker",),
            ("lock", "wait|waiting|waiter|stuck|blocked|blocking"),
            (f"{QUERY}|{SESSION}", "stuck|waiting for lock|waiting on lock"),
        ),
        also=f"{QUERY}|{SESSION}|who|whom|each other|others|other|anything|something|anybody|anyone|everyone|user|hold|"
        "holding|held|transaction|lock|by",
        clear="blocking whom|blocked by whom|who is blocking who",
        docs=f"{MANUAL}functions-info.html#FUNCTIONS-INFO-SESSION",
        file=FILE,
    ),
    Topic(
        id="long_transactions",
        title="Transactions that have been open longest",
        explanation="Open transactions, the oldest first, and prepared ones. While one is open, VACUUM cannot remove "
        "rows that were deleted after it began. Other people's transactions show to members of pg_read_all_stats; "
        "prepared ones to everybody.",
        examples=(
            "long-running transactions",
            "what is the oldest transaction?",
            "which transactions are open?",
            "is there a long running transaction?",
            "show open transactions",
            "longest transactions",
            "which sessions are idle in transaction?",
            "which transactions hold back vacuum?",
        ),
        ways=(
            ("transaction", "long running|long|longest|oldest|old|open|uncommitted|prepared|active"),
            ("idle in transaction",),
            ("transaction", "holding back|hold back|block|blocking|prevent|stop|delay", "vacuum|autovacuum"),
        ),
        also=f"{SESSION}|running|since|how long",
        clear="long running|idle in transaction|prepared transaction|vacuum",
        docs=ACTIVITY_VIEW,
        file=FILE,
        ranked=True,
        countable=True,
    ),
    Topic(
        id="running_now",
        title="What is running right now",
        explanation="Statements that run at this moment, the longest first, with what they wait for. Those of "
        "other people show to members of pg_read_all_stats.",
        examples=(
            "what is running right now?",
            "which queries are running?",
            "show running queries",
            "what is the server doing?",
            "active queries",
            "which sessions are active?",
            "long-running queries",
            "what is postgres busy with?",
        ),
        ways=(
            ("running right now|running now|running at the moment|running currently|currently running",),
            (f"{QUERY}|{SESSION}", "running|run|active|executing|in progress|long running|busy"),
            ("server|database|postgres|postgresql", "doing|busy|busy with"),
        ),
        also=f"{QUERY}|long|longest|now|user",
        docs=ACTIVITY_VIEW,
        file=FILE,
        ranked=True,
        countable=True,
    ),
    Topic(
        id="connections",
        title="How many connections there are",
        explanation="Connections of clients to the whole server by what they do, against max_connections. What "
        "other people's do shows to members of pg_read_all_stats; the number is of all.",
        examples=(
            "how many connections are there?",
            "how many clients are connected?",
            "number of connections",
            "are we running out of connections?",
            "connection count",
            "how many connections are idle?",
            "how many free connections are left?",
            "how close are we to max connections?",
        ),
        ways=(
            (
                "connection",
                "how many|number|count|running out|run out|left|free|used|usage|limit|max|maximum|too many|total",
            ),
            (f"{SESSION}|user", "how many", "connected|idle"),
            ("connected", "how many", "client|session"),
        ),
        also="connected|idle|open|active|close|near|use|used|in use|available|total",
        clear="max connection|running out of connection|client connection",
        docs=f"{MANUAL}runtime-config-connection.html#GUC-MAX-CONNECTIONS",
        file=FILE,
    ),
    Topic(
        id="connected",
        title="Who is connected",
        explanation="Client sessions by user, database, program and address, the most first. Addresses of other "
        "people's show to members of pg_read_all_stats.",
        examples=(
            "who is connected?",
            "which users are connected right now?",
            "who is logged in?",
            "list connected clients",
            "which programs are connected?",
            "connections per user",
            "connections by database",
            "from which addresses are clients connected?",
        ),
        ways=(
            ("connected|logged in|logged on",),
            (
                "connection|session",
                "by|per|each|every",
                "user|role|program|application|client|address|host|state",
            ),
            ("connection", "by|per|each|every", "database"),
            ("connection|session", "open|existing|current"),
        ),
        also=f"{SESSION}|user|role|program|application|address|host|most|currently|list",
        docs=ACTIVITY_VIEW,
        file=FILE,
        ranked=True,
    ),
    Topic(
        id="locks",
        title="Locks that are held or awaited",
        explanation="Locks on tables and indexes of this database by session, those that wait first.",
        examples=(
            "which locks are held?",
            "show locks",
            "which tables are locked?",
            "list all locks",
            "what locks exist?",
            "who holds locks?",
            "current locks",
            "is any table locked?",
        ),
        ways=(
            ("lock", "held|hold|holding|exist|list|show|current|granted|taken|active|all|have|there"),
            ("table|relation|index", "locked"),
        ),
        also="table|relation|index|session|exclusive|row|advisory|who|on|currently",
        docs=f"{MANUAL}view-pg-locks.html",
        file=FILE,
        parameter="table",
        countable=True,
    ),
    Topic(
        id="slowest_statements",
        title="Statements that are slowest on average",
        explanation="Kinds of statements by their mean time in milliseconds, as pg_stat_statements counts "
        "them since its last reset. The text of other people's statements shows to members of "
        "pg_read_all_stats.",
        examples=(
            "slowest queries",
            "which queries are slow?",
            "what is our slowest query?",
            "top 5 slowest queries",
            "show slow statements",
            "which statements take longest?",
            "slow queries",
            "why is the database slow?",
        ),
        ways=(
            (QUERY, "slow|slowest|longest|long|slower"),
            ("database|server|postgres|postgresql|system", "slow|sluggish"),
        ),
        also="take|taking|took|run|running|average|on average|so|top|log|everything",
        docs=STATEMENTS,
        file=FILE,
        ranked=True,
        extension="pg_stat_statements",
    ),
    Topic(
        id="heaviest_statements",
        title="Statements that take most time altogether",
        explanation="Kinds of statements by the time of all their runs together, as pg_stat_statements "
        "counts them since its last reset, with their share.",
        examples=(
            "which queries take the most time?",
            "which statements cost the most time in total?",
            "most expensive queries",
            "heaviest queries",
            "which queries use the most time?",
            "top 10 queries by total time",
            "what queries load the server?",
            "most time consuming queries",
        ),
        ways=(
            (
                QUERY,
                "most time|total time|most load|load|heaviest|expensive|most expensive|costliest|time consuming",
            ),
        ),
        also="take|taking|cost|use|using|spend|consume|total|in total|altogether|top|by|cause|most",
        docs=STATEMENTS,
        file=FILE,
        ranked=True,
        extension="pg_stat_statements",
    ),
    Topic(
        id="frequent_statements",
        title="Statements that run most often",
        explanation="Kinds of statements by the number of their runs, as pg_stat_statements counts them "
        "since its last reset.",
        examples=(
            "which queries run most often?",
            "most frequent queries",
            "which statements are executed most?",
            "top 10 most frequent statements",
            "most called queries",
            "which query is called most often?",
            "most common queries",
            "most executed statements",
        ),
        ways=(
            (
                QUERY,
                "most often|often|most frequent|frequent|frequently|most called|most executed|"
                "most common|executed most|called most|run most",
            ),
        ),
        also="run|called|executed|top|most",
        docs=STATEMENTS,
        file=FILE,
        ranked=True,
        extension="pg_stat_statements",
    ),
    Topic(
        id="slow_table",
        title="Why a page or table is slow: statements that name the table",
        explanation="The statements whose text names the table, by the time of all their runs together, as "
        "pg_stat_statements counts them. postai.explain on one of them shows where its time goes. "
        "Other people's statements are found by members of pg_read_all_stats only.",
        examples=(
            "why is the orders page slow?",
            "why are queries on orders slow?",
            "which queries use orders?",
            "why is orders so slow?",
            "what makes the orders table slow?",
            "slowest queries on orders",
            "which statements read the table orders?",
            "why is the orders report slow?",
        ),
        ways=(
            ("slow|sluggish|slowly", "why|what make|page|report|screen|table|form|list|endpoint"),
            ("slow|slowest", QUERY),
            (QUERY, "use|touch|read|on table"),
        ),
        also=f"{QUERY}|so|page|report|screen|form|endpoint|table|load|loading|loads|run|running|make|taking|long|top",
        docs=STATEMENTS,
        file=FILE,
        parameter="table",
        needs_parameter=True,
        ranked=True,
        extension="pg_stat_statements",
        otherwise="table_reads",
    ),
    Topic(
        id="slow_part",
        title="Why a part of the application is slow",
        explanation="The server does not know the parts of an application: these are the kinds of statements that "
        "took most time altogether, as pg_stat_statements counts them, those first whose text holds the word. "
        "postai.explain on one of them shows where its time goes.",
        examples=(
            "why is checkout slow?",
            "why is the checkout page slow?",
            "why is search so slow?",
            "what makes the login slow?",
            "why is our website slow?",
            "why is the app so slow?",
            "why does checkout run so slowly?",
            "what makes the dashboard page so slow?",
        ),
        ways=(("slow|sluggish|slowly", "why|what make"),),
        also="so|page|report|screen|form|endpoint|load|loading|loads|run|running|make",
        docs=STATEMENTS,
        file=FILE,
        parameter="word",
        needs_parameter=True,
        ranked=True,
        extension="pg_stat_statements",
    ),
    Topic(
        id="table_reads",
        title="How a table is read and written",
        explanation="How often the table was read from end to end or through an index since statistics were "
        "reset, what was written, how much came from memory, and when it was last vacuumed and "
        "analyzed. Many sequential scans of many rows want an index; many dead rows want VACUUM. "
        "(With the extension pg_stat_statements its slow statements could be shown.)",
        examples=(
            "how is the table orders used?",
            "usage of table orders",
            "how is orders read and written?",
            "statistics of the table orders",
            "activity on table orders",
            "how much is table orders read?",
            "access statistics of orders",
            "table statistics for orders",
        ),
        ways=(
            ("table", "used|usage|activity|statistic|access"),
            ("read and written|access statistic|table statistic",),
            ("table", "read|written", "how much|how often"),
        ),
        also="read|written|much|often|table",
        docs=f"{MANUAL}monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW",
        file=FILE,
        parameter="table",
        needs_parameter=True,
    ),
)
