"""Which objects lie safely in the spool."""

from pathlib import Path

import pytest
from pydicom.uid import CTImageStorage, NuclearMedicineImageStorage

from builders import nac_file
from mumap_node.dicom.commitment import Reference
from mumap_node.node.spool.files import Spool, make_folder, move_durably
from mumap_node.node.spool.holdings import (
    CLASS_INSTANCE_CONFLICT,
    NO_SUCH_OBJECT,
    family_of,
    missing,
)
from mumap_node.node.spool.measured import keep

UID = "2.25.1"
KEPT = Reference(str(NuclearMedicineImageStorage), UID)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def _decided(spool: Spool, arrival: Path, name: str) -> Path:
    file = spool.instance_file(name)
    make_folder(file.parent)
    move_durably(arrival, file)
    return file


@pytest.mark.parametrize("place", ["inbox", "decided", "unreadable", "measured"])
def test_an_object_is_held_wherever_it_lies(spool: Spool, place: str) -> None:
    arrival = spool.store_arrival(nac_file(SOPInstanceUID=UID), b"")
    if place == "decided":
        _decided(spool, arrival, f"{family_of(UID)}0123")
    elif place == "unreadable":
        _decided(spool, arrival, "unreadable-0123")
    elif place == "measured":
        keep(spool, arrival, study="1.2", series="1.3", instance=UID)
    assert missing(spool, [KEPT]) == {}


def test_an_object_that_was_never_received_is_missing(spool: Spool) -> None:
    spool.store_arrival(nac_file(SOPInstanceUID=UID), b"")
    other = Reference(KEPT.sop_class_uid, "2.25.2")
    assert missing(spool, [KEPT, other]) == {other: NO_SUCH_OBJECT}


def test_an_object_of_another_class_is_not_the_one_that_was_meant(spool: Spool) -> None:
    spool.store_arrival(nac_file(SOPInstanceUID=UID), b"")
    other = Reference(str(CTImageStorage), UID)
    assert missing(spool, [other]) == {other: CLASS_INSTANCE_CONFLICT}


def test_an_object_whose_file_retention_removed_is_missing(spool: Spool) -> None:
    arrival = spool.store_arrival(nac_file(SOPInstanceUID=UID), b"")
    _decided(spool, arrival, f"{family_of(UID)}0123").unlink()
    assert missing(spool, [KEPT]) == {KEPT: NO_SUCH_OBJECT}


def test_a_file_that_is_not_whole_yet_counts_for_nothing(spool: Spool) -> None:
    arrival = spool.store_arrival(nac_file(SOPInstanceUID=UID), b"")
    arrival.rename(arrival.with_suffix(".dcm.part"))
    assert missing(spool, [KEPT]) == {KEPT: NO_SUCH_OBJECT}
