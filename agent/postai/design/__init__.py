"""Schemas in words: a description becomes tables, a wish the DDL that fulfils it and the DDL that leads back."""
