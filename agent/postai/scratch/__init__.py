"""Empty copies of tables, on which statements can be tried without touching the real ones."""
