"""Coded concepts we read and write, each with its context group (PS3.16)."""

from typing import NamedTuple

from pydicom import Dataset

from mumap_node.dicom.elements import text


class Code(NamedTuple):
    """A coded concept (PS3.3 8.8, Code Sequence Macro).

    Attributes:
        value: Code Value.
        scheme: Coding Scheme Designator.
        meaning: Code Meaning; never used to recognise a concept.
    """

    value: str
    scheme: str
    meaning: str

    def item(self) -> Dataset:
        """A sequence item that states the concept."""
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = self
        return item


def code_of(item: Dataset) -> Code:
    """The concept a sequence item states; parts it lacks are empty."""
    return Code(
        *(text(item, key) for key in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"))
    )


PER_CENTIMETER = Code("/cm", "UCUM", "/Centimeter")  # CID 83, 84, 7181
QUANTITY = Code("246205007", "SCT", "Quantity")  # PS3.3 C.7.6.16.2.11, QuantityDefinitionSequence
ATTENUATION_COEFFICIENT = Code("112031", "DCM", "Attenuation Coefficient")  # CID 7180, 218
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")  # CID 7202
ACQUISITION_EQUIPMENT = Code("109101", "DCM", "Acquisition Equipment")  # CID 7005
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")  # CID 7005
REJECTED_FOR_QUALITY = Code("113001", "DCM", "Rejected for Quality Reasons")  # CID 7010
REJECTED_FOR_SAFETY = Code("113037", "DCM", "Rejected for Patient Safety Reasons")  # CID 7010
WRONG_WORKLIST_ENTRY = Code("113038", "DCM", "Incorrect Modality Worklist Entry")  # CID 7010
PREDICTION = Code("PREDICTED", "99MUMAP", "Attenuation map predicted by a neural network")
"""How a map was derived; the extensible CID 7203 has no code that is true of it."""

RADIONUCLIDE_OF_SNOMED = {  # CID 18; SNOMED CT, and the SNOMED RT code it replaced
    "72454006": "Tc-99m",
    "C-163A8": "Tc-99m",
    "60057003": "Tl-201",
    "C-138A9": "Tl-201",
    "21572004": "I-123",
    "C-114A4": "I-123",
    "1368003": "I-131",
    "C-114B1": "I-131",
    "56609000": "In-111",
    "C-145A4": "In-111",
    "2008008": "Ga-67",
    "C-131A2": "Ga-67",
    "447553000": "Lu-177",
    "C-101ED": "Lu-177",
    "80751004": "Xe-133",
    "C-172A8": "Xe-133",
    "27054007": "Co-57",
    "C-144A3": "Co-57",
    "77004003": "F-18",
    "C-111A1": "F-18",
}
SNOMED_SCHEMES = ("SCT", "SRT", "SNM3", "99SDM")
"""Names under which SNOMED codes travel: SNOMED CT, SNOMED RT, SNOMED 3, and before they had one
(PS3.16 8.1, PS3.3 Table C.8-5)."""
