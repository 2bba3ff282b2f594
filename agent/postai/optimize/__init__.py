"""Advises: which indexes to create and to drop, and what to do about bloat, vacuum and cold data."""
