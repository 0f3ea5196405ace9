"""The gate before a network: which inputs are unlike its training, and how many it stops."""
