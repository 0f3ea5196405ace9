"""The only reader of ``mumap-node.toml``: its tables, its checks and its example."""
