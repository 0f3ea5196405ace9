"""Deliveries of a running node: destinations that are down, hang, refuse and come back."""

import threading
from itertools import chain, repeat

import pytest
from pydicom.uid import CTImageStorage

from builders import nac_file
from mumap_node.node.calling import Patience
from mumap_node.node.jobs.lookup import NotPossibleError
from mumap_node.node.jobs.states import JobState
from mumap_node.node.spool.records import Delivery, DeliveryState
from nodes import MakeSite, Site
from peers import RecordingScp, unused_port
from waiting import wait_until

PATIENT = Patience(answer_seconds=60)


def _delivery(site: Site, name: str) -> Delivery:
    deliveries = {delivery.destination: delivery for delivery in site.view().deliveries}
    return deliveries.get(name, Delivery(name))


def test_a_destination_that_is_down_gets_its_map_when_it_is_back(make_any_site: MakeSite) -> None:
    port = unused_port()
    with RecordingScp() as archive:
        site = make_any_site(pacs=archive.port, station=port)
        site.receive(nac_file())
        site.start("both")
        wait_until(lambda: _delivery(site, "station").attempts == 1)
        waiting = _delivery(site, "station")
        assert waiting.reason == "peer-unreachable"
        assert waiting.next_attempt_at is not None
        assert waiting.last_attempt_at is not None
        assert 24 <= (waiting.next_attempt_at - waiting.last_attempt_at).total_seconds() <= 30
        assert site.state() == JobState.DELIVERING
        wait_until(lambda: _delivery(site, "pacs").state is DeliveryState.ACCEPTED)
        with RecordingScp(port=port) as station:
            site.jobs.retry(site.view().id)
            site.wait_for("done")
            assert _delivery(site, "station").attempts == 2
            (at_pacs,), (at_station,) = archive.received, station.received
            assert at_pacs.encoded == at_station.encoded


def test_a_refusal_is_for_a_person_and_keeps_no_other_destination_waiting(
    make_site: MakeSite,
) -> None:
    with RecordingScp(answer=0xA900) as strict, RecordingScp() as archive:
        site = make_site(strict=strict.port, pacs=archive.port)
        site.receive(nac_file())
        site.start("both")
        view = site.wait_for("quarantined")
        assert view.reason == "dataset-refused"
        assert view.sentence == "expected status 0x0000, found 0xA900"
        wait_until(lambda: _delivery(site, "pacs").state is DeliveryState.ACCEPTED)
        assert len(strict.received) == 1
        assert site.jobs.discard(view.id, "strict").state is JobState.DONE


def test_a_map_of_many_objects_is_one_delivery_and_arrives_whole(make_site: MakeSite) -> None:
    statuses = chain([0x0000, 0xA700], repeat(0x0000))
    with RecordingScp(
        sop_classes=(CTImageStorage,), answer=lambda _received: next(statuses)
    ) as archive:
        site = make_site(pacs=archive.port)
        site.receive(nac_file())
        site.start("both", profile="pseudo-ct symbia-130kvp")
        wait_until(lambda: _delivery(site, "pacs").reason == "peer-out-of-resources")
        assert "the first 1 of 16 objects" in _delivery(site, "pacs").sentence
        site.jobs.retry(site.view().id)
        site.wait_for("done")
    tried, whole = archive.received[:2], [each.dataset() for each in archive.received[2:]]
    assert [each.InstanceNumber for each in whole] == list(range(1, 17))
    assert len({each.SeriesInstanceUID for each in whole}) == 1
    assert [each.encoded for each in tried] == [each.encoded for each in archive.received[2:4]]


def test_a_person_may_retry_after_a_refusal(make_site: MakeSite) -> None:
    statuses = iter([0xC000, 0x0000])
    with RecordingScp(answer=lambda _received: next(statuses)) as archive:
        site = make_site(pacs=archive.port)
        site.receive(nac_file())
        site.start("both")
        site.jobs.retry(site.wait_for("quarantined").id, "pacs")
        site.wait_for("done")
        first, second = archive.received
        assert first.encoded == second.encoded


def test_destinations_that_hang_keep_no_other_destination_waiting(make_site: MakeSite) -> None:
    hold = threading.Event()
    with RecordingScp(hold=hold) as hanging, RecordingScp() as archive:
        site = make_site(hanging=hanging.port, pacs=archive.port)
        for number in range(5):
            site.receive(nac_file(SOPInstanceUID=f"2.25.{number}"))
        site.start("work")
        site.start("deliver", patience=PATIENT)
        wait_until(lambda: len(archive.received) == 5)
        assert not hold.is_set()


def test_a_map_that_got_lost_at_its_destination_can_be_sent_again(make_site: MakeSite) -> None:
    with RecordingScp() as archive:
        site = make_site(pacs=archive.port)
        site.receive(nac_file())
        site.start("both")
        view = site.wait_for("done")
        with pytest.raises(NotPossibleError):
            site.jobs.retry(view.id)
        site.jobs.retry(view.id, "pacs")
        wait_until(lambda: len(archive.received) == 2)
        site.wait_for("done")
        first, second = archive.received
        assert first.encoded == second.encoded


def test_a_cancelled_delivery_is_taken_up_again_by_a_retry(make_site: MakeSite) -> None:
    port = unused_port()
    site = make_site(pacs=port)
    site.receive(nac_file())
    site.start("both")
    wait_until(lambda: _delivery(site, "pacs").attempts == 1)
    view = site.jobs.cancel(site.view().id)
    assert view.state is JobState.CANCELLED
    with RecordingScp(port=port):
        site.jobs.retry(view.id)
        site.wait_for("done")


def test_a_rerun_is_a_new_map(make_any_site: MakeSite) -> None:
    with RecordingScp() as archive:
        site = make_any_site(pacs=archive.port)
        site.receive(nac_file())
        site.start("both")
        first = site.wait_for("done")
        assert site.jobs.rerun(first.id) == 2
        wait_until(lambda: len(archive.received) == 2)
        second = site.wait_for("done")
        assert (first.run, second.run) == (1, 2)
        assert first.id != second.id
        assert len({received.sop_instance_uid for received in archive.received}) == 2


def test_a_file_that_cannot_be_read_does_not_keep_the_others_waiting(make_site: MakeSite) -> None:
    with RecordingScp() as archive:
        site = make_site(pacs=archive.port)
        (site.spool.inbox / "00000000000000000000-00000000.dcm").mkdir()
        site.receive(nac_file())
        site.start("both")
        wait_until(lambda: any(view.state == "done" for view in site.jobs.list_jobs()))
        assert "chore.failed" in site.log()
        assert len(archive.received) == 1


def test_the_same_object_twice_is_one_map(make_any_site: MakeSite) -> None:
    with RecordingScp() as archive:
        site = make_any_site(pacs=archive.port)
        site.start("both")
        site.receive(nac_file())
        site.wait_for("done")
        site.receive(nac_file())
        wait_until(lambda: "instance.repeated" in site.log())
        assert not site.spool.arrivals()
        assert len(site.dossiers()) == len(archive.received) == 1
