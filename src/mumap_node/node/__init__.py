"""The world: sockets, disk, the durable engine, the model runtime."""
