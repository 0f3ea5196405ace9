"""The report for people: one picture of what a map is, and what it would change."""
