"""How a network learns from pairs and becomes a model; the only place that knows torch."""
