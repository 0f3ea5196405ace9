"""The durable engine, DBOS Transact, and everything it must be told (ADR 0003).

No other package knows DBOS. What it keeps is derived from the spool and may be thrown away.
"""
