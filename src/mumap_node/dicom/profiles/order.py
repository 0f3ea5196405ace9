"""What every profile encodes: one map, with all that is said about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from mumap_node.dicom.provenance import Provenance
from mumap_node.imaging.findings import Finding
from mumap_node.imaging.model_card import ModelCard
from mumap_node.imaging.volume import Volume


@dataclass(frozen=True, eq=False, slots=True)
class Order:
    """A map to be encoded.

    Attributes:
        mumap: LAC in 1/cm on the grid of ``header``.
        source: The instance the map was made from, as received.
        header: What describes a reconstruction, such as its grid; the source itself unless that
            holds projections.
        card: Of the model that made the map.
        findings: Every check, written into the object.
        provenance: Who made it, when and with what.
        emission_energy_kev: Photon energy the LACs hold for.
    """

    mumap: Volume
    source: Dataset
    header: Dataset
    card: ModelCard
    findings: Sequence[Finding]
    provenance: Provenance
    emission_energy_kev: float


Encode = Callable[[Order], Sequence[Dataset]]
"""A profile: a map to the objects of one series, with file meta information."""
