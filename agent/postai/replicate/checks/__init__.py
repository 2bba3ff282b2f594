"""Checks before a move: one registry, each an entry of data with one small function.

To add a check, add a `Check` to a list of one of these files and, where it needs SQL, a block to the .sql file beside
it. Each looks only: it runs READ ONLY on both sides. The manual's page is made of the registry.
"""
