"""The hazard rules, grouped by what they watch."""
