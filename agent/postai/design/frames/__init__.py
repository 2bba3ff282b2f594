"""Reads descriptions by frames: clauses with subject, verb and what follows, of which a world of things is drawn."""
