"""Watches: collects what the server counted, judges it, checks health, tells people."""
