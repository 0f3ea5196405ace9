"""What came is told: each arrival once, whatever became of it, and again only as the same event."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builders import card, nac_file
from mumap_node.dicom.audit import NOBODY, AuditMessage, Outcome, Patient, Study
from mumap_node.node.routing import Destination, Route
from mumap_node.node.spool.files import Spool
from mumap_node.node.worker.admission import CRASHES, Admitter
from mumap_node.node.worker.decisions import Rules

MAP_ALL = Route("all", assume_nac=True, destinations=("pacs",))
COMPARE_ALL = Route("compare", action="compare")


class DiskFullError(OSError):
    """As the trail raises it."""


@dataclass
class House:
    """A spool, and what its admitter told."""

    spool: Spool
    route: Route = MAP_ALL
    told: list[AuditMessage] = field(default_factory=list)
    is_full: bool = False

    def take(self, *files: bytes) -> None:
        for file in files:
            self.spool.store_arrival(file, b"")
        self.admit()

    def admit(self) -> None:
        pacs = Destination("pacs", "ARCHIVE", "192.0.2.1", 104)
        rules = Rules([self.route], [], {"pacs": pacs}, lambda _name: card())
        admitter = Admitter(self.spool, rules, lambda: datetime.now(UTC), self._audit)
        for path in self.spool.arrivals():
            admitter.admit(path)

    def _audit(self, message: AuditMessage) -> None:
        if self.is_full:
            raise DiskFullError
        self.told.append(message)

    @property
    def outcomes(self) -> list[tuple[str, Outcome]]:
        return [(message.action, message.outcome) for message in self.told]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(Spool(tmp_path))


def test_an_instance_is_told_with_patient_study_and_sender(house):
    house.take(nac_file())

    (told,) = house.told
    study, patient = told.objects
    assert isinstance(study, Study)
    assert [uid for _, uid in study.instances] == ["2.25.102"]
    assert patient == Patient("PHANTOM1", "Phantom^One")
    assert told.participants[0].user_id == "unknown"  # put there by hand
    assert house.outcomes == [("C", Outcome.SUCCESS)]


def test_a_measured_instance_is_told_too(house):
    house.route = COMPARE_ALL
    house.take(nac_file(ImageType=["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION"]))

    assert house.outcomes == [("C", Outcome.SUCCESS)]


def test_an_instance_that_comes_again_is_told_as_held_already(house):
    house.take(nac_file())
    house.take(nac_file())

    assert house.outcomes == [("C", Outcome.SUCCESS), ("R", Outcome.SUCCESS)]
    assert house.told[0].key != house.told[1].key


def test_an_instance_that_contradicts_another_is_told_as_a_failure(house):
    house.take(nac_file(), nac_file(PixelSpacing=["5", "5"]))

    assert house.outcomes == [("C", Outcome.SUCCESS), ("C", Outcome.MINOR_FAILURE)]
    assert "found others" in house.told[1].description


def test_a_file_nobody_can_read_is_told_without_a_patient(house):
    house.take(b"no DICOM")

    assert [message.objects for message in house.told] == [NOBODY]
    assert house.outcomes == [("C", Outcome.MINOR_FAILURE)]


def test_what_a_person_has_decided_on_again_did_not_come_again(house):
    house.route = Route("all", action="ignore")
    house.take(nac_file(), b"no DICOM")
    house.route = MAP_ALL
    for instance_id in list(house.spool.instance_ids()):
        house.spool.return_to_inbox(instance_id)
    house.admit()

    assert len(house.told) == 2


def test_what_is_admitted_again_after_a_crash_is_the_same_event(house):
    house.take(nac_file())
    (instance_id,) = house.spool.instance_ids()
    arrival = house.spool.inbox / "00001772353800000000-0badcafe.dcm"
    for tries in ("", ".try1"):
        house.spool.instance_file(instance_id).rename(arrival.with_suffix(f"{tries}.dcm"))
        house.spool.decision_file(instance_id).unlink()
        house.admit()

    keys = [message.key for message in house.told]
    assert keys[0] != keys[1] == keys[2]


def test_a_file_that_kills_the_worker_is_told_when_it_is_put_aside(house):
    path = house.spool.store_arrival(nac_file(), b"")
    path.rename(path.with_suffix(f".try{CRASHES}.dcm"))
    house.admit()

    assert house.outcomes == [("C", Outcome.MINOR_FAILURE)]


def test_nothing_is_decided_on_that_cannot_be_told(house):
    house.is_full = True
    with pytest.raises(DiskFullError):
        house.take(nac_file())
    assert (len(house.spool.arrivals()), list(house.spool.instance_ids())) == (1, [])

    house.is_full = False
    house.admit()
    assert house.outcomes == [("C", Outcome.SUCCESS)]
