"""Words and schemas: splits a question into tokens and links its words to tables, columns, values and dates.

Knows nothing of SQL statements; `postai.ask` builds them from what is found here.
"""
