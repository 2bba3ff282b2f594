"""What was measured, kept in schema postai: statements, tables, indexes, the database, waits, interval by interval."""
