"""What is written as TOML is read back as it was."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from mumap_node.training.toml import to_toml

KEYS = st.text("abcdefghijklmnop_", min_size=1, max_size=8)
VALUES = (
    st.text(st.characters(codec="utf-8", exclude_characters="\x7f"))
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
