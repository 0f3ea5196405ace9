"""Patients and studies as hospitals send them: over the network, by the node, into a PACS."""

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from builders import nac_file
from mumap_node.dicom.elements import text, value
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.patient import PATIENT, STUDY
from mumap_node.node.deliverer.scu import Patience
from mumap_node.node.routing import Peer
from nodes import MakeSite
from peers import RecordingScp, answers, orthanc, store
from receivers import receiving
from waiting import wait_until

pytestmark = pytest.mark.peers

PATIENT_ENOUGH = Patience(answer_seconds=60)

SENT_AS = {
    # character set, name, and how storescu is to send it
    "japanese": (b"\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "-xe"),
    "korean": (b"\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce", "-xi"),
    "chinese": (b"GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "-xb"),
    "cyrillic": (b"ISO_IR 144", "Люксембург".encode("iso8859-5"), "-xd"),
    "mislabelled": (b"ISO_IR 100", "Müller^Jörg".encode(), "-xi"),
    "undeclared": (None, "Müller^Jörg".encode("latin-1"), "-xb"),
    "unknown": (b"ISO_IR 4711", b"\x80\x81\xfe^x", "-xe"),
}


def write_sources(folder: Path) -> dict[str, Path]:
    """One instance of a study of its own for each way to write a name; UIDs of 64 characters."""
    files = {}
    for number, (case, (character_set, name, _)) in enumerate(SENT_AS.items(), 1):
        named = {} if character_set is None else {"SpecificCharacterSet": character_set}
        files[case] = folder / f"{case}.dcm"
        files[case].write_bytes(
            nac_file(
                PatientName=name,
                StudyDescription=name,
                PatientID=f"P{number}",
                SOPInstanceUID=f"2.25.{number}102".ljust(64, "1"),
                SeriesInstanceUID=f"2.25.{number}101".ljust(64, "1"),
                StudyInstanceUID=f"2.25.{number}100".ljust(64, "1"),
                **named,
            )
        )
    return files


def test_names_in_any_character_set_come_back_as_they_were_sent(
    make_site: MakeSite, tmp_path: Path
) -> None:
    sources = write_sources(tmp_path)
    with RecordingScp() as archive:
        site = make_site(pacs=archive.port)
        with receiving(site.folder, site.spool) as node:
            for case, file in sources.items():
                assert answers(store(node.port, file, called="MUMAP", options=[SENT_AS[case][2]]))
        site.start("both")
        site.wait_for("done")

    assert len(archive.received) == len(sources)
    maps = {text(m, "PatientID"): m for m in (read_dataset(r.file) for r in archive.received)}
    for file in sources.values():
        before = read_dataset(file.read_bytes())
        after = maps[text(before, "PatientID")]
        for keyword in ("SpecificCharacterSet", *PATIENT, *STUDY):
            assert value(after, keyword) == value(before, keyword), keyword
    for told in (site.log(), repr(site.jobs.list_jobs()), repr(site.dossiers())):
        assert "ller" not in told
        assert "Yamada" not in told


def test_orthanc_files_every_map_under_the_patient_and_study_of_its_source(
    make_site: MakeSite, tmp_path: Path
) -> None:
    sources = write_sources(tmp_path)
    with orthanc(tmp_path / "pacs", {}, DicomAet="ARCHIVE") as pacs:
        site = make_site(pacs=pacs.port)
        for file in sources.values():
            assert answers(store(pacs.port, file)) == ["Success"]
            site.receive(file.read_bytes())
        named = {study["ID"]: study for study in pacs.get("/studies?expand")}
        site.start("both")
        site.wait_for("done")

        studies = {study["ID"]: study for study in pacs.get("/studies?expand")}
        assert len(pacs.get("/patients")) == len(sources)
        assert len(studies) == len(sources)
        for study_id, study in studies.items():
            assert len(study["Series"]) == 2
            assert study["PatientMainDicomTags"] == named[study_id]["PatientMainDicomTags"]
            for series in study["Series"]:
                (instance,) = pacs.get(f"/series/{series}")["Instances"]
                shown = pacs.get(f"/instances/{instance}/simplified-tags")
                assert shown["PatientName"] == study["PatientMainDicomTags"]["PatientName"]


def test_the_map_of_a_merged_patient_follows_though_the_old_one_is_just_being_sent(
    make_site: MakeSite,
) -> None:
    answer = threading.Event()
    corrected = {"PatientID": "MERGED", "PatientName": "Merged^Name", "AccessionNumber": "A2"}
    with RecordingScp(hold=answer) as archive:
        site = make_site(pacs=archive.port)
        site.receive(nac_file())
        site.start("both", patience=PATIENT_ENOUGH)
        wait_until(lambda: len(archive.received) == 1)
        site.receive(nac_file(**corrected))
        wait_until(lambda: any(view.superseded_by for view in site.dossiers()))
        answer.set()
        site.wait_for("done")

        old, new = (read_dataset(received.file) for received in archive.received)
        assert (text(old, "PatientID"), text(new, "PatientID")) == ("PHANTOM1", "MERGED")
        assert text(new, "AccessionNumber") == "A2"
        assert text(new, "StudyInstanceUID") == text(old, "StudyInstanceUID")
        for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber"):
            assert text(new, keyword) != text(old, keyword)
        assert value(new, "PixelData") == value(old, "PixelData")


def test_a_correction_before_the_old_map_could_be_sent_is_the_only_one_to_arrive(
    make_site: MakeSite,
) -> None:
    with RecordingScp() as archive:
        site = make_site(pacs=archive.port)
        site.receive(nac_file())
        worker = site.start("work")
        wait_until(lambda: any(dossier.is_made for dossier in site.dossiers()))
        site.receive(nac_file(PatientID="MERGED"))
        wait_until(lambda: sum(dossier.is_made for dossier in site.dossiers()) == 2)
        assert worker.is_alive()
        site.start("deliver")
        wait_until(lambda: [str(v.state) for v in site.jobs.list_jobs()].count("done") == 1)

        (received,) = archive.received
        assert text(read_dataset(received.file), "PatientID") == "MERGED"
        states = {str(view.state): view.reason for view in site.jobs.list_jobs()}
        assert states == {"done": "", "cancelled": "superseded"}


def test_one_instance_from_two_peers_at_once_is_answered_once(
    make_site: MakeSite, tmp_path: Path
) -> None:
    file = tmp_path / "source.dcm"
    file.write_bytes(nac_file())
    peers = tuple(Peer(n.lower(), n, (ip_network("127.0.0.1"),)) for n in ("CAMERA", "PACS"))
    with RecordingScp() as archive:
        site = make_site(pacs=archive.port)
        with receiving(site.folder, site.spool, peers=peers) as node, ThreadPoolExecutor() as pool:
            sent = [
                pool.submit(store, node.port, file, calling=peer.ae_title, called="MUMAP")
                for peer in peers
            ]
            assert [answers(done.result()) for done in sent] == [["Success"], ["Success"]]
        site.start("both")
        site.wait_for("done")

        assert len(site.dossiers()) == 1
        assert len(archive.received) == 1


def test_a_study_that_orthanc_anonymised_is_answered_and_tells_no_more_than_it_does(
    make_site: MakeSite, tmp_path: Path
) -> None:
    with orthanc(tmp_path / "pacs", {}, DicomAet="ARCHIVE") as pacs:
        site = make_site(pacs=pacs.port)
        original = tmp_path / "original.dcm"
        original.write_bytes(nac_file())
        assert answers(store(pacs.port, original)) == ["Success"]
        (study,) = pacs.get("/studies")
        copy = pacs.post(f"/studies/{study}/anonymize", {"KeepSource": False})["ID"]
        (instance,) = pacs.get(f"/studies/{copy}/instances")
        source = pacs.file(instance["ID"])
        site.receive(source)
        site.start("both")
        made_at = site.wait_for("done").changed_at.astimezone(ZoneInfo("Europe/Berlin"))

        assert pacs.get("/studies") == [copy]
        (made,) = {i["ID"] for i in pacs.get(f"/studies/{copy}/instances")} - {instance["ID"]}
        answer = pacs.file(made)
        before, after = read_dataset(source), read_dataset(answer)
        for keyword in (*PATIENT, *STUDY):
            assert value(after, keyword) == value(before, keyword), keyword
        assert value(after, "PatientIdentityRemoved") == b"YES "
        dump = ["dcmdump", "-q", "-"]
        shown = subprocess.run(dump, input=answer, capture_output=True, check=True).stdout
        dataset = shown.partition(b"# Dicom-Data-Set")[2]
        assert f"{made_at:%Y%m%d}".encode() not in dataset
        assert b"Phantom^One" not in dataset
