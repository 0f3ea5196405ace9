"""What every test may ask for."""

from pathlib import Path

import pytest

from authorities import Authority, make_authority
from builders import SHARED_DATA
from debian import NotToBeHadError
from mumap_node.node.tls.files import TlsFiles
from peers import INSTALLED, OrthancRelease, newer_orthanc


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite tests/golden with what the code gives now; review the difference",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority everybody trusts."""
    return make_authority(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="session")
def ours(hospital: Authority) -> TlsFiles:
    """The node's certificate."""
    return hospital.issue("mumap.example.org", address="127.0.0.1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real and hostile files, which the project does not ship."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is absent: no real or hostile files to run against")
    return SHARED_DATA


@pytest.fixture(scope="session")
def orthanc_1_12() -> OrthancRelease:
    """Orthanc of the next Debian."""
    try:
        return newer_orthanc()
    except NotToBeHadError as reason:
        pytest.skip(f"Orthanc 1.12 is not to be had here: {reason}")


@pytest.fixture(scope="session", params=["orthanc", "orthanc-1.12"])
def orthanc_release(request: pytest.FixtureRequest) -> OrthancRelease:
    """Orthanc as it is installed, and for the same test again the next one."""
    if request.param == "orthanc":
        return INSTALLED
    newer: OrthancRelease = request.getfixturevalue("orthanc_1_12")
    return newer
