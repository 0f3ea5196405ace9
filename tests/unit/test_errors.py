"""What stops is told apart, and stays what it is on its way between processes."""

import pickle

import pytest

from mumap_node.errors import ConfigurationError, InputRejected, NodeError, TransientError


@pytest.mark.parametrize(
    "error",
    [
        InputRejected("no-counts", "expected counts, found none"),
        TransientError("peer-away", "expected an answer"),
        ConfigurationError("model-card", ["one is wrong", "another too"]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_a_worker_process_arrives_whole(error: NodeError) -> None:
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)

    assert type(arrived) is type(error)
    assert str(arrived) == str(error) == f"{error.reason}: {error.sentence}"
    assert vars(arrived) == vars(error)
