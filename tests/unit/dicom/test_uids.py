"""Deterministic identifiers."""

import uuid

import pytest

from mumap_node.dicom.identity import is_valid_uid
from mumap_node.dicom.uids import (
    IMPLEMENTATION_CLASS_UID,
    derive_uid,
    implementation_version_name,
)


def test_same_parts_give_the_same_uid_and_others_another():
    assert derive_uid("a", "b") == derive_uid("a", "b")
    assert (
        len({derive_uid(*parts) for parts in [("a", "b"), ("b", "a"), ("ab",), ("a", "b", "")]})
        == 4
    )


def test_derived_uids_are_valid_uuids_below_2_25():
    uid = derive_uid("any", "thing")

    assert is_valid_uid(uid)
    assert uid.startswith("2.25.")
    assert uuid.UUID(int=int(uid[5:])).version == 5


def test_implementation_class_uid_is_a_random_uuid():
    assert is_valid_uid(IMPLEMENTATION_CLASS_UID)
    assert uuid.UUID(int=int(IMPLEMENTATION_CLASS_UID[5:])).version == 4


@pytest.mark.parametrize("version", ["0.1.0", "10.20.30", "1.0.0.dev12345"])
def test_implementation_version_name_fits_its_vr(version):
    name = implementation_version_name(version)

    assert name.startswith("MUMAP_NODE_")
    assert len(name) <= 16


@pytest.mark.parametrize("uid", ["", "1.2.", ".1", "1..2", "1.02", "1.2.a", "../../etc", "1." * 40])
def test_broken_uids_are_not_valid(uid):
    assert not is_valid_uid(uid)
