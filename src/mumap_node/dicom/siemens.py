"""The private scale of Siemens's NM objects, as two independent readers of its maps take it."""

CREATOR, GROUP = "SIEMENS MED NM", 0x0033
"""Private creator and the group its block stands in."""

SCALE = 0x38
"""Element of the block: stored values per 1/cm, VR FL."""
