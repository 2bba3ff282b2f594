"""Changes of a database as its server streams them: logical replication, without a subscriber."""
