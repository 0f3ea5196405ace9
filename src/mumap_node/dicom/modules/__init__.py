"""The modules of what is written, as PS3.3 lists them for the IODs of maps and reports."""
