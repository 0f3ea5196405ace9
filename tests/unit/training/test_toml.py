"""What is written as TOML is read back as it was."""

import tomllib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumap_node.errors import ConfigurationError
from mumap_node.training.toml import to_toml

KEYS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = (
    st.text(st.characters(codec="utf-8"))
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)
TABLES = st.recursive(
    st.dictionaries(KEYS, VALUES | st.lists(st.floats(-1e9, 1e9)), max_size=4),
    lambda children: st.dictionaries(KEYS, VALUES | children, max_size=4),
    max_leaves=12,
)


@given(TABLES)
def test_what_is_written_is_read_back(content):
    assert tomllib.loads(to_toml(content)) == content


def test_what_is_none_is_left_out():
    assert tomllib.loads(to_toml({"a": None, "b": {"c": None}})) == {"b": {}}


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**63, [None], [{"b": 1}], date(2000, 1, 1), b"bytes"],
    ids=str,
)
def test_what_cannot_be_written_is_refused(value):
    with pytest.raises(ConfigurationError, match=r"limits\.a: expected") as error:
        to_toml({"limits": {"a": value}})
    assert error.value.reason == "model-card"
