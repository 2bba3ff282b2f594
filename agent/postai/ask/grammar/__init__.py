"""The embedded engine: reads a question deterministically against one catalog and writes one SELECT, or says why not.

It answers only when every content word of the question is explained by the statement (the coverage rule).
"""

from __future__ import annotations

from postai.ask.grammar.engine import Grammar, read

__all__ = ["Grammar", "read"]
