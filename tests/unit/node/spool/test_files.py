import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mumap_node.node.spool.files import (
    RecordDamagedError,
    Spool,
    UnfinishedFile,
    create_record,
    move_durably,
    read_record,
    write_durably,
    write_record,
)
from mumap_node.node.spool.records import Delivery, DeliveryState, OperatorWord, Result, Verb
from records import result

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "deep" / "spool")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_arrival_is_head_and_dataset(spool: Spool) -> None:
    path = spool.store_arrival(b"head", memoryview(b"dataset"))
    assert path.read_bytes() == b"headdataset"
    assert spool.arrivals() == [path]


def test_arrivals_are_in_the_order_they_came(spool: Spool) -> None:
    stored = [spool.store_arrival(b"", bytes([number])) for number in range(20)]
    assert spool.arrivals() == stored


def test_opening_a_spool_again_changes_nothing(spool: Spool) -> None:
    stored = spool.store_arrival(b"head", b"")
    assert Spool(spool.root).arrivals() == [stored]


def test_half_an_arrival_is_not_seen_and_can_be_cleared(spool: Spool) -> None:
    stored = spool.store_arrival(b"whole", b"")
    half = UnfinishedFile(spool.inbox / "9.dcm")
    half.write(b"half")
    assert spool.arrivals() == [stored]
    assert spool.clear_unfinished_arrivals() == 1
    assert names(spool.inbox) == [stored.name]
    half.close()


def test_a_file_gets_its_name_whole_or_not_at_all(tmp_path: Path) -> None:
    with UnfinishedFile(tmp_path / "file") as unfinished:
        unfinished.write(b"half")
        assert "file" not in names(tmp_path)
    assert names(tmp_path) == []


def test_a_published_file_replaces_the_older_one(tmp_path: Path) -> None:
    write_durably(tmp_path / "file", b"old")
    write_durably(tmp_path / "file", b"n", b"ew")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_what_fails_to_be_written_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from mumap_node.node.spool.files import Spool\n"
        "spool = Spool(Path(sys.argv[1])); resource.setrlimit(resource.RLIMIT_FSIZE, (999, 999))\n"
        "try: spool.store_arrival(bytes(500), bytes(500))\n"
        "except OSError as error: print(error.errno, list(spool.inbox.iterdir()))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "27 []\n"  # EFBIG


def test_a_name_that_is_taken_leaves_nothing_either(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_durably(tmp_path / "file", b"data")
    assert names(tmp_path) == ["file"]


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with UnfinishedFile(path) as one, UnfinishedFile(path) as other:
        one.write(b"one")
        other.write(b"other")
        one.write(b" of two")
        other.publish()
        one.publish()
    assert path.read_bytes() == b"one of two"
    assert names(tmp_path) == ["file"]


def test_the_first_of_two_creators_wins(tmp_path: Path) -> None:
    path = tmp_path / "jobs" / "operator.json"
    path.parent.parent.mkdir(exist_ok=True)
    assert create_record(path, OperatorWord(Verb.CANCEL, NOW))
    assert not create_record(path, OperatorWord(Verb.DISCARD, NOW))
    assert read_record(OperatorWord, path) == OperatorWord(Verb.CANCEL, NOW)
    assert names(path.parent) == ["operator.json"]


def test_a_record_is_read_as_it_was_written(spool: Spool) -> None:
    path = spool.delivery_file("job", "pacs")
    delivery = Delivery("pacs", DeliveryState.REFUSED, reason="x", first_attempt_at=NOW)
    assert read_record(Delivery, path) is None
    write_record(path, delivery)
    assert read_record(Delivery, path) == delivery


def test_a_result_of_an_older_version_had_one_object_of_each_encoding(spool: Spool) -> None:
    made = result()
    write_record(spool.result_file("job"), made)
    path = spool.result_file("job")
    fields = json.loads(path.read_bytes())
    (fields["files"]["standard"],) = fields["files"]["standard"]
    path.write_text(json.dumps(fields))

    assert read_record(Result, path) == made


def test_a_broken_record_is_said_to_be_one(spool: Spool) -> None:
    path = spool.run / "broken.json"
    path.write_text('{"Doe^Jane": 1')
    with pytest.raises(RecordDamagedError, match=r"^record-damaged: .*broken\.json") as damage:
        read_record(Delivery, path)
    assert "Doe" not in str(damage.value)


class SpoolMachine(RuleBasedStateMachine):
    """Whatever arrives, breaks off, is cleared or restarted: what was stored is there, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.spool = Spool(Path(self.folder.name))
        self.acknowledged: list[bytes] = []
        self.taken: list[bytes] = []
        self.unfinished: list[UnfinishedFile] = []

    @rule(head=st.binary(max_size=8), dataset=st.binary(max_size=64))
    def arrive(self, head: bytes, dataset: bytes) -> None:
        self.spool.store_arrival(head, dataset)
        self.acknowledged.append(head + dataset)

    @rule(data=st.binary(max_size=64))
    def break_off(self, data: bytes) -> None:
        unfinished = UnfinishedFile(self.spool.inbox / f"9{len(self.unfinished)}.dcm")
        unfinished.write(data)
        self.unfinished.append(unfinished)

    @rule()
    def restart_receiver(self) -> None:
        self.spool = Spool(Path(self.folder.name))
        assert self.spool.clear_unfinished_arrivals() == len(self.unfinished)
        self._let_go()

    @precondition(lambda self: self.acknowledged)
    @rule()
    def take_the_oldest(self) -> None:
        instance = self.spool.instance_file(f"i{len(self.taken)}")
        instance.parent.mkdir()
        move_durably(self.spool.arrivals()[0], instance)
        self.taken.append(self.acknowledged.pop(0))

    @invariant()
    def nothing_acknowledged_is_lost(self) -> None:
        assert [path.read_bytes() for path in self.spool.arrivals()] == self.acknowledged
        kept = {self.spool.instance_file(i).read_bytes() for i in self.spool.instance_ids()}
        assert kept == set(self.taken)

    def teardown(self) -> None:
        self._let_go()
        self.folder.cleanup()

    def _let_go(self) -> None:
        for unfinished in self.unfinished:
            unfinished.close()
        self.unfinished = []


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
