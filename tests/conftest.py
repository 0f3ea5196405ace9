"""What every test may ask for."""

from pathlib import Path

import pytest

from builders import SHARED_DATA


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
def shared_data() -> Path:
    """The folder of real and hostile files, which the project does not ship."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is absent: no real or hostile files to run against")
    return SHARED_DATA
