"""A template as a site might review it, different from the standard wherever it can be."""

from mumap_node.dicom.template import PrivateElement, Template

ALLOWED = PrivateElement(
    allow=True, group=0x0055, creator="STATION 1.0", element=0x10, vr="SH", value=("AC MAP",)
)

TEMPLATE = Template(
    image_type=("ORIGINAL", "PRIMARY", "RECON TOMO", "TRANSMISSION", "AC_MAP"),
    series_description="ACMAP {source}",
    stored_per_lac=20000.0,
    carriers=("rescale-slope", "siemens"),
    signed=True,
    first_frame="head",
    private=(
        ALLOWED,
        ALLOWED.model_copy(update={"allow": False, "element": 0x11}),
        ALLOWED.model_copy(update={"element": 0x12, "vr": "FL", "value": (1.5, 2.0)}),
    ),
)
