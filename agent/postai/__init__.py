"""postai: an AI database administrator that lives in PostgreSQL."""

__version__ = "0.2.0"
