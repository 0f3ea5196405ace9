"""Shadow mode: maps are made and held against what was measured, and nothing is sent."""

from functools import partial
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, NuclearMedicineImageStorage

from examinations import ct, file_of, mumap, nac, write
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.jobs.states import JobState
from mumap_node.node.spool.measured import key_of, read_measured
from mumap_node.node.spool.records import Agreement
from nodes import MakeSite, Site, Trap, kill
from peers import RecordingScp, store
from receivers import receiving
from waiting import wait_until

BOTH = (NuclearMedicineImageStorage, CTImageStorage)

AT_ONCE = 8
"""Sites that are tried at the same time; most of it is waiting."""


def agreement_of(site: Site, files: int) -> Agreement:
    """The comparison with all that was measured, once it is written."""

    def compared() -> Agreement | None:
        measured = read_measured(site.spool, key_of(nac().StudyInstanceUID))
        if measured is None or sum(map(len, measured.series.values())) != files:
            return None
        found = [dossier.agreement for dossier in site.dossiers() if dossier.agreement]
        return found[0] if found and found[0].measured == measured.digest else None

    try:
        agreement = wait_until(compared, 60)
    except AssertionError as error:
        raise AssertionError(f"{site.dossiers()}\n{site.log()}") from error
    assert agreement is not None
    return agreement


@pytest.mark.parametrize("kind", ["map", "ct"])
@pytest.mark.parametrize("comes", ["before", "after"])
def test_a_study_that_passes_is_compared_and_nothing_is_sent(
    make_site: MakeSite, tmp_path: Path, kind: str, comes: str
) -> None:
    source, measured = nac(), [mumap()] if kind == "map" else ct()
    first, second = ([source], measured) if comes == "after" else (measured, [source])
    with RecordingScp() as archive:
        site = make_site(pacs=archive.port)
        site.start("work", deliver=False)
        site.start("deliver")
        with receiving(tmp_path, site.spool, storage_classes=BOTH) as node:
            for number, datasets in enumerate((first, second)):
                send(node.port, tmp_path / f"{number}", *datasets)
                wait_until(lambda: not site.spool.arrivals())
        found = agreement_of(site, len(measured))
        view = site.wait_for("done")
        assert not archive.received

    assert (found.kind, found.reason) == (kind, "")
    assert found.is_registered
    assert found.figures["nmae_range"] > 0
    assert (view.reason, view.deliveries) == ("shadow", ())
    assert view.agreement == found
    assert "TOY" not in site.log()


def test_slices_that_come_later_or_again_are_compared_with_anew(
    make_site: MakeSite, tmp_path: Path
) -> None:
    slices = ct()
    site = make_site()
    site.start("work")
    with receiving(tmp_path, site.spool, storage_classes=BOTH) as node:
        send(node.port, tmp_path / "first", nac(), *slices[:40])
        part = agreement_of(site, 40)
        send(node.port, tmp_path / "second", *slices[40:])
        whole = agreement_of(site, 60)
        slices[0].SeriesDescription = "CORRECTED"
        send(node.port, tmp_path / "third", slices[0])
        wait_until(lambda: agreement_of(site, 60).measured != whole.measured)
    corrected = agreement_of(site, 60)
    assert part.attempt < whole.attempt < corrected.attempt
    assert whole.figures == corrected.figures != part.figures
    assert site.state() == JobState.DONE


def send(port: int, folder: Path, *datasets: Dataset) -> None:
    """C-STORE objects over one association."""
    sent = store(port, *sorted(write(folder, *datasets).iterdir()), called="MUMAP")
    assert sent.returncode == 0, sent.stderr


def test_a_rerun_has_a_comparison_of_its_own(make_site: MakeSite) -> None:
    site = make_site()
    site.receive(file_of(nac()))
    site.receive(file_of(mumap()))
    site.start("work")
    agreement_of(site, 1)
    site.jobs.rerun(site.dossier().job.job_id)
    wait_until(lambda: [d.agreement is not None for d in site.dossiers()] == [True, True])
    assert {dossier.job.run for dossier in site.dossiers()} == {1, 2}


def test_a_comparison_that_kills_its_worker_is_given_up_and_the_job_stays_done(
    make_site: MakeSite,
) -> None:
    with RecordingScp() as archive:
        site = make_site(pacs=archive.port)
        site.receive(file_of(nac()))
        site.start("work")
        site.start("deliver")
        site.wait_for("done")
        kill(site.processes[0])
        site.receive(file_of(mumap()))
        for _ in range(3):
            site.start("work", ready=False, compare="crash").join()
        site.start("work", compare="crash")
        found = agreement_of(site, 1)
        assert (found.reason, found.kind, found.figures) == ("repeated-crash", "", {})
        assert site.state() == JobState.DONE
        site.receive(file_of(nac(1)))
        wait_until(lambda: len(archive.received) == 2)  # others are answered all the same


def test_a_comparison_that_kills_its_worker_takes_no_map_with_it(make_site: MakeSite) -> None:
    """They are begun together after every crash; the map is made before the comparison is tried."""
    site = _site_with_a_map(make_site)
    (site.folder / "hold").touch()
    site.receive(file_of(nac(1)))
    worker = site.start("work", predict="wait", compare="crash", head_start_seconds=0.0)
    wait_until((site.folder / "predicting").exists)
    site.receive(file_of(mumap()))
    worker.join()
    orders = {"predict": "slow", "compare": "crash", "head_start_seconds": 2.0}
    for _ in range(2):
        site.start("work", ready=False, **orders).join()
    site.start("work", **orders)
    assert agreement_of(site, 1).reason == "repeated-crash"
    assert {view.state for view in site.jobs.list_jobs()} == {JobState.DONE}


@pytest.mark.parametrize(("step", "fewest"), [("file", 3), ("row", 4)])
def test_a_comparison_survives_a_kill_at_any_step(
    make_site: MakeSite, step: str, fewest: int
) -> None:
    killed = 0
    while True:
        sites = [_site_with_a_map(make_site) for _ in range(AT_ONCE)]
        for number, site in enumerate(sites):
            site.receive(file_of(mumap()))
            site.start("work", ready=False, trap=Trap(step, killed + 1 + number))
        died = [_dies(site) for site in sites]
        for site in sites:
            kill(site.processes[-1])
            site.start("work", ready=False)
        for site in sites:
            found = agreement_of(site, 1)
            assert (found.reason, found.kind) == ("", "map")
            assert [view.state for view in site.jobs.list_jobs()] == [JobState.DONE]
            wait_until(partial(_is_at_rest, site))
            assert agreement_of(site, 1) == found, "once is enough"
            kill(site.processes[-1])
        killed += sum(died)
        if not all(died):
            break
    assert killed >= fewest


def _site_with_a_map(make_site: MakeSite) -> Site:
    site = make_site()
    site.receive(file_of(nac()))
    worker = site.start("work")
    site.wait_for("done")
    kill(worker)
    return site


def _dies(site: Site) -> bool:
    """Whether the last process kills itself; else it has fewer steps than its trap counts."""
    process = site.processes[-1]
    wait_until(lambda: process.exitcode is not None or _is_at_rest(site), 60)
    return process.exitcode is not None


def _is_at_rest(site: Site) -> bool:
    """Whether the only map is compared and the engine knows it too."""
    found = site.dossier().agreement
    if found is None:
        return False
    attempt = Attempt(Kind.COMPARE, site.dossier().job.job_id, found.attempt, "", 0, found.measured)
    return site.engine.statuses([attempt]) == {attempt.workflow_id: "SUCCESS"}
