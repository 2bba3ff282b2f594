"""Foundations for talking to PostgreSQL: connections, the catalog picture, names, roles."""

from postai.database.errors import ConnectionFailed, ConnectionLost, ServerError
from postai.database.protocol import Database, Row

__all__ = ["ConnectionFailed", "ConnectionLost", "Database", "Row", "ServerError"]
