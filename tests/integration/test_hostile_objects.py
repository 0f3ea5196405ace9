"""Any bytes at all give a map or a rejection with a reason, never any other error.

The sentence is h11's; the corpus is public, the mutations are our own and seeded.
"""

import resource
from collections import Counter
from collections.abc import Iterator

import pytest

from builders import model, provenance
from mumap_node.dicom.digests import dataset_sha256, image_sha256
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.selection import is_own_map
from mumap_node.errors import InputRejected
from mumap_node.pipeline import Request, make_attenuation_map
from mutations import good_files, mutated

MUTATIONS = 2000
MOST_MEMORY_BYTES = 400 << 20
"""How much the process may grow over all of it: claims of gigabytes must not be believed."""


def answer(file: bytes) -> str:
    """What becomes of a file: "map", or the reason it was rejected with."""
    try:
        dataset = read_dataset(file)
        dataset_sha256(dataset)
        image_sha256(dataset)
        is_own_map(dataset)
        made = make_attenuation_map(dataset, model(), Request(assume_nac=True), provenance())
        read_dataset(to_bytes(made.objects["standard"][0]))
    except InputRejected as error:
        rejection = error
    else:
        return "map"
    assert rejection.reason
    assert rejection.sentence
    assert "Phantom" not in str(rejection)
    return rejection.reason


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """Fails a test that makes the process grow beyond MOST_MEMORY_BYTES."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MOST_MEMORY_BYTES


def test_every_malformed_file_is_rejected_with_a_reason(shared_data, bounded_memory, capfd):
    files = sorted((shared_data / "malformed").rglob("*.dcm"))

    answers = Counter(answer(file.read_bytes()) for file in files)

    assert sum(answers.values()) == len(files) > 100
    assert "map" not in answers
    assert "".join(capfd.readouterr()) == ""


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
    return good_files()


@pytest.mark.parametrize("part", range(4))
def test_any_mutation_is_answered_or_rejected(good, part, bounded_memory, capfd):
    """2,000 seeded mutations in four parts; a failing seed is named."""
    answers: Counter[str] = Counter()
    for seed in range(part * MUTATIONS // 4, (part + 1) * MUTATIONS // 4):
        mutation, file = mutated(good, seed)
        try:
            answers[answer(file)] += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed}, {mutation.__name__}: {error!r}") from error

    assert answers["map"] > 0
    assert len(answers) > 5
    assert "".join(capfd.readouterr()) == ""


def test_good_objects_are_answered(good):
    assert {answer(file) for file in good.values()} == {"map"}
