"""Who was turned away is kept for people, within bounds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mumap_node.node.rejections import MOST, NAME, Rejections, read_rejections
from mumap_node.node.totals import Total, read_total

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A minute passes whenever somebody looks."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


def keep(rejections: Rejections, calling: str = "CAMERA", address: str = "192.0.2.1") -> None:
    rejections.keep(
        calling,
        "MUMAP",
        address,
        reason="calling-ae-title",
        sentence="expected a peer",
        settings="[[peers]]",
    )


def test_a_caller_that_comes_again_is_counted_and_the_last_comes_first(tmp_path: Path) -> None:
    rejections = Rejections(tmp_path, Clock())
    for calling in ("CAMERA", "PACS", "CAMERA"):
        keep(rejections, calling)

    first, second = read_rejections(tmp_path)

    assert (first.calling_ae_title, first.count) == ("CAMERA", 2)
    assert first.last_at - first.first_at == timedelta(minutes=2)
    assert (second.calling_ae_title, second.count) == ("PACS", 1)


def test_they_outlive_the_receiver(tmp_path: Path) -> None:
    clock = Clock()
    keep(Rejections(tmp_path, clock))
    keep(Rejections(tmp_path, clock))

    (kept,) = read_rejections(tmp_path)

    assert kept.count == 2


def test_a_scan_of_the_network_does_not_fill_the_disk(tmp_path: Path) -> None:
    rejections = Rejections(tmp_path, Clock())
    for number in range(MOST + 5):
        keep(rejections, address=f"2001:db8::{number:x}")

    kept = read_rejections(tmp_path)

    assert len(kept) == MOST
    assert kept[0].address == f"2001:db8::{MOST + 4:x}"
    assert {path.name for path in tmp_path.iterdir()} == {NAME, "total-rejected.json"}
    assert read_total(tmp_path, Total.REJECTED) == {("calling-ae-title",): MOST + 5}


def test_a_caller_without_end_does_not_keep_the_disk_busy(tmp_path: Path) -> None:
    clock = Clock()
    rejections = Rejections(tmp_path, clock)
    keep(rejections)
    written = (tmp_path / NAME).read_bytes()

    for _ in range(3):
        clock.now -= timedelta(seconds=59.9)
        keep(rejections)

    assert (tmp_path / NAME).read_bytes() == written
    keep(rejections)
    assert read_rejections(tmp_path)[0].count == 5


def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()

    assert read_rejections(tmp_path) == ()


def test_what_a_stranger_sends_cannot_move_the_cursor_of_a_terminal(tmp_path: Path) -> None:
    keep(Rejections(tmp_path, Clock()), calling="\x1b[2JEVIL" + "X" * 40)

    (kept,) = read_rejections(tmp_path)

    assert kept.calling_ae_title == "?[2JEVILXXXXXXXX"


def test_a_damaged_file_and_a_disk_that_refuses_cost_nothing_else(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("[{")
    assert read_rejections(tmp_path) == ()

    keep(Rejections(tmp_path / "missing", Clock()))
    keep(Rejections(tmp_path, Clock()))

    assert len(read_rejections(tmp_path)) == 1
