"""Which instance can be answered, as a nAC reconstruction or as projections, and why not."""

from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import NuclearMedicineImageStorage

from mumap_node.dicom.corrections import stated_correction
from mumap_node.dicom.elements import items, text, texts
from mumap_node.dicom.marks import CONTENT_LABEL, NODE_MODEL_NAME, SYNTHETIC
from mumap_node.errors import InputRejected
from mumap_node.imaging.findings import Finding, Verdict

ASSUMED_UNCORRECTED = Finding(
    check="attenuation-statement",
    verdict=Verdict.WARN,
    found="header silent on attenuation correction, taken as uncorrected on the site's word",
    limit="a statement in the header",
)

ASSUMED_PARALLEL_HOLES = Finding(
    check="parallel-holes",
    verdict=Verdict.WARN,
    found="taken for granted on the site's word",
    limit="no header can prove it",
)

PROJECTIONS = ("TOMO", "GATED TOMO")
"""Image Type value 3 of what a camera acquires (PS3.3 C.8.4.9.1.1)."""


@dataclass(frozen=True, eq=False, slots=True)
class Selected:
    """An instance that qualifies.

    Attributes:
        dataset: The instance.
        findings: What had to be assumed.
    """

    dataset: Dataset
    findings: tuple[Finding, ...]


def select_source(
    dataset: Dataset, *, assume_nac: bool, assume_parallel_holes: bool = False
) -> Selected:
    """Take an NM emission that was not corrected for attenuation: reconstruction or projections.

    Args:
        dataset: One instance, as received.
        assume_nac: The site's word that this input is uncorrected where its header says nothing.
            It never outweighs a statement in the header. Projections need none.
        assume_parallel_holes: The site's word that projections come from parallel-hole
            collimators, which no header can prove.

    Raises:
        InputRejected: It does not qualify; ``correction-undecidable`` or ``projections`` where
            only the site's word is missing.
    """
    _require_ungated_emission(dataset)
    stated = stated_correction(dataset)
    if stated is not None:
        raise InputRejected(
            stated.reason, f"expected an uncorrected reconstruction, but {stated.statement}"
        )
    if are_projections(dataset):
        if not assume_parallel_holes:
            raise InputRejected(
                "projections",
                "found projections, and no header can prove that the collimator has parallel "
                "holes; a route with assume_parallel_holes can give the site's word, for others "
                "send the vendor's uncorrected reconstruction",
            )
        return Selected(dataset, (ASSUMED_PARALLEL_HOLES,))
    if not assume_nac:
        raise InputRejected(
            "correction-undecidable",
            "the header does not say whether attenuation was corrected, and no header can prove "
            "that it was not; a route with assume_nac can give the site's word",
        )
    return Selected(dataset, (ASSUMED_UNCORRECTED,))


def are_projections(dataset: Dataset) -> bool:
    """Whether Image Type says projections, gated or not."""
    return _kind(dataset) in PROJECTIONS


def is_own_map(dataset: Dataset) -> bool:
    """Whether a node of ours made this map; an archive may have changed all but its marks."""
    is_marked = SYNTHETIC in texts(dataset, "ImageType")
    if not is_marked and text(dataset, "ContentLabel") != CONTENT_LABEL:
        return False
    makers = (dataset, *items(dataset, "ContributingEquipmentSequence"))
    return any(text(maker, "ManufacturerModelName") == NODE_MODEL_NAME for maker in makers)


def _require_ungated_emission(dataset: Dataset) -> None:
    if text(dataset, "SOPClassUID") != NuclearMedicineImageStorage:
        raise InputRejected(
            "not-nuclear-medicine", "expected Nuclear Medicine Image Storage, found another class"
        )
    kind, origin = _kind(dataset), _image_type(dataset)[3]
    if origin != "EMISSION":
        raise InputRejected(
            "not-emission",
            "expected EMISSION as Image Type value 4, found "
            + ("TRANSMISSION" if origin == "TRANSMISSION" else "something else"),
        )
    if kind in PROJECTIONS:
        return
    if "GATED" in kind:
        raise InputRejected(
            "gated", "expected an ungated reconstruction, or projections, found other gated data"
        )
    if kind != "RECON TOMO":
        raise InputRejected(
            "not-a-reconstruction",
            "expected RECON TOMO, TOMO or GATED TOMO as Image Type value 3, found another",
        )


def _kind(dataset: Dataset) -> str:
    return _image_type(dataset)[2]


def _image_type(dataset: Dataset) -> tuple[str, ...]:
    """At least the four values of PS3.3 C.8.4.9.1.1; empty where there are fewer."""
    return (*texts(dataset, "ImageType"), "", "", "", "")
