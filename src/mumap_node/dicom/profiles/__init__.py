"""Output profiles: how a map is encoded for one kind of receiving station (ADR 0005)."""
