"""What is told of a sending, to stations and to services."""

from datetime import UTC, datetime

import pytest

from builders import nac_file
from mumap_node.dicom.audit import AuditMessage, Outcome, Study
from mumap_node.node.audit.events import Transfer, key_of
from mumap_node.node.dicomweb.destination import WebDestination
from mumap_node.node.routing import Destination

AT = datetime(2026, 3, 1, tzinfo=UTC)
UIDS = ("1.2.3.1", "1.2.3.2")
STATION = Destination("pacs", "ARCHIVE", "pacs.example.org", 104)
SERVICE = WebDestination("cloud", "https://cloud.example.org/dicom-web", "standard")


def transfer(
    key: str = "deliver/1", destination: Destination | WebDestination = STATION
) -> Transfer:
    files = [nac_file(SOPInstanceUID=uid) for uid in UIDS]
    return Transfer(key, files, "MUMAP", destination)


def uids(message: AuditMessage) -> list[str]:
    (study,) = (one for one in message.objects if isinstance(one, Study))
    return [uid for _, uid in study.instances]


@pytest.mark.parametrize(
    ("accepted", "told"),
    [
        (2, [(["1.2.3.1", "1.2.3.2"], Outcome.SUCCESS, "")]),
        (
            1,
            [
                (["1.2.3.1"], Outcome.SUCCESS, ""),
                (["1.2.3.2"], Outcome.SERIOUS_FAILURE, "found it full"),
            ],
        ),
        (0, [(["1.2.3.1", "1.2.3.2"], Outcome.SERIOUS_FAILURE, "found it full")]),
    ],
)
def test_what_was_accepted_and_what_was_not_are_told_apart(accepted, told):
    messages = transfer().ended(AT, accepted, Outcome.SERIOUS_FAILURE, "found it full")

    assert [(uids(one), one.outcome, one.description) for one in messages] == told


def test_all_is_told_before_it_is_sent():
    begins = transfer().begins(AT)

    assert (begins.event.meaning, begins.action) == ("Begin Transferring DICOM Instances", "E")
    assert uids(begins) == list(UIDS)


def test_an_attempt_that_is_repeated_is_the_same_event_and_another_is_another():
    first, again, other = (
        [one.key for one in (made.begins(AT), *made.ended(AT, 1, Outcome.MINOR_FAILURE, "x"))]
        for made in (transfer(), transfer(), transfer("deliver/2"))
    )

    assert first == again
    assert len({*first, *other}) == 6


@pytest.mark.parametrize(
    ("destination", "user_id", "ae_title", "address"),
    [
        (STATION, "ARCHIVE", "ARCHIVE", "pacs.example.org"),
        (SERVICE, SERVICE.url, "", SERVICE.url),
    ],
)
def test_a_destination_is_known_by_its_title_or_its_url(destination, user_id, ae_title, address):
    _, them = transfer(destination=destination).begins(AT).participants

    assert (them.user_id, them.ae_title, them.address) == (user_id, ae_title, address)


def test_keys_depend_on_where_parts_end():
    assert key_of("ab", "c") != key_of("a", "bc")
