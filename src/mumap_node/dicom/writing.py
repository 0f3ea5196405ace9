"""An attenuation map to a dataset, as an output profile encodes it."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from pydicom import Dataset

from mumap_node.dicom.pixels import read_pixel_format
from mumap_node.dicom.profiles.nuclear_medicine import research, siemens, standard
from mumap_node.dicom.profiles.order import Encode, Order
from mumap_node.dicom.profiles.parametric_map import parametric_map
from mumap_node.dicom.profiles.pseudo_ct import NAME as PSEUDO_CT
from mumap_node.dicom.profiles.pseudo_ct import pseudo_ct
from mumap_node.dicom.profiles.template import as_template
from mumap_node.dicom.projections.header import as_reconstruction
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.quiet import quiet
from mumap_node.dicom.selection import are_projections
from mumap_node.dicom.template import Template
from mumap_node.imaging.findings import Finding
from mumap_node.imaging.model_card import ModelCard
from mumap_node.imaging.volume import Quantity, Volume

__all__ = ["PROFILES", "Provenance", "encoding", "in_file_name", "write_attenuation_map"]

PROFILES: Mapping[str, Encode] = MappingProxyType(
    {
        "standard": standard,
        "research": research,
        "siemens": siemens,
        "parametric-map": parametric_map,
    }
)
"""Output profiles by name: how the map is encoded for one kind of receiving station."""


def encoding(profile: str) -> Encode:
    """How a profile encodes maps: one of PROFILES, or `pseudo-ct` with its table.

    Raises:
        ValueError: There is no such profile; the message says what was expected and found.
    """
    if profile.partition(" ")[0] == PSEUDO_CT:
        return pseudo_ct(profile)
    if profile not in PROFILES:
        known = ", ".join((*PROFILES, PSEUDO_CT))
        raise ValueError(f'expected an output profile ({known}), found "{profile}"')
    return PROFILES[profile]


def in_file_name(profile: str) -> str:
    """A profile as part of a file's name."""
    return profile.replace(" ", "-").replace("/", "-")


@quiet()
def write_attenuation_map(
    mumap: Volume,
    source: Dataset,
    card: ModelCard,
    findings: Sequence[Finding],
    provenance: Provenance,
    emission_energy_kev: float,
    *,
    profile: str | Template = "standard",
) -> Sequence[Dataset]:
    """Encode a map as a new series in the study of its source.

    A map that failed its checks is encoded too, for a person to see; values no map should have
    are then clipped to what can be stored, not-a-number to 0.

    Args:
        mumap: LAC in 1/cm on the geometry of the source, or on that which projections define.
        source: The instance the map was made from, as received.
        card: Of the model that made it.
        findings: Every check, written into the object.
        provenance: Who made it, when and with what.
        emission_energy_kev: Photon energy the LACs hold for.
        profile: One that ``encoding`` knows, or the template of a station's own maps.

    Returns:
        The objects of the series, with file meta information; ``files.to_bytes`` encodes them.

    Raises:
        ValueError: A volume that is no map on the grid of the source, or an unknown profile.
    """
    if isinstance(profile, Template):
        encode: Encode = partial(as_template, template=profile)
    else:
        encode = encoding(profile)
    if mumap.quantity is not Quantity.LAC_PER_CM:
        raise ValueError(f"expected LAC in 1/cm, found {mumap.quantity}")
    header = as_reconstruction(source, mumap.geometry) if are_projections(source) else source
    layout = read_pixel_format(header)
    if mumap.voxels.shape != (layout.frames, layout.rows, layout.columns):
        raise ValueError(f"expected the grid of the source, found {mumap.voxels.shape}")
    order = Order(mumap, source, header, card, findings, provenance, emission_energy_kev)
    return encode(order)
