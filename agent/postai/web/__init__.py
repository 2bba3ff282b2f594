"""The web face: pages for people and, of the same functions, the HTTP API.

A room (`rooms/`) turns a request into one capability call; its result becomes a page (a template) or JSON. Rights are
the database's: each person has sessions of their own PostgreSQL role.
"""
