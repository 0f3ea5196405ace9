"""Messages of storage commitment, from bytes to values and back."""

from io import BytesIO

import pytest
from pydicom import Dataset
from pynetdicom.dsutils import decode, encode

from mumap_node.dicom.commitment import (
    ALL_COMMITTED,
    SOME_FAILED,
    Reference,
    Report,
    Request,
    read_report,
    read_request,
    report_dataset,
    request_dataset,
)
from mumap_node.errors import InputRejected

NM = "1.2.840.10008.5.1.4.1.1.20"
FIRST, SECOND = Reference(NM, "2.25.1"), Reference(NM, "2.25.2")


def _sent(dataset: Dataset) -> Dataset:
    """As the other side decodes it."""
    encoded = encode(dataset, True, True)
    assert encoded is not None
    return decode(BytesIO(encoded), True, True)


def test_a_request_is_read_as_it_was_written() -> None:
    request = Request("2.25.7", (FIRST, SECOND))
    assert read_request(_sent(request_dataset(request))) == request


def test_a_report_that_all_is_kept_has_no_failures() -> None:
    sent = _sent(report_dataset("2.25.7", [FIRST, SECOND], {}))
    assert "FailedSOPSequence" not in sent
    report = read_report(sent)
    assert report == Report("2.25.7", ("2.25.1", "2.25.2"), {})
    assert report.event_type == ALL_COMMITTED


def test_a_report_names_what_is_kept_and_what_is_not() -> None:
    report = read_report(_sent(report_dataset("2.25.7", [FIRST, SECOND], {SECOND: 0x0112})))
    assert report == Report("2.25.7", ("2.25.1",), {"2.25.2": 0x0112})
    assert report.event_type == SOME_FAILED


def test_a_report_that_nothing_is_kept_has_no_empty_sequence() -> None:
    sent = _sent(report_dataset("2.25.7", [FIRST], {FIRST: 0x0112}))
    assert "ReferencedSOPSequence" not in sent


@pytest.mark.parametrize("transaction", [b"", b"2.25.x ", b"9" * 66])
def test_a_transaction_without_a_uid_is_refused(transaction: bytes) -> None:
    encoded = b"\x08\x00\x95\x11" + len(transaction).to_bytes(4, "little") + transaction
    references = _sent(request_dataset(Request("2.25.7", (FIRST,))))
    broken = decode(BytesIO(encoded), True, True)
    broken.ReferencedSOPSequence = references.ReferencedSOPSequence
    for read in (read_request, read_report):
        with pytest.raises(InputRejected) as caught:
            read(broken)
        assert caught.value.reason == "commitment-malformed"


def test_a_request_for_nothing_is_refused() -> None:
    with pytest.raises(InputRejected):
        read_request(_sent(request_dataset(Request("2.25.7", ()))))


def test_a_sequence_that_is_cut_off_is_refused() -> None:
    encoded = encode(request_dataset(Request("2.25.7", (FIRST,))), True, True)
    assert encoded is not None
    with pytest.raises(InputRejected):
        read_request(decode(BytesIO(encoded[:-9]), True, True))
