"""Topics about what postai itself found: what to optimize, and whether the database is healthy."""

from __future__ import annotations

from postai.ask.database_questions.topic import MANUAL, Topic

FILE = "advice"
THING = "database|server|postgres|postgresql|system"

ADVICE: tuple[Topic, ...] = (
    Topic(
        id="recommendations",
        title="What would make the database faster",
        explanation="What the advisors propose and nobody has decided on, the most valuable first, as the sidecar "
        "found it at its last look; postai.optimize() looks again now, postai.apply(id) carries one out.",
        examples=(
            "what should I optimize?",
            "how can I make the database faster?",
            "what would make the database faster?",
            "show the recommendations",
            "what do you recommend for the database?",
            "what can be optimized?",
            "any recommendations for the server?",
            "what should be tuned?",
        ),
        ways=(
            ("optimize|optimise|optimized|optimised|tune|tuned", "what|how|should|can|which"),
            ("faster|quicker|speed up", THING),
            ("recommendation|recommend|advice|advise", THING),
            ("the recommendations|your recommendations|any recommendations",),
        ),
        also=f"{THING}|i|we|you|me|make|made|would|should|could|can|be|any|what|how|is there|there|have|give|to|do",
        clear="make the database faster|database faster|server faster|optimize the database",
        docs=f"{MANUAL}performance-tips.html",
        file=FILE,
        ranked=True,
        countable=True,
    ),
    Topic(
        id="health",
        title="Whether the database is healthy",
        explanation="The checks of health and what each found at the last look, the worst first: critical, warning, "
        "unknown (what it looks at cannot be seen), ok. `fix` holds the statements that help.",
        examples=(
            "is the database healthy?",
            "how healthy is the database?",
            "health of the database",
            "is the server healthy?",
            "what is wrong with the database?",
            "database health check",
            "show the health of the server",
            "is there anything wrong with the database?",
        ),
        ways=(
            (THING, "healthy|health|health check|unhealthy"),
            (THING, "wrong|trouble|in trouble|sick"),
        ),
        also="how|what|is|anything|something|there|any|check|state|status|overall|wrong|with",
        docs=f"{MANUAL}maintenance.html",
        file=FILE,
    ),
)
