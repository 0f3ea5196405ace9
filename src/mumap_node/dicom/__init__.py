"""The standard: datasets to values and back; no sockets, no files."""
