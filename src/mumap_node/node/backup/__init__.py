"""Backup: a copy of the data directory of a node at work, and a data directory made of it."""
