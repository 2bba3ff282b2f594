"""Questions over HTTP, by FastAPI and psycopg's pool. DATABASE_URL says where the edge is; `uvicorn app:app`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from psycopg import AsyncConnection, Error
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

ANSWER = "SELECT status, columns, rows, sql, explanation, reason FROM postai.answer(%s, 20)"
ORDERS = "SELECT status, orders FROM postai_cache.orders_by_status ORDER BY orders DESC"
# Settings go with the connection: a SET later would keep it from being shared behind the edge.
SETTINGS = {"autocommit": True, "row_factory": dict_row, "options": "-c statement_timeout=30s"}


def pool(most: int) -> AsyncConnectionPool[AsyncConnection[DictRow]]:
    return AsyncConnectionPool(
        os.environ["DATABASE_URL"],
        connection_class=AsyncConnection[DictRow],
        kwargs=SETTINGS,
        min_size=1,
        max_size=most,
        open=False,
    )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    # A session that asks keeps its server connection behind the edge, so questions have connections of their own.
    async with pool(5) as app.state.reads, pool(2) as app.state.questions:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/ask")
async def ask(request: Request, q: str) -> dict[str, Any]:
    try:
        async with request.app.state.questions.connection() as connection:
            found = await (await connection.execute(ANSWER, (q,))).fetchone()
    except Error as error:
        raise HTTPException(503, f"{error.sqlstate}: {error.diag.message_primary}") from error
    return dict(found)


@app.get("/orders")
async def orders(request: Request) -> list[dict[str, Any]]:
    async with request.app.state.reads.connection() as connection:
        return await (await connection.execute(ORDERS)).fetchall()
