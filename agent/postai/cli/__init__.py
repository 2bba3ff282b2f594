"""The command line: turns arguments into one call of a capability or of the SQL interface, and its result into text."""
