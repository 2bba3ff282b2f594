"""Cache tables: the rows of a query, kept for as long as was promised (sql/85_cache.sql; the manual: docs/cache.md)."""
