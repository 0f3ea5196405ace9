"""What a report means for a delivery, and by which name it is asked for."""

from mumap_node.dicom.commitment import Report
from mumap_node.node.deliverer.commitment import judge_report, transaction_of
from mumap_node.node.spool.records import DeliveryState


def _judge(committed: tuple[str, ...], failed: dict[str, int]) -> tuple[DeliveryState, str, object]:
    answer = judge_report(Report("2.25.7", committed, failed), ["2.25.1", "2.25.2"], "pacs")
    return answer.state, answer.reason, answer.status


def test_a_delivery_is_committed_where_every_object_is() -> None:
    assert _judge(("2.25.1", "2.25.2", "2.25.3"), {}) == (DeliveryState.ACCEPTED, "", None)


def test_one_object_that_failed_fails_the_delivery() -> None:
    found = _judge(("2.25.1",), {"2.25.2": 0x0112})
    assert found == (DeliveryState.WAITING, "commitment-failed", 0x0112)


def test_an_object_the_report_does_not_name_was_not_committed() -> None:
    assert _judge(("2.25.1",), {}) == (DeliveryState.WAITING, "commitment-failed", None)


def test_an_object_that_is_named_as_kept_and_as_failed_was_not_committed() -> None:
    assert _judge(("2.25.1", "2.25.2"), {"2.25.2": 0x0110})[0] is DeliveryState.WAITING


def test_a_failure_of_another_object_is_none_of_ours() -> None:
    assert _judge(("2.25.1", "2.25.2"), {"2.25.3": 0x0112})[0] is DeliveryState.ACCEPTED


def test_a_transaction_is_named_by_job_destination_and_attempt() -> None:
    names = {
        transaction_of(job, destination, number)
        for job in ("a", "b")
        for destination in ("pacs", "station")
        for number in (1, 2)
    }
    assert len(names) == 8
    assert transaction_of("a", "pacs", 1) in names
