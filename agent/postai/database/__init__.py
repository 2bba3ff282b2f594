"""Foundations for talking to PostgreSQL: connections, the catalog picture, names, roles."""

from postai.database.connection import connect, require_version
from postai.database.errors import ConnectionFailed, ConnectionLost, ServerError
from postai.database.pool import Pool
from postai.database.protocol import Database, Row

__all__ = [
    "ConnectionFailed",
    "ConnectionLost",
    "Database",
    "Pool",
    "Row",
    "ServerError",
    "connect",
    "require_version",
]
