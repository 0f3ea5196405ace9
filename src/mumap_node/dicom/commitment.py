"""Storage commitment: what is asked and reported about stored objects. Source: PS3.4 annex J.3."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydicom import Dataset

from mumap_node.dicom.elements import PYDICOM_ERRORS, items, text, value
from mumap_node.dicom.identity import LONGEST_UID
from mumap_node.dicom.quiet import quiet
from mumap_node.errors import InputRejected

ALL_COMMITTED = 1
SOME_FAILED = 2
"""Event types of a report. Source: PS3.4 table J.3-2."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")  # PS3.5 9.1, but some cameras write leading zeros


@dataclass(frozen=True, slots=True)
class Reference:
    """One object that is asked about."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Request:
    """Which objects somebody wants to be kept.

    Attributes:
        transaction_uid: Names the request; its report repeats it.
        references: The objects, at least one.
    """

    transaction_uid: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Which of them are kept.

    Attributes:
        transaction_uid: Of the request.
        committed: SOP Instance UIDs of the objects that are kept.
        failed: Failure Reason (0008,1197) by SOP Instance UID of those that are not.
    """

    transaction_uid: str
    committed: tuple[str, ...]
    failed: dict[str, int]

    @property
    def event_type(self) -> int:
        """As the message says it."""
        return SOME_FAILED if self.failed else ALL_COMMITTED


def request_dataset(request: Request) -> Dataset:
    """Action Information of an N-ACTION. Source: PS3.4 table J.3-1."""
    dataset = Dataset()
    dataset.TransactionUID = request.transaction_uid
    dataset.ReferencedSOPSequence = [_item(reference) for reference in request.references]
    return dataset


def report_dataset(
    transaction_uid: str, references: Iterable[Reference], failed: Mapping[Reference, int]
) -> Dataset:
    """Event Information of an N-EVENT-REPORT. Source: PS3.4 table J.3-2.

    Args:
        transaction_uid: Of the request.
        references: All objects it asked about.
        failed: Failure Reason of those that are not kept.
    """
    dataset = Dataset()
    dataset.TransactionUID = transaction_uid
    committed = [_item(reference) for reference in references if reference not in failed]
    if committed:
        dataset.ReferencedSOPSequence = committed
    if failed:
        dataset.FailedSOPSequence = [_item(reference, why) for reference, why in failed.items()]
    return dataset


@quiet()
def read_request(dataset: Dataset) -> Request:
    """Read the Action Information of an N-ACTION.

    Raises:
        InputRejected: ``commitment-malformed``.
    """
    try:
        references = tuple(_reference(item) for item in items(dataset, "ReferencedSOPSequence"))
        if not references:
            raise ValueError("expected objects")
        return Request(_uid(dataset, "TransactionUID"), references)
    except (*PYDICOM_ERRORS, InputRejected):
        raise _malformed() from None


@quiet()
def read_report(dataset: Dataset) -> Report:
    """Read the Event Information of an N-EVENT-REPORT.

    Raises:
        InputRejected: ``commitment-malformed``.
    """
    try:
        committed = (_reference(item) for item in items(dataset, "ReferencedSOPSequence"))
        return Report(
            _uid(dataset, "TransactionUID"),
            tuple(reference.sop_instance_uid for reference in committed),
            {
                _reference(item).sop_instance_uid: int.from_bytes(
                    value(item, "FailureReason"), "little"
                )
                for item in items(dataset, "FailedSOPSequence")
            },
        )
    except (*PYDICOM_ERRORS, InputRejected):
        raise _malformed() from None


def _item(reference: Reference, failure_reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    if failure_reason is not None:
        item.FailureReason = failure_reason
    return item


def _reference(item: Dataset) -> Reference:
    return Reference(_uid(item, "ReferencedSOPClassUID"), _uid(item, "ReferencedSOPInstanceUID"))


def _uid(dataset: Dataset, keyword: str) -> str:
    uid = text(dataset, keyword)
    if len(uid) > LONGEST_UID or not _UID.fullmatch(uid):
        raise ValueError("expected a UID")
    return uid


def _malformed() -> InputRejected:
    return InputRejected(
        "commitment-malformed", "expected a transaction and objects with their UIDs, found others"
    )
