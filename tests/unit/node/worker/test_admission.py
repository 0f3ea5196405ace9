"""What becomes of received instances, whatever comes and in whatever order."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, RLELossless

from builders import (
    STUDY_UID,
    card,
    model,
    nac_file,
    provenance,
    torso_counts,
    transcoded,
)
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.model_card import ModelCard
from mumap_node.node.jobs.dossier import read_dossier
from mumap_node.node.routing import Condition, Destination, Peer, Route
from mumap_node.node.spool.files import Spool, read_record
from mumap_node.node.spool.measured import key_of, read_measured
from mumap_node.node.spool.records import Admission, Decision, Job
from mumap_node.node.worker.admission import CRASHES, Admitter, InboxName
from mumap_node.node.worker.decisions import Rules
from mumap_node.pipeline import Request, make_attenuation_map

PACS = Destination("pacs", "ARCHIVE", "192.0.2.1", 104)
MAP_ALL = Route("all", assume_nac=True, destinations=("pacs",))
COMPARE_ALL = Route("compare", action="compare")
MAP_TYPE = ["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION"]


class House:
    """A spool and an admitter."""

    def __init__(self, folder: Path, routes: Sequence[Route] = (MAP_ALL,), **rules: object) -> None:
        self.spool = Spool(folder)
        usual = Rules(routes, [], {"pacs": PACS}, lambda _name: card())
        self.rules = replace(usual, **rules)  # type: ignore[arg-type]

    def take(self, *files: bytes) -> list[Job | None]:
        """Receive files and admit them one after the other."""
        for file in files:
            self.spool.store_arrival(file, b"")
        return self.admit()

    def admit(self) -> list[Job | None]:
        admitter = Admitter(self.spool, self.rules, lambda: datetime.now(UTC))
        admitter.recover()
        return [admitter.admit(path) for path in self.spool.arrivals()]

    @property
    def decisions(self) -> list[Decision]:
        """All of them, the first to be received first."""
        found = [
            read_record(Decision, self.spool.decision_file(i)) for i in self.spool.instance_ids()
        ]
        return sorted((d for d in found if d is not None), key=lambda d: d.received_at)

    @property
    def decision(self) -> Decision:
        """The only one."""
        (decision,) = self.decisions
        return decision


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_an_instance_that_a_route_maps_becomes_a_job(house: House) -> None:
    file = nac_file()
    (job,) = house.take(file)
    assert job is not None
    assert house.decision.admission is Admission.JOB
    assert house.decision.job_id == job.job_id
    assert job.profiles == {"pacs": "standard"}
    assert job.model == "test-1"
    assert house.spool.instance_file(job.instance_id).read_bytes() == file
    assert not house.spool.arrivals()


def test_names_on_disk_are_ours(house: House) -> None:
    house.take(nac_file().replace(b"2.25.102", b"../../etc"[:8]))
    (folder,) = house.spool.instances.iterdir()
    assert folder.name == house.decision.instance_id
    assert set(folder.name) <= set("0123456789abcdef-")


def test_the_same_again_is_nothing_new(house: House) -> None:
    house.take(nac_file())
    assert house.take(nac_file(), nac_file()) == [None, None]
    assert len(house.decisions) == 1
    assert len(list(house.spool.job_ids())) == 1
    assert not house.spool.arrivals()


@pytest.mark.parametrize("transfer_syntax", [ImplicitVRLittleEndian, RLELossless])
def test_the_same_in_another_transfer_syntax_is_nothing_new(
    house: House, transfer_syntax: str
) -> None:
    house.take(nac_file())
    assert house.take(transcoded(nac_file(), transfer_syntax)) == [None]
    assert len(house.decisions) == 1


def test_corrected_attributes_are_a_new_job_and_supersede_the_old_one(house: House) -> None:
    (old,) = house.take(nac_file())
    (new,) = house.take(nac_file(PatientID="PHANTOM2"))
    assert old is not None
    assert new is not None
    assert old.job_id != new.job_id
    first, second = house.decisions
    assert first.superseded_by == second.instance_id
    assert not second.superseded_by
    dossier = read_dossier(house.spool, old.job_id)
    assert dossier is not None
    assert not dossier.is_wanted


def test_the_last_correction_counts(house: House) -> None:
    house.take(*(nac_file(PatientID=f"PHANTOM{n}") for n in range(3)))
    first, second, third = house.decisions
    assert first.superseded_by == second.instance_id
    assert second.superseded_by == third.instance_id
    assert not third.superseded_by


def test_what_was_corrected_stays_so_when_it_comes_again(house: House) -> None:
    old, new = nac_file(), nac_file(PatientID="PHANTOM2")
    house.take(old, new)
    assert house.take(old) == [None]
    assert [bool(decision.superseded_by) for decision in house.decisions] == [True, False]


@pytest.mark.parametrize("first", ["original", "copy"])
def test_a_deidentified_copy_with_the_same_uids_takes_nobody_s_place(
    house: House, first: str
) -> None:
    files = {
        "original": nac_file(),
        "copy": nac_file(PatientID="A1", PatientName="", PatientIdentityRemoved="YES"),
    }
    one, two = house.take(files.pop(first)) + house.take(*files.values())
    assert one is not None
    assert two is not None
    assert one.job_id != two.job_id
    assert not any(decision.superseded_by for decision in house.decisions)


def test_a_deidentified_copy_is_corrected_by_another(house: House) -> None:
    copies = [nac_file(PatientID=name, PatientIdentityRemoved="YES") for name in ("A1", "A2")]
    house.take(nac_file(), *copies)
    assert [bool(decision.superseded_by) for decision in house.decisions] == [False, True, False]


def test_a_copy_that_was_decided_again_is_no_older_version_of_the_original(tmp_path: Path) -> None:
    house = House(tmp_path, [])
    house.take(nac_file(PatientIdentityRemoved="YES"))
    copy = house.decision.instance_id
    house.rules = replace(house.rules, routes=[MAP_ALL])
    house.take(nac_file())
    house.spool.return_to_inbox(copy)
    (job,) = house.admit()
    assert job is not None
    assert job.instance_id == copy


@pytest.mark.parametrize(
    "shared",
    [
        {"StudyInstanceUID": "2.25.9"},  # one series in two studies
        {"SeriesInstanceUID": "2.25.9", "PatientID": "P2", "PatientName": "Two"},  # one study, two
        {"StudyInstanceUID": "2.25.9", "SeriesInstanceUID": "2.25.8", "PatientID": "P2"},  # a frame
        {"StudyInstanceUID": "2.25.9", "PatientID": "A1", "PatientIdentityRemoved": "YES"},
    ],
    ids=["series", "study", "frame of reference", "pixels"],
)
def test_instances_that_share_anything_but_their_uid_are_answered_each(
    house: House, shared: dict[str, str]
) -> None:
    one, two = house.take(nac_file(), nac_file(SOPInstanceUID="2.25.7", **shared))
    assert one is not None
    assert two is not None
    assert one.job_id != two.job_id
    assert not any(decision.superseded_by for decision in house.decisions)


def test_a_source_with_the_uid_of_a_map_of_ours_is_answered_under_another(house: House) -> None:
    request = Request(assume_nac=True)
    made = make_attenuation_map(read_dataset(nac_file()), model(), request, provenance())
    taken = str(made.objects["standard"][0].SOPInstanceUID)
    (job,) = house.take(nac_file(SOPInstanceUID=taken))
    assert job is not None
    again = make_attenuation_map(
        read_dataset(nac_file(SOPInstanceUID=taken)), model(), request, provenance()
    )
    assert str(again.objects["standard"][0].SOPInstanceUID) != taken


def test_other_pixels_under_the_same_uid_are_kept_beside_and_put_aside(house: House) -> None:
    file, other = nac_file(), nac_file(voxels=torso_counts() + np.int16(1))
    (job, nothing) = house.take(file, other)
    assert job is not None
    assert nothing is None
    first, second = house.decisions
    assert (first.admission, first.superseded_by) == (Admission.JOB, "")
    assert (second.admission, second.reason) == (Admission.QUARANTINED, "conflicting-instance")
    assert house.spool.instance_file(first.instance_id).read_bytes() == file
    assert house.spool.instance_file(second.instance_id).read_bytes() == other


def test_another_place_is_another_image(house: House) -> None:
    house.take(nac_file(), nac_file(spacing_mm=(9.0, 4.5, 4.5)))
    assert house.decisions[1].reason == "conflicting-instance"


def test_our_own_maps_coming_back_are_left_alone(house: House) -> None:
    source = read_dataset(nac_file())
    made = make_attenuation_map(source, model(), Request(assume_nac=True), provenance())
    assert house.take(to_bytes(made.objects["standard"][0])) == [None]
    assert (house.decision.admission, house.decision.reason) == (Admission.IGNORED, "own-map")


@pytest.mark.parametrize("file", [b"", b"not DICOM", nac_file()[:900]])
def test_what_cannot_be_read_is_put_aside_as_it_came(house: House, file: bytes) -> None:
    assert house.take(file, file) == [None, None]
    decision = house.decision
    assert decision.admission is Admission.QUARANTINED
    assert decision.reason == "unreadable"
    assert house.spool.instance_file(decision.instance_id).read_bytes() == file


def test_without_a_route_it_is_held_and_shows_what_was_looked_at(tmp_path: Path) -> None:
    only_ge = Route("ge", match={"Manufacturer": Condition(values=("GE",))}, destinations=("pacs",))
    house = House(tmp_path, [only_ge])
    house.take(nac_file(Manufacturer="Other"))
    assert (house.decision.admission, house.decision.reason) == (Admission.HELD, "no-route")
    assert house.decision.seen["Manufacturer"] == "Other"


def test_a_route_may_leave_instances_alone(tmp_path: Path) -> None:
    house = House(tmp_path, [Route("not-these", action="ignore")])
    house.take(nac_file())
    assert (house.decision.admission, house.decision.reason) == (Admission.IGNORED, "route-ignores")


def test_a_route_in_shadow_mode_makes_a_map_that_goes_nowhere(tmp_path: Path) -> None:
    house = House(tmp_path, [replace(MAP_ALL, deliver=False)])
    (job,) = house.take(nac_file())
    assert job is not None
    assert job.profiles == {}
    assert house.decision.admission is Admission.JOB


def test_a_job_knows_its_study_by_a_hash(house: House) -> None:
    (job,) = house.take(nac_file(StudyInstanceUID="1.2.3"))
    assert job is not None
    assert job.study == hashlib.sha256(b"1.2.3").hexdigest()[:24]


def test_measured_maps_are_kept_with_their_study_and_no_person_hears_of_them(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, [COMPARE_ALL])
    ct = {"SOPClassUID": CTImageStorage, "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}
    mumap, image = nac_file(ImageType=MAP_TYPE), nac_file(SOPInstanceUID="2.25.7", **ct)
    assert house.take(mumap, image, mumap) == [None, None, None]
    assert house.decisions == []
    assert not house.spool.arrivals()
    kept = read_measured(house.spool, key_of(STUDY_UID))
    assert kept is not None
    (files,) = kept.series.values()
    assert {path.read_bytes() for path in files} == {mumap, image}


def test_a_comparing_route_answers_nothing_else(tmp_path: Path) -> None:
    house = House(tmp_path, [COMPARE_ALL])
    house.take(nac_file())
    assert (house.decision.admission, house.decision.reason) == (Admission.IGNORED, "not-measured")


@pytest.mark.parametrize("lost", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_a_measured_map_whose_study_or_series_nobody_knows_is_held(
    tmp_path: Path, lost: str
) -> None:
    house = House(tmp_path, [COMPARE_ALL])
    file = nac_file(ImageType=MAP_TYPE, **{lost: None})
    house.take(file)
    assert (house.decision.admission, house.decision.reason) == (Admission.HELD, "invalid-uid")
    assert house.spool.instance_file(house.decision.instance_id).read_bytes() == file


@pytest.mark.parametrize("profile", ["standard", "pseudo-ct symbia-130kvp"])
def test_our_own_maps_are_never_compared_with(tmp_path: Path, profile: str) -> None:
    """A map compared with itself would agree; beside a CT nobody would know which was meant."""
    house = House(tmp_path, [COMPARE_ALL])
    source = read_dataset(nac_file())
    request = Request(assume_nac=True, profiles=(profile,))
    made = make_attenuation_map(source, model(), request, provenance())
    house.take(to_bytes(made.objects[profile][0]))
    assert house.decision.reason == "own-map"
    assert read_measured(house.spool, key_of(STUDY_UID)) is None


def test_what_was_held_and_is_compared_with_now_leaves_nothing_to_handle(tmp_path: Path) -> None:
    house = House(tmp_path, [])
    house.take(nac_file(ImageType=MAP_TYPE))
    house.spool.return_to_inbox(house.decision.instance_id)
    house.rules = replace(house.rules, routes=[COMPARE_ALL])
    assert house.admit() == [None]
    assert list(house.spool.instance_ids()) == []
    assert read_measured(house.spool, key_of(STUDY_UID)) is not None


def test_what_was_decided_on_before_stays_when_it_comes_again_to_compare_with(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, [])
    house.take(nac_file(ImageType=MAP_TYPE))
    house.rules = replace(house.rules, routes=[COMPARE_ALL])
    house.take(nac_file(ImageType=MAP_TYPE))
    assert house.decision.admission is Admission.HELD
    assert house.spool.instance_file(house.decision.instance_id).exists()


def test_what_the_header_does_not_decide_is_held(tmp_path: Path) -> None:
    house = House(tmp_path, [replace(MAP_ALL, assume_nac=False)])
    house.take(nac_file())
    assert (house.decision.admission, house.decision.reason) == (
        Admission.HELD,
        "correction-undecidable",
    )


@pytest.mark.parametrize(
    ("word", "admission"), [(False, Admission.HELD), (True, Admission.JOB)], ids=["silent", "given"]
)
def test_projections_wait_for_the_word_of_the_site(tmp_path: Path, word, admission) -> None:
    house = House(tmp_path, [replace(MAP_ALL, assume_parallel_holes=word)])
    house.take(nac_file(ImageType=["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"]))
    assert house.decision.admission is admission
    assert house.decision.reason == ("" if word else "projections")


def test_what_says_that_it_is_corrected_is_held(house: House) -> None:
    house.take(nac_file(CorrectedImage=["ATTN"]))
    assert house.decision.admission is Admission.HELD
    assert house.decision.reason == "already-attenuation-corrected"


def test_an_answer_to_a_sender_without_an_address_is_held(tmp_path: Path) -> None:
    house = House(tmp_path, [replace(MAP_ALL, destinations=("sender",))])
    house.take(nac_file())
    assert (house.decision.admission, house.decision.reason) == (
        Admission.HELD,
        "no-reply-destination",
    )


def test_a_model_that_is_missing_is_for_the_administrator(tmp_path: Path) -> None:
    def missing(_name: str) -> ModelCard:
        raise ConfigurationError("model-missing", ["expected model m-1, found none"])

    house = House(tmp_path, load_card=missing)
    house.take(nac_file())
    assert (house.decision.admission, house.decision.reason) == (Admission.HELD, "model-missing")


def test_decided_again_it_follows_the_routes_of_then(tmp_path: Path) -> None:
    house = House(tmp_path, [])
    house.take(nac_file())
    received_at = house.decision.received_at
    house.spool.return_to_inbox(house.decision.instance_id)
    house.rules = replace(house.rules, routes=[MAP_ALL])
    (job,) = house.admit()
    assert job is not None
    assert house.decision.admission is Admission.JOB
    assert abs((house.decision.received_at - received_at).total_seconds()) < 1


def test_a_correction_that_came_meanwhile_counts_when_the_old_one_is_decided_again(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, [])
    house.take(nac_file())
    held = house.decision.instance_id
    house.rules = replace(house.rules, routes=[MAP_ALL])
    house.take(nac_file(PatientID="PHANTOM2"))
    house.spool.return_to_inbox(held)
    assert house.admit() == [None]
    first, second = house.decisions
    assert first.instance_id == held
    assert first.superseded_by == second.instance_id


def test_a_damaged_decision_is_made_again(house: House) -> None:
    (job,) = house.take(nac_file())
    assert job is not None
    house.spool.decision_file(job.instance_id).write_text("{")
    (again,) = house.admit()
    assert again is not None
    assert again.job_id == job.job_id
    assert house.decision.admission is Admission.JOB


def test_a_rerun_is_another_job_of_the_same_instance(house: House) -> None:
    (first,) = house.take(nac_file())
    assert first is not None
    house.spool.return_to_inbox(first.instance_id, run=2)
    (second,) = house.admit()
    assert second is not None
    assert (second.run, second.instance_id) == (2, first.instance_id)
    assert second.job_id != first.job_id
    assert house.decision.job_id == second.job_id


def test_a_decision_whose_job_was_not_written_is_made_again(house: House) -> None:
    (job,) = house.take(nac_file())
    assert job is not None
    house.spool.job_file(job.job_id).unlink()
    (again,) = house.admit()
    assert again is not None
    assert again.job_id == job.job_id


def test_a_file_that_takes_its_reader_down_is_put_aside_unread(house: House) -> None:
    arrival = house.spool.store_arrival(nac_file(), b"")
    name = replace(InboxName.of(arrival), tries=CRASHES)
    arrival.rename(arrival.with_name(str(name)))
    assert house.admit() == [None]
    assert house.decision.reason == "repeated-crash"
    assert house.decision.instance_id.startswith("unreadable-")


def test_a_bug_puts_aside_what_it_fell_over_and_tells_nothing_of_the_patient(
    tmp_path: Path,
) -> None:
    def bug(_name: str) -> ModelCard:
        raise KeyError("Phantom^One")

    house = House(tmp_path, load_card=bug)
    assert house.take(nac_file()) == [None]
    assert house.decision.reason == "internal-error"
    assert "Phantom" not in house.decision.sentence


def test_a_disk_that_fails_leaves_the_instance_where_it_is(tmp_path: Path) -> None:
    def broken_disk(_name: str) -> ModelCard:
        raise OSError(28, "no space left on device")

    house = House(tmp_path, load_card=broken_disk)
    with pytest.raises(OSError, match="no space"):
        house.take(nac_file())
    (arrival,) = house.spool.arrivals()
    assert InboxName.of(arrival).tries == 0
    house.rules = replace(house.rules, load_card=lambda _name: card())
    (job,) = house.admit()
    assert job is not None


@pytest.mark.parametrize(
    "name",
    [
        "00000001700000000000-0a1b2c3d.dcm",
        "00000001700000000000-0a1b2c3d.run2.try3.dcm",
        "x.try1.dcm",
    ],
)
def test_a_name_in_the_inbox_reads_as_it_is_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    assert str(InboxName.of(path)) == name


def test_the_sender_is_read_from_the_file(tmp_path: Path) -> None:

    camera = Peer("camera", "SPECT1", (ip_network("192.0.2.0/24"),), reply_to="pacs")
    house = House(tmp_path, [replace(MAP_ALL, destinations=("sender",))], peers=[camera])
    dataset = read_dataset(nac_file())
    dataset.file_meta.SourceApplicationEntityTitle = "SPECT1"
    dataset.file_meta.SourcePresentationAddress = "192.0.2.17"
    (job,) = house.take(to_bytes(dataset))
    assert job is not None
    assert job.profiles == {"pacs": "standard"}
    assert (house.decision.peer, house.decision.calling_ae_title) == ("camera", "SPECT1")
