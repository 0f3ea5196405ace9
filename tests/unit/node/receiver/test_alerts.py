"""Security alerts are told within bounds."""

from datetime import UTC, datetime, timedelta

import pytest

from mumap_node.dicom.audit import AuditMessage, Suspect
from mumap_node.node.receiver.access import Refusal, refuse_address, refuse_for_now
from mumap_node.node.receiver.alerts import MOST, WINDOW, Alerts
from mumap_node.node.reception import Caller

STRANGER = Refusal("peer-address", "expected a peer, found another", "", (1, 1, 3))


class House:
    """Alerts, what they told, and a clock."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        self.told: list[AuditMessage] = []
        self.alerts = Alerts("MUMAP", self.told.append, lambda: self.now)

    def call(self, address: str = "192.0.2.1", refusal: Refusal = STRANGER) -> None:
        self.alerts.tell(Caller("", "", address), refusal)

    def descriptions(self) -> list[str]:
        suspects = [one for message in self.told for one in message.objects]
        return [one.description for one in suspects if isinstance(one, Suspect)]


@pytest.fixture
def house() -> House:
    return House()


def test_the_same_of_an_address_is_told_once_an_hour_and_then_how_often(house: House) -> None:
    for _ in range(4):
        house.call()
    house.now += WINDOW
    house.call()

    more = "3 more callers like those before were turned away"
    assert house.descriptions() == [STRANGER.sentence, more, STRANGER.sentence]
    assert len({message.key for message in house.told}) == 3


def test_another_reason_or_address_is_told_at_once(house: House) -> None:
    other = refuse_address((), "192.0.2.1")
    assert other is not None
    house.call()
    house.call("192.0.2.2")
    house.call(refusal=Refusal("certificate-expired", other.sentence, "", other.wire))

    assert len(house.told) == 3


def test_a_scan_of_the_network_does_not_fill_the_disk(house: House) -> None:
    for number in range(MOST + 50):
        house.call(f"2001:db8::{number:x}")
    house.alerts.close()

    assert len(house.told) == MOST + 1
    assert house.descriptions()[-1].startswith("50 more callers")


def test_a_node_without_room_is_no_alert(house: House) -> None:
    house.call(refusal=refuse_for_now(50))
    house.now += timedelta(days=1)
    house.alerts.close()

    assert house.told == []
