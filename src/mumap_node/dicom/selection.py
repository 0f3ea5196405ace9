"""Which instance is a nAC reconstruction, and why another is not."""

from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import NuclearMedicineImageStorage

from mumap_node.dicom.corrections import stated_correction
from mumap_node.dicom.elements import items, text, texts
from mumap_node.dicom.marks import NODE_MODEL_NAME, SYNTHETIC
from mumap_node.errors import InputRejected
from mumap_node.imaging.findings import Finding, Verdict

ASSUMED_UNCORRECTED = Finding(
    check="attenuation-statement",
    verdict=Verdict.WARN,
    found="header silent on attenuation correction, taken as uncorrected on the site's word",
    limit="a statement in the header",
)


@dataclass(frozen=True, eq=False, slots=True)
class Selected:
    """An instance that qualifies.

    Attributes:
        dataset: The instance.
        findings: What had to be assumed.
    """

    dataset: Dataset
    findings: tuple[Finding, ...]


def select_nac_reconstruction(dataset: Dataset, *, assume_nac: bool) -> Selected:
    """Take an NM reconstruction of the emission that was not corrected for attenuation.

    Args:
        dataset: One instance, as received.
        assume_nac: The site's word that this input is uncorrected where its header says nothing.
            It never outweighs a statement in the header.

    Raises:
        InputRejected: It does not qualify; ``correction-undecidable`` where only the site's word
            is missing.
    """
    _require_emission_reconstruction(dataset)
    stated = stated_correction(dataset)
    if stated is not None:
        raise InputRejected(
            stated.reason, f"expected an uncorrected reconstruction, but {stated.statement}"
        )
    if not assume_nac:
        raise InputRejected(
            "correction-undecidable",
            "the header does not say whether attenuation was corrected, and no header can prove "
            "that it was not; a route with assume_nac can give the site's word",
        )
    return Selected(dataset, (ASSUMED_UNCORRECTED,))


def is_own_map(dataset: Dataset) -> bool:
    """Whether a node of ours made this map; an archive may have changed all but its marks."""
    if SYNTHETIC not in texts(dataset, "ImageType"):
        return False
    makers = (dataset, *items(dataset, "ContributingEquipmentSequence"))
    return any(text(maker, "ManufacturerModelName") == NODE_MODEL_NAME for maker in makers)


def _require_emission_reconstruction(dataset: Dataset) -> None:
    if text(dataset, "SOPClassUID") != NuclearMedicineImageStorage:
        raise InputRejected(
            "not-nuclear-medicine", "expected Nuclear Medicine Image Storage, found another class"
        )
    image_type = (*texts(dataset, "ImageType"), "", "", "", "")
    kind, origin = image_type[2], image_type[3]  # PS3.3 C.8.4.9.1.1
    if origin != "EMISSION":
        raise InputRejected(
            "not-emission",
            "expected EMISSION as Image Type value 4, found "
            + ("TRANSMISSION" if origin == "TRANSMISSION" else "something else"),
        )
    if kind == "TOMO":
        raise InputRejected("projections", "expected a reconstruction, found projections (TOMO)")
    if "GATED" in kind:
        raise InputRejected("gated", "expected an ungated reconstruction, found gated data")
    if kind != "RECON TOMO":
        raise InputRejected(
            "not-a-reconstruction", "expected RECON TOMO as Image Type value 3, found another"
        )
