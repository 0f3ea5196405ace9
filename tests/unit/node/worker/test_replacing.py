"""Which map a new one stands for."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.records import DeliveryState, MapFile
from mumap_node.node.worker.replacing import job_before, replaced_uids
from records import NOW, decision, delivery, job, result, write_job

NEW = decision(run=2, job_id="second", image_sha256="same")


def test_a_rerun_replaces_the_run_before() -> None:
    assert job_before(NEW, decision(job_id="first"), []) == "first"


def test_the_first_map_replaces_none() -> None:
    held = decision(job_id="")
    assert job_before(decision(), None, []) == job_before(decision(), held, []) == ""


def test_a_decision_that_is_made_again_after_a_crash_does_not_replace_itself() -> None:
    interrupted = replace(NEW, replaces="first")
    assert job_before(NEW, interrupted, []) == "first"


def test_corrected_attributes_replace_the_latest_of_the_same_images() -> None:
    def sibling(job_id: str, minutes: int, **changes: object) -> object:
        received = NOW - timedelta(minutes=minutes)
        usual = {"job_id": job_id, "received_at": received, "image_sha256": "same"}
        return decision(instance_id=job_id, **(usual | changes))

    siblings = [
        sibling("older", 9, superseded_by="latest"),
        sibling("latest", 5),
        sibling("newer", -5),
        sibling("other-images", 1, image_sha256="other"),
        sibling("anonymised", 1, identity_removed=True),
        sibling("", 1),
    ]
    assert job_before(NEW, None, siblings) == "latest"


def test_only_what_was_sent_is_named_through_all_earlier_runs(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    first, second = job("pacs", job_id="first"), job("pacs", job_id="second", run=2)
    uids = (MapFile("map-a.dcm", "0", "2.25.1"), MapFile("map-b.dcm", "0", "2.25.2"))
    made = replace(result(), files={"standard": uids, "research": uids})
    write_job(spool, first, made=made, sent=[delivery(DeliveryState.ACCEPTED)])
    write_job(
        spool,
        replace(second, replaces="first"),
        made=made,
        sent=[delivery(DeliveryState.REFUSED)],
    )
    assert replaced_uids(spool, replace(second, replaces="second")) == ("2.25.1",)
    assert replaced_uids(spool, replace(first, replaces="purged")) == ()
