import tomllib
from dataclasses import replace
from ipaddress import ip_network

import pytest

from mumap_node.node.receiver.access import (
    refuse_address,
    refuse_certificate,
    refuse_contexts,
    refuse_for_now,
    refuse_titles,
)
from mumap_node.node.routing import Peer
from mumap_node.node.tls.certificates import PeerCertificate

PEERS = (
    Peer("camera", "CAMERA", (ip_network("192.0.2.17"),)),
    Peer("second", "CAMERA", (ip_network("2001:db8::/64"),)),
)


@pytest.mark.parametrize("address", ["192.0.2.17", "::ffff:192.0.2.17", "2001:db8::5"])
def test_a_listed_address_may_connect(address: str) -> None:
    assert refuse_address(PEERS, address) is None


@pytest.mark.parametrize("address", ["192.0.2.18", "2001:db9::5", "::1", "nonsense", ""])
def test_any_other_address_may_not(address: str) -> None:
    refusal = refuse_address(PEERS, address)
    assert refusal is not None
    assert refusal.reason == "peer-address"


def test_peers_with_the_same_title_may_call_from_different_addresses() -> None:
    for address in ("192.0.2.17", "2001:db8::5"):
        assert (
            refuse_titles(PEERS, "MUMAP", called="MUMAP", calling="CAMERA", address=address) is None
        )


def test_spaces_around_titles_mean_nothing() -> None:
    refusal = refuse_titles(
        PEERS, "MUMAP", called=" MUMAP  ", calling="CAMERA  ", address="192.0.2.17"
    )
    assert refusal is None


@pytest.mark.parametrize(("called", "calling"), [("mumap", "CAMERA"), ("MUMAP", "Camera")])
def test_capitals_matter(called: str, calling: str) -> None:
    address = "192.0.2.17"
    assert refuse_titles(PEERS, "MUMAP", called=called, calling=calling, address=address)


def test_a_title_that_is_no_name_gets_one_that_can_be_pasted() -> None:
    refusal = refuse_titles(PEERS, "MUMAP", called="MUMAP", calling='"A\\B"*', address="192.0.2.17")
    assert refusal is not None
    assert 'name = "a-b"' in refusal.settings
    assert 'ae_title = "\\"A\\\\B\\"*"' in refusal.settings


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("SPECT 1 of Radiology", "spect1.example.org"), "spect1.example.org"),
        (("*.example.org",), "ab" * 32),
        ((), "ab" * 32),
    ],
)
def test_a_certificate_is_told_by_a_name_the_settings_take(
    names: tuple[str, ...], told: str
) -> None:
    camera = replace(PEERS[0], certificate="camera.example.org")
    refusal = refuse_certificate(camera, PeerCertificate(names, "ab" * 32))
    assert refusal is not None
    (peer,) = tomllib.loads(refusal.settings)["peers"]
    assert (peer["tls"], peer["certificate"]) == (True, told)
    assert (
        refuse_certificate(replace(camera, certificate=told), PeerCertificate(names, "ab" * 32))
        is None
    )


def test_room_for_more_is_twice_as_much() -> None:
    assert refuse_for_now(50).settings == "[receiver]\nmax_associations = 100\n"


NM, CT, VERIFICATION = (
    "1.2.840.10008.5.1.4.1.1.20",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.1.1",
)
WORKLIST = "1.2.840.10008.5.1.4.31"


def test_a_sop_class_nobody_takes_can_be_pasted_beside_those_that_are_taken() -> None:
    refusal = refuse_contexts([CT, WORKLIST], [VERIFICATION, NM])

    assert refusal.reason == "no-sop-class"
    assert "CT Image Storage" in refusal.sentence
    classes = tomllib.loads(refusal.settings)["receiver"]["storage_classes"]
    assert classes == ["NuclearMedicineImageStorage", "CTImageStorage"]


def test_what_is_taken_in_another_encoding_needs_no_setting() -> None:
    refusal = refuse_contexts([NM], [VERIFICATION, NM])

    assert (refusal.reason, refusal.settings) == ("no-transfer-syntax", "")
    assert "Nuclear Medicine Image Storage" in refusal.sentence


def test_a_caller_that_proposes_everything_gets_a_short_answer() -> None:
    many = [f"1.2.840.10008.5.1.4.1.1.{number}" for number in range(100, 228)]

    assert "and 123 more" in refuse_contexts(many, [VERIFICATION, NM]).sentence


def test_what_no_setting_admits_gets_no_lines() -> None:
    assert refuse_contexts([WORKLIST], [VERIFICATION, NM]).settings == ""
