"""The modules of a written map, as PS3.3 A.5 lists them for the NM Image IOD."""
