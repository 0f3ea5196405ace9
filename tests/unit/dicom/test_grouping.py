"""Groups tell equipment and protocol, and nothing of the patient."""

import pytest
from pydicom import Dataset

from builders import change, nac, put_bytes
from mumap_node.dicom.grouping import groups_of

TOMO = ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"]


def rotation(arc: str) -> Dataset:
    item = Dataset()
    item.ScanArc = arc
    return item


def source(**attributes: object) -> Dataset:
    dataset = nac()
    change(dataset, {"Manufacturer": "MAKER", "ManufacturerModelName": "CAMERA 1", **attributes})
    return dataset


def test_camera_matrix_and_radionuclide_are_told() -> None:
    assert groups_of(source()) == {
        "camera": "MAKER CAMERA 1",
        "source": "reconstruction",
        "matrix": "48 x 48",
        "arc": "180 degrees",
        "radionuclide": "Tc-99m",
    }


def test_projections_are_told_from_reconstructions() -> None:
    assert groups_of(source(ImageType=TOMO))["source"] == "projections"


@pytest.mark.parametrize(
    ("arcs", "expected"),
    [(["180"], "180 degrees"), (["90.0", "90"], "90 degrees"), (["90", "180"], None), ([], None)],
)
def test_the_arc_is_told_where_all_rotations_agree(arcs: list[str], expected: str | None) -> None:
    found = groups_of(source(RotationInformationSequence=[rotation(arc) for arc in arcs]))
    assert found.get("arc") == expected


def test_what_cannot_be_read_is_left_out() -> None:
    dataset = source(RadiopharmaceuticalInformationSequence=None)
    put_bytes(dataset, "Rows", b"\0")
    broken = Dataset()
    put_bytes(broken, "ScanArc", b"all the way")
    dataset.RotationInformationSequence = [broken]
    assert groups_of(dataset) == {"camera": "MAKER CAMERA 1", "source": "reconstruction"}


def test_a_radionuclide_that_is_stated_twice_is_left_out() -> None:
    dataset = source()
    (item,) = dataset.RadiopharmaceuticalInformationSequence
    other = Dataset()
    (code,) = item.RadionuclideCodeSequence
    other_code = Dataset()
    other_code.update(code)
    other_code.CodeValue = "C-111A1"
    other.RadionuclideCodeSequence = [other_code]
    dataset.RadiopharmaceuticalInformationSequence = [item, other]
    assert "radionuclide" not in groups_of(dataset)


def test_without_columns_there_is_no_matrix() -> None:
    dataset = source()
    del dataset.Columns
    assert "matrix" not in groups_of(dataset)


def test_texts_are_short_and_printable() -> None:
    dataset = source()
    put_bytes(dataset, "Manufacturer", "Gerätehersteller\x1b".encode("latin-1"))
    put_bytes(dataset, "ManufacturerModelName", b"M" * 200)
    assert groups_of(dataset)["camera"] == f"Ger?tehersteller? {'M' * 64}"
