"""The marks our objects carry, by which we and others know them again."""

SYNTHETIC = "SYNTHETIC"
"""Image Type value 5: made by a network, not measured (PS3.3 C.8.4.9.1.1 leaves value 5 free)."""

CONTENT_LABEL = "SYNTHETIC_MU_MAP"
"""Content Label of a parametric map, whose Image Type has no free value."""

NODE_MODEL_NAME = "mumap-node"
"""Manufacturer's Model Name of this node, in the General Equipment module and as Processing
Equipment."""

REPORT = "report"
"""Names a report among the encodings of a map, so that its UIDs are its own."""

REJECTION_NOTE = "rejection-note"
"""Names a rejection note of a map, so that its UIDs are its own."""
