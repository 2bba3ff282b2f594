"""Questions over HTTP, by FastAPI and psycopg's pool. DATABASE_URL says where the database is."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from psycopg import AsyncConnection, Error
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

ANSWER = "SELECT status, columns, rows, sql, explanation, reason FROM postai.answer(%s, 20)"
# Settings go with the connection: a SET later would keep it from being shared behind the edge.
SETTINGS = {"autocommit": True, "row_factory": dict_row, "options": "-c statement_timeout=30s"}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    pool = AsyncConnectionPool(
        os.environ["DATABASE_URL"],
        connection_class=AsyncConnection[DictRow],
        kwargs=SETTINGS,
        min_size=1,
        max_size=5,
        open=False,
    )
    async with pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/ask")
async def ask(request: Request, q: str) -> dict[str, Any]:
    try:
        async with request.app.state.pool.connection() as connection:
            found = await (await connection.execute(ANSWER, (q,))).fetchone()
    except Error as error:
        raise HTTPException(503, f"{error.sqlstate}: {error.diag.message_primary}") from error
    return dict(found)
