"""The demo: a camera, a node and a workstation on one machine, for a first look."""
