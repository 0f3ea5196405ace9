"""The audit trail: what the node writes down about events, and how it reaches a syslog server."""
