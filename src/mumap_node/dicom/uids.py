"""Unique identifiers: our own, and those derived from what an object was made of."""

import json
import uuid

IMPLEMENTATION_CLASS_UID = "2.25.177941930733120779809551738253709140746"
"""Names this implementation in file meta information and associations (PS3.7 D.3.3.2).

A random UUID in decimal below 2.25 (PS3.5 B.2): no registered root is needed, and none can be
taken away. It stays the same for the life of the project; the version has a name of its own."""

_NAMESPACE = uuid.UUID(int=int(IMPLEMENTATION_CLASS_UID.removeprefix("2.25.")))


def implementation_version_name(software_version: str) -> str:
    """Implementation Version Name of a release: VR SH, at most 16 characters (PS3.7 D.3.3.2.3)."""
    return f"MUMAP_NODE_{software_version}"[:16]


def derive_uid(*parts: str) -> str:
    """A UID that is the same whenever, and wherever, the parts are the same.

    Args:
        parts: What the named thing was made of; their order and borders count.

    Returns:
        A name-based UUID (RFC 9562, version 5) in decimal below 2.25 (PS3.5 B.2).
    """
    return f"2.25.{uuid.uuid5(_NAMESPACE, json.dumps(parts)).int}"
