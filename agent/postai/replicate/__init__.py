"""Moving a database to another server while it is used: copy, follow, verify, switch, and the way back."""
