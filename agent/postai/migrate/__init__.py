"""Safe schema change: what a DDL statement does to the tables around it, and the steps that bring it about online."""
