"""Rewrites of statements to online steps: one module per family, one entry of the registry per form."""
