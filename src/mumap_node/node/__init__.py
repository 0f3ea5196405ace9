"""The world: sockets, disk, the durable engine, the model runtime.

A folder for each process (receiver, worker, deliverer, web), which meet only through the spool
and the engine; ``jobs`` is what they know of a job together.
"""
