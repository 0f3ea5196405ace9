"""The trail: whole lines on disk, whoever was killed while it added one."""

import multiprocessing
import os
import resource
import signal
import stat
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from mumap_node.dicom.audit import APPLICATION_ACTIVITY, AuditMessage, Outcome, Participant
from mumap_node.node.audit.trail import MOST_BYTES, Trail, is_before
from trails import trail as read_trail

AT = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
DAY = "2026-03-01"


def message(number: int = 0, **changes: object) -> AuditMessage:
    given = {
        "key": f"{number:032x}",
        "event": APPLICATION_ACTIVITY,
        "action": "E",
        "at": AT,
        "participants": (Participant("mumap-node", None, is_requestor=False),),
    }
    return AuditMessage(**(given | changes))


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(tmp_path / "audit", "MUMAP", lambda: AT)


def keys(trail: Trail) -> list[int]:
    return [int(told.key, 16) for told in read_trail(trail.folder.parent)]


def test_a_message_is_a_line_of_syslog_in_the_file_of_its_day(trail):
    trail.add(message(7))

    (told,) = read_trail(trail.folder.parent)
    assert (told.priority, told.time) == (85, "2026-03-01T23:59:00.000000Z")
    assert told.of("AuditSourceIdentification", "AuditSourceID") == ["MUMAP"]
    assert trail.days() == [DAY]


@pytest.mark.parametrize(
    ("outcome", "priority"), [(Outcome.MINOR_FAILURE, 84), (Outcome.SERIOUS_FAILURE, 83)]
)
def test_failures_are_more_severe(trail, outcome, priority):
    trail.add(message(outcome=outcome))

    assert [told.priority for told in read_trail(trail.folder.parent)] == [priority]


def test_nobody_but_the_user_of_the_node_can_read_it(trail):
    old = os.umask(0)
    try:
        trail.add(message())
    finally:
        os.umask(old)

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (trail.folder, *trail.folder.iterdir())]
    assert modes == [0o700, 0o600]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave a file to somebody")
def test_what_root_adds_belongs_to_the_user_of_the_node(trail):
    os.chown(trail.folder.parent, 65534, 65534)
    trail.add(message())

    made = [trail.folder, *trail.folder.iterdir()]
    assert [(path.stat().st_uid, path.stat().st_gid) for path in made] == [(65534, 65534)] * 2


@pytest.mark.parametrize("unfinished", [b"<85>1 unfini", b"x" * 200_000])
def test_a_line_that_a_killed_process_left_unfinished_is_never_read_and_leaves_no_trace(
    trail, unfinished
):
    trail.add(message(1))
    with (trail.folder / f"{DAY}.log").open("ab") as file:
        file.write(unfinished)
    before = trail.read(DAY, 0)

    trail.add(message(2))

    assert len(before) == 1
    assert keys(trail) == [1, 2]


def test_a_file_that_holds_nothing_but_an_unfinished_line_begins_anew(trail):
    trail.add(message(1))
    (trail.folder / f"{DAY}.log").write_bytes(b"<85>1 unfini")

    trail.add(message(2))

    assert keys(trail) == [2]


def test_what_does_not_fit_on_the_disk_is_not_added_and_what_was_there_stays(trail):
    trail.add(message(1))
    size = trail.size(DAY)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            trail.add(message(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)

    assert trail.size(DAY) == size
    trail.add(message(3))
    assert keys(trail) == [1, 3]


def add_many(folder: Path, first: int) -> None:
    trail = Trail(folder, "MUMAP", lambda: AT)
    for number in range(first, first + 20):
        trail.add(message(number))


def test_processes_that_add_at_the_same_time_do_not_disturb_each_other(trail):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=add_many, args=(trail.folder, n * 100)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    found = keys(trail)
    assert sorted(found) == [n * 100 + number for n in range(3) for number in range(20)]
    for n in range(3):
        own = [number for number in found if number // 100 == n]
        assert own == sorted(own)


def test_it_is_read_in_parts_from_anywhere(trail):
    for number in range(3):
        trail.add(message(number, description="x" * 200))
    lines = trail.read(DAY, 0)

    assert trail.read(DAY, len(lines[0])) == lines[1:]
    assert trail.read(DAY, trail.size(DAY)) == []


def test_a_part_is_not_much_longer_than_is_read_at_once(trail):
    trail.add(message())
    with (trail.folder / f"{DAY}.log").open("ab") as file:
        file.write((b"x" * 99_999 + b"\n") * 20)

    assert MOST_BYTES <= sum(map(len, trail.read(DAY, 0))) < MOST_BYTES + 100_000


def test_before_the_first_message_there_is_nothing(trail):
    assert trail.days() == []


@pytest.mark.parametrize(("day", "is_over"), [("2026-02-28", True), (DAY, False), ("notes", False)])
def test_a_day_is_over_by_its_name(day, is_over):
    assert is_before(day, date(2026, 3, 1)) is is_over
