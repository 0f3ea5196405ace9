"""A map that was sent is taken back: who is told, who is not, and never twice."""

import shutil
import threading
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import KeyObjectSelectionDocumentStorage, NuclearMedicineImageStorage

from builders import nac_file
from mumap_node.dicom.rejection_note import read_key_objects
from mumap_node.node.deliverer.stow import post
from mumap_node.node.dicomweb.destination import WebDestination
from mumap_node.node.jobs.lookup import NotPossibleError
from mumap_node.node.jobs.states import JobState
from mumap_node.node.jobs.verbs import Jobs
from mumap_node.node.totals import Total, read_total
from nodes import MakeSite, Site, Trap, kill, stop
from peers import RecordingScp, dcmtk_storescp, orthanc, unused_port
from waiting import wait_until

KOS = str(KeyObjectSelectionDocumentStorage)
TAKEN = (NuclearMedicineImageStorage, KOS)
PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def jobs_of(site: Site, *take_notes: str) -> Jobs:
    return Jobs(site.spool, site.engine, take_notes=take_notes)


def kinds(archive: RecordingScp) -> list[str]:
    """What an archive got, in order."""
    classes = [received.dataset().SOPClassUID for received in archive.received]
    return ["note" if sop_class == KOS else "map" for sop_class in classes]


def test_the_note_names_the_map_goes_once_and_a_person_is_told_of_the_rest(
    make_site: MakeSite,
) -> None:
    with RecordingScp(sop_classes=TAKEN) as acting, RecordingScp(sop_classes=TAKEN) as other:
        site = make_site(acting=acting.port, other=other.port)
        jobs = jobs_of(site, "acting")
        site.receive(nac_file())
        site.start("both")
        job = site.wait_for("done").id
        jobs.retract(job, "safety", "heart cut off")
        view = site.wait_for("retracted")
        assert view.retraction is not None
        assert (view.retraction.reason, view.retraction.comment) == ("safety", "heart cut off")
        with pytest.raises(NotPossibleError, match="retracted"):
            jobs.retract(job, "quality")
        with pytest.raises(NotPossibleError, match="jobs rerun"):
            jobs.retry(job)
        (left,) = jobs.show(job).by_hand
        counted = read_total(site.spool.run, Total.DELIVERIES)
    assert (kinds(acting), kinds(other)) == (["map", "note"], ["map"])
    mumap, note = (received.dataset() for received in acting.received)
    found = read_key_objects(note)
    assert [named.sop_instance_uid for named in found.objects] == [mumap.SOPInstanceUID]
    assert found.reason == "safety"
    assert left.destination == "other"
    accepted = {("acting", "accepted", ""): 1, ("other", "accepted", ""): 1}
    assert counted == accepted, "a note is no map that somebody waits for"
    assert left.series == (
        f'"{mumap.SeriesDescription}", number {mumap.SeriesNumber}, of {mumap.SeriesDate}'
    )


def test_what_takes_no_note_after_all_needs_a_person(make_site: MakeSite) -> None:
    with RecordingScp() as archive:  # takes NM, no key objects
        site = make_site(archive=archive.port)
        site.receive(nac_file())
        site.start("both")
        jobs_of(site, "archive").retract(site.wait_for("done").id, "quality")
        view = site.wait_for("retracted")
    assert (view.reason, view.by_hand[0].destination) == ("note-not-delivered", "archive")


def test_a_map_that_went_nowhere_is_only_cancelled_and_may_be_sent_again(
    make_site: MakeSite,
) -> None:
    site = make_site(archive=unused_port())
    site.receive(nac_file())
    site.start("both")
    job = site.wait_for("delivering").id
    wait_until(lambda: site.view().deliveries[0].attempts)
    view = jobs_of(site, "archive").retract(job, "quality")
    assert (view.state, view.notes, view.by_hand) == (JobState.CANCELLED, (), ())
    with RecordingScp(port=site.destinations["archive"]) as archive:
        site.jobs.retry(job)
        site.wait_for("done")
    assert kinds(archive) == ["map"]


def test_a_map_that_was_refused_is_not_looked_for(make_site: MakeSite) -> None:
    with RecordingScp(sop_classes=TAKEN, answer=0xA900) as archive:
        site = make_site(archive=archive.port)
        site.receive(nac_file())
        site.start("both")
        job = site.wait_for("quarantined").id
        view = jobs_of(site, "archive").retract(job, "quality")
        assert (view.state, view.by_hand) == (JobState.CANCELLED, ())


def test_a_note_never_overtakes_its_map(make_site: MakeSite) -> None:
    hold = threading.Event()
    with RecordingScp(sop_classes=TAKEN, hold=hold) as archive:
        site = make_site(archive=archive.port)
        site.receive(nac_file())
        site.start("both")
        wait_until(lambda: archive.received)
        jobs_of(site, "archive").retract(site.view().id, "quality")
        hold.set()
        view = site.wait_for("retracted")
        assert view.by_hand == ()
    assert kinds(archive) == ["map", "note"]


def test_a_map_that_may_have_arrived_when_the_node_was_killed_is_taken_back_too(
    make_site: MakeSite,
) -> None:
    hold = threading.Event()
    with RecordingScp(sop_classes=TAKEN, hold=hold) as archive:
        site = make_site(archive=archive.port)
        site.receive(nac_file())
        process = site.start("both")
        wait_until(lambda: archive.received)
        kill(process)
        hold.set()
        view = jobs_of(site, "archive").retract(site.view().id, "quality")
        assert view.state is JobState.DELIVERING
        site.start("both")
        site.wait_for("retracted")
    assert kinds(archive) == ["map", "note"]


@pytest.mark.parametrize(("step", "at_once"), [("file", 4), ("row", 16), ("call", 2)])
def test_a_retraction_survives_a_kill_at_any_step(
    make_site: MakeSite, step: str, at_once: int
) -> None:
    with RecordingScp(sop_classes=TAKEN) as first:
        done = make_site(archive=first.port)
        done.receive(nac_file())
        process = done.start("both")
        done.wait_for("done")
        stop(process)
    killed = 0
    while True:
        with ExitStack() as stack:
            tries = [_retracted(make_site, done, stack) for _ in range(at_once)]
            for number, (site, _) in enumerate(tries):
                site.start("both", ready=False, trap=Trap(step, killed + 1 + number))
            died = [_dies(site) for site, _ in tries]
            for site, archive in tries:
                kill(site.processes[0])
                site.start("both", ready=False)
                assert site.wait_for("retracted").by_hand == ()
                kill(site.processes[1])
                # Again where the kill fell between the answer and its record; then the same bytes.
                assert len(archive.received) in (1, 2)
                assert len({received.encoded for received in archive.received}) == 1
                assert set(kinds(archive)) == {"note"}
        killed += sum(died)
        if not all(died):
            break
    assert killed >= 1


def _retracted(make_site: MakeSite, done: Site, stack: ExitStack) -> tuple[Site, RecordingScp]:
    """A copy of a site whose job is done, retracted while no process runs."""
    archive = stack.enter_context(RecordingScp(sop_classes=TAKEN))
    site = make_site(archive=archive.port)
    not_data = shutil.ignore_patterns("run", "*.log")
    shutil.copytree(done.folder, site.folder, ignore=not_data, dirs_exist_ok=True)
    jobs_of(site, "archive").retract(site.dossier().job.job_id, "quality")
    return site, archive


def _dies(site: Site) -> bool:
    """Whether the process kills itself; else the retraction has fewer steps than its trap."""
    process = site.processes[0]

    def is_over() -> bool:
        return process.exitcode is not None or site.view().state is JobState.RETRACTED

    wait_until(is_over)
    if process.exitcode is None:  # what comes after the last record may kill it yet
        stop(process)
    return process.exitcode == -9


def test_a_map_made_again_says_which_one_it_stands_for(make_site: MakeSite) -> None:
    with RecordingScp() as archive:
        site = make_site(archive=archive.port)
        site.receive(nac_file())
        site.start("both")
        job = site.wait_for("done").id
        assert site.jobs.rerun(job) == 2
        wait_until(lambda: len(archive.received) == 2)
        before, again = (received.dataset() for received in archive.received)
        views = {view.run: view for view in site.jobs.list_jobs()}
        assert (views[2].replaces, views[1].replaces) == (job, "")
    said = [
        made.ContributingEquipmentSequence[-1].ContributionDescription for made in (before, again)
    ]
    assert said[1].endswith(f"; in place of {before.SOPInstanceUID}")
    assert "in place of" not in said[0]


@pytest.mark.peers
def test_orthanc_and_dcmtk_take_the_note(make_site: MakeSite, tmp_path: Path) -> None:
    with (
        orthanc(tmp_path / "orthanc", {}, Plugins=[PLUGIN]) as pacs,
        dcmtk_storescp(tmp_path / "in") as station,
    ):
        site = make_site(pacs=pacs.port, station=station)
        site.receive(nac_file())
        site.start("both", ae_title="PACS")
        jobs_of(site, "pacs", "station").retract(site.wait_for("done").id, "quality")
        assert site.wait_for("retracted").by_hand == ()
        (series,) = [one for one in pacs.get("/series?expand") if _modality(one) == "KO"]
        note = pacs.file(series["Instances"][0])
        pacs.delete(f"/series/{series['ID']}")
        web = WebDestination("web", f"{pacs.url}/dicom-web")
        assert post([note], web).accepted == 1
        assert pacs.file(series["Instances"][0]) == note
    taken = [path for path in (tmp_path / "in").iterdir() if path.name.startswith("KO")]
    assert [dcmread(path) for path in taken] == [dcmread(BytesIO(note))]


def _modality(series: dict[str, dict[str, str]]) -> str:
    return series["MainDicomTags"]["Modality"]
