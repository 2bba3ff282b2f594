"""Tokens and links that read the dashboard in the place of a person."""
