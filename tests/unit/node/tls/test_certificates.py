"""What certificates say, against what openssl says of them."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authorities import Authority, openssl
from mumap_node.errors import ConfigurationError
from mumap_node.node.tls.certificates import PeerCertificate, date_troubles, validity
from mumap_node.node.tls.contexts import RenewedContext, client_context, server_context
from mumap_node.node.tls.files import TlsFiles


@pytest.mark.parametrize("days", [-1, 30, 365 * 40], ids=["past", "soon", "after 2050"])
def test_dates_are_those_openssl_reads(hospital: Authority, days: int) -> None:
    made = hospital.issue(f"dated-{days}", days=days).certificate
    told = openssl("x509", "-in", made, "-noout", "-startdate", "-enddate").splitlines()
    expected = [
        datetime.fromtimestamp(ssl.cert_time_to_seconds(line.partition("=")[2]), UTC)
        for line in told
    ]
    assert list(validity(ssl.PEM_cert_to_DER_cert(made.read_text()))) == expected


def test_a_certificate_of_version_1_has_dates_too(tmp_path: Path) -> None:
    key, made = tmp_path / "key", tmp_path / "certificate"
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/CN=old", "-out",
            tmp_path / "request")  # fmt: skip
    openssl("x509", "-req", "-in", tmp_path / "request", "-signkey", key, "-out", made)
    begins, ends = validity(ssl.PEM_cert_to_DER_cert(made.read_text()))
    assert ends - begins == timedelta(days=30)


@pytest.mark.parametrize(
    ("days_later", "reasons"),
    [
        (-1, [("certificate-not-yet-valid", True), ("certificate-not-yet-valid", False)]),
        (0, []),
        (59, []),
        (61, [("certificate-expires-soon", False)]),
        (91, [("certificate-expired", True)]),
        (366, [("certificate-expired", True), ("certificate-expired", False)]),
    ],
)
def test_trouble_is_told_30_days_before(
    ours: TlsFiles, days_later: int, reasons: list[tuple[str, bool]]
) -> None:
    now = datetime.now(UTC) + timedelta(days=days_later)
    assert [(found.reason, found.stops) for found in date_troubles(ours, now)] == reasons


def test_every_certificate_of_a_file_is_looked_at(tmp_path: Path, hospital: Authority) -> None:
    old = hospital.issue("authority-of-old", days=-1).certificate
    both = tmp_path / "authorities.pem"
    both.write_text(f"Hospital\n{hospital.certificate.read_text()}\nOld\n{old.read_text()}")
    files = replace(hospital.issue("with-two"), authorities=both)
    (found,) = date_troubles(files, datetime.now(UTC))
    assert found.sentence.startswith(f"tls.authorities: expected certificate 2 of {both} to be")
    assert not found.stops


@pytest.mark.parametrize(
    "damage", ["", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"]
)
def test_a_damaged_file_is_told(ours: TlsFiles, tmp_path: Path, damage: str) -> None:
    damaged = tmp_path / "damaged.pem"
    damaged.write_text(damage)
    (found,) = date_troubles(replace(ours, certificate=damaged), datetime.now(UTC))
    assert (found.reason, found.stops) == ("tls-files", True)


@pytest.mark.parametrize(
    ("wanted", "is_it"),
    [
        ("camera.example.org", True),
        ("Camera.Example.ORG", True),
        ("192.0.2.17", True),
        ("ab" * 32, True),
        (":".join(["AB"] * 32), True),
        ("example.org", False),
        ("xcamera.example.org", False),
        ("ac" * 32, False),
        ("ab", False),
        ("", False),
    ],
)
def test_a_certificate_is_of_its_names_and_its_fingerprint(wanted: str, is_it: bool) -> None:
    shown = PeerCertificate(("camera.example.org", "192.0.2.17"), "ab" * 32)
    assert shown.is_of(wanted) is is_it


class TestFiles:
    """What is wrong with files is told at once, and by the name of the key."""

    def problems(self, files: TlsFiles) -> tuple[str, ...]:
        with pytest.raises(ConfigurationError) as refused:
            client_context(files)
        assert refused.value.reason == "tls-files"
        return refused.value.problems

    def test_missing(self, tmp_path):
        nowhere = TlsFiles(tmp_path / "a", tmp_path / "b", tmp_path / "c")
        assert [problem.partition(":")[0] for problem in self.problems(nowhere)] == [
            "tls.certificate",
            "tls.key",
            "tls.authorities",
        ]

    def test_the_key_of_another_certificate(self, ours, hospital):
        (problem,) = self.problems(replace(ours, key=hospital.issue("another").key))
        assert problem.startswith("tls.key: expected the certificate ")
        assert problem.endswith("found: key values mismatch")

    def test_a_key_with_a_password_asks_nobody(self, ours, tmp_path):
        locked = tmp_path / "locked.key"
        openssl("rsa", "-in", ours.key, "-aes256", "-passout", "pass:secret", "-out", locked)
        (problem,) = self.problems(replace(ours, key=locked))
        assert "in PEM without a password" in problem

    def test_no_pem(self, ours, tmp_path):
        junk = tmp_path / "junk"
        junk.write_bytes(b"\x30\x82\x01\x00")
        assert len(self.problems(replace(ours, certificate=junk, authorities=junk))) == 2

    def test_a_key_too_short_for_bcp_195(self, ours, tmp_path):
        files = TlsFiles(tmp_path / "weak.pem", tmp_path / "weak.key", ours.authorities)
        openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", files.key, "-out",
                files.certificate, "-subj", "/CN=weak")  # fmt: skip
        (problem,) = self.problems(files)
        assert problem.endswith("found: ee key too small")

    def test_files_that_disappear_leave_the_former_context(self, hospital):
        files = hospital.issue("disappearing")
        renewed = RenewedContext(files, server_context, lambda: datetime.now(UTC))
        before = renewed.current()
        files.key.unlink()
        assert renewed.current() is before
