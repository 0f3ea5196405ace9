"""kill -9 at every step of a job: one result, delivered once, nothing acknowledged lost.

A process kills itself at the n-th step of its work, for every n there is, and another one takes
over. Steps are the files that get or lose a name and the rows that are written; what lies between
two of them leaves no trace.
"""

import random
import threading
import time
from pathlib import Path

import pytest

from builders import nac_file
from mumap_node.node.jobs.states import JobState
from mumap_node.node.spool.records import DeliveryState
from nodes import MakeSite, Site, Trap, kill
from peers import RecordingScp, answers, dcmqrscp, store
from trails import trail
from waiting import wait_until

AT_ONCE = 8
"""Sites that are tried at the same time; most of it is waiting."""


@pytest.mark.parametrize(("step", "fewest"), [("file", 12), ("row", 12), ("call", 1), ("line", 3)])
def test_a_job_survives_a_kill_at_any_step(make_any_site: MakeSite, step: str, fewest: int) -> None:
    with RecordingScp() as archive:
        killed = 0
        while True:
            traps = [Trap(step, killed + 1 + n) for n in range(AT_ONCE)]
            sites = [_begin(make_any_site, archive, trap) for trap in traps]
            died = [_dies(site) for site in sites]
            for site in sites:
                kill(site.processes[0])
                site.start("both", ready=False)
            for site in sites:
                site.wait_for("done")
                _assert_made_and_delivered_once(site, archive)
                _assert_told(site)
                kill(site.processes[1])
            killed += sum(died)
            if not all(died):
                break
        assert killed >= fewest


def _begin(make_site: MakeSite, archive: RecordingScp, trap: Trap) -> Site:
    site = make_site(pacs=archive.port)
    site.receive(nac_file(SOPInstanceUID=f"2.25.{random.getrandbits(64)}"))
    site.start("both", ready=False, trap=trap)
    return site


def _dies(site: Site) -> bool:
    """Whether the process kills itself; else the job has fewer steps than its trap counts."""
    process = site.processes[0]
    wait_until(lambda: process.exitcode is not None or site.is_at_rest())
    return process.exitcode is not None


def _assert_told(site: Site) -> None:
    """The trail says what came and what went, again only as the same event."""
    told = trail(site.folder)
    events = [line.event for line in told]
    assert set(events) == {"DICOM Instances Transferred", "Begin Transferring DICOM Instances"}
    assert len({line.key for line in told}) == 3  # came, begins to go, went
    assert [events[0], events[-1]] == ["DICOM Instances Transferred"] * 2
    assert {line.outcome for line in told} == {"0"}


def _assert_made_and_delivered_once(site: Site, archive: RecordingScp) -> None:
    dossier = site.dossier()
    assert dossier.result is not None
    uid = dossier.result.files["standard"][0].sop_instance_uid
    sent = [received for received in archive.received if received.sop_instance_uid == uid]
    assert 1 <= len(sent) <= 2  # again where the kill fell between the answer and its record
    assert all(site.map_file().endswith(received.encoded) for received in sent)
    assert [d.state for d in dossier.deliveries] == [DeliveryState.ACCEPTED]
    assert not site.spool.arrivals()


def test_a_killed_worker_is_replaced_while_it_makes_a_map(make_any_site: MakeSite) -> None:
    with RecordingScp() as archive:
        site = _site_with_a_map_begun(make_any_site, archive)
        kill(site.processes[0])
        site.start("work")
        site.start("deliver")
        site.wait_for("done")
        _assert_made_and_delivered_once(site, archive)


def test_another_worker_takes_over_from_a_killed_one(make_any_site: MakeSite) -> None:
    with RecordingScp() as archive:
        site = _site_with_a_map_begun(make_any_site, archive)
        site.start("work")
        site.start("deliver")
        kill(site.processes[0])
        site.wait_for("done")
        _assert_made_and_delivered_once(site, archive)
        assert "executor.taken_over" in site.log()


def test_a_deliverer_killed_before_the_answer_sends_the_same_bytes_again(
    make_any_site: MakeSite,
) -> None:
    hold = threading.Event()
    with RecordingScp(hold=hold) as archive:
        site = make_any_site(pacs=archive.port)
        site.receive(nac_file())
        site.start("work")
        deliverer = site.start("deliver")
        wait_until(lambda: archive.received)
        kill(deliverer)
        hold.set()
        site.start("deliver")
        site.wait_for("done")
        assert len(archive.received) == 2
        _assert_made_and_delivered_once(site, archive)


def test_random_kills_lose_nothing_and_deliver_everything_once(make_any_site: MakeSite) -> None:
    chance = random.Random(20260301)  # noqa: S311
    with RecordingScp() as archive:
        site = make_any_site(pacs=archive.port)
        roles = ["work", "work", "deliver"]
        processes = [site.start(role, ready=False) for role in roles]
        for number in range(24):
            site.receive(nac_file(SOPInstanceUID=f"2.25.{1000 + number}"))
            time.sleep(chance.uniform(0, 0.5))  # the kill is to fall anywhere, not on an event
            victim = chance.randrange(len(roles))
            kill(processes[victim])
            processes[victim] = site.start(roles[victim], ready=False)
        _retry_what_was_hit_too_often(site)
        dossiers = site.dossiers()
        assert len(dossiers) == 24
        for dossier in dossiers:
            assert dossier.result is not None
            assert [d.state for d in dossier.deliveries] == [DeliveryState.ACCEPTED]
            uid = dossier.result.files["standard"][0].sop_instance_uid
            sent = {r.encoded for r in archive.received if r.sop_instance_uid == uid}
            assert len(sent) == 1


@pytest.mark.peers
@pytest.mark.parametrize("step", ["stored", "tidied", "remembered"])
def test_a_watch_that_is_killed_fetches_again_and_the_map_is_made_once(
    make_site: MakeSite, tmp_path: Path, step: str
) -> None:
    count = ("stored", "tidied", "remembered").index(step) + 1
    with RecordingScp() as pacs, dcmqrscp(tmp_path / "archive", {}) as archive:
        _file(tmp_path / "nac.dcm", archive)
        site = make_site(pacs=pacs.port)
        killed = site.start("watch", ready=False, archive=archive, trap=Trap("file", count))
        wait_until(lambda: killed.exitcode is not None)
        assert not list(site.folder.glob("fetched/*.json"))

        site.start("watch", archive=archive)
        wait_until(lambda: list(site.folder.glob("fetched/*.json")))
        assert len(site.spool.arrivals()) == (1 if step == "stored" else 2)
        site.start("both")
        site.wait_for("done")
        _assert_made_and_delivered_once(site, pacs)
        assert len(pacs.received) == 1


def _file(path: Path, archive: int) -> None:
    """Store an object in an archive."""
    path.write_bytes(nac_file())
    assert answers(store(archive, path, called="QRSCP")) == ["Success"]


def _retry_what_was_hit_too_often(site: Site) -> None:
    """Wait for the end of all jobs; a person retries those that chance took for crash loops."""

    def all_done() -> bool:
        views = site.jobs.list_jobs()
        for view in views:
            if view.state is JobState.QUARANTINED:
                assert view.reason == "repeated-crash", view
                site.jobs.retry(view.id)
        return all(view.state is JobState.DONE for view in views)

    wait_until(all_done, 60)


def _site_with_a_map_begun(make_site: MakeSite, archive: RecordingScp) -> Site:
    """A worker of its own that waits in its network, and would for ever; later ones do not."""
    site = make_site(pacs=archive.port)
    (site.folder / "hold").touch()
    site.receive(nac_file())
    site.start("work", predict="wait")
    wait_until((site.folder / "predicting").exists)
    return site
