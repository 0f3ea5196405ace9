"""Cameras that no projector of parallel holes can stand for are refused with a way out."""

import pytest
from pydicom import Dataset

from mumap_node.errors import InputRejected
from tomos import acquired, orbit_of, read, tomo

SIEMENS = "SIEMENS MED NM"


def refusal(dataset: Dataset) -> InputRejected:
    with pytest.raises(InputRejected) as caught:
        read(dataset)
    return caught.value


def with_collimators(**values: list[object]) -> Dataset:
    heads = len(next(iter(values.values())))
    orbit = orbit_of(heads=heads, apart_deg=-180 / heads)
    dataset = tomo(acquired(orbit, heads=heads))
    for keyword, each in values.items():
        for item, value in zip(dataset.DetectorInformationSequence, each, strict=True):
            setattr(item, keyword, value)
    return dataset


def with_flag(value: int, creator: str = SIEMENS) -> Dataset:
    dataset = tomo()
    dataset.add_new(0x00550010, "LO", creator)
    dataset.add_new(0x00551098, "SS", value)
    return dataset


@pytest.mark.parametrize(
    "dataset",
    [
        *(
            with_collimators(CollimatorType=[kind])
            for kind in ("FANB", "CONE", "PINH", "ASTG", "DIVG", "SLNT", "NONE", "SOMETHING")
        ),
        with_collimators(CollimatorType=["PARA", "FANB"]),
        with_collimators(FocalDistance=["280"]),
        with_collimators(CollimatorGridName=["MPH_27_45"]),
        with_collimators(CollimatorGridName=["SMARTZOOM"]),
        with_collimators(CollimatorGridName=["LEHR", "IQ-SPECT"]),
        *(
            tomo(ManufacturerModelName=model)
            for model in (
                "Discovery NM 530c",
                "Discovery NM 570c",
                "D-SPECT",
                "StarGuide",
                "VERITON-CT",
            )
        ),
        tomo(SeriesDescription="Stress IQ-SPECT tomo"),
        tomo(ProtocolName="Cardiac IQSPECT"),
        tomo(Manufacturer="Spectrum Dynamics Medical"),
        tomo(DetectorVector=[1 + number % 16 for number in range(32)]),
        with_flag(2),
    ],
)
def test_other_holes_are_refused_with_what_to_send_instead(dataset):
    found = refusal(dataset)

    assert found.reason == "unmodelled-collimator"
    assert found.sentence.endswith("send the vendor's uncorrected reconstruction")


@pytest.mark.parametrize(
    ("dataset", "kind", "name"),
    [
        (tomo(), "PARA", "LEHR"),
        (with_collimators(CollimatorType=["UNKN"]), "UNKN", "LEHR"),
        (with_collimators(CollimatorType=[""]), "", "LEHR"),
        (with_collimators(CollimatorType=["", "PARA"]), "PARA", "LEHR"),
        (with_collimators(CollimatorGridName=["@16790840", "@16790841"]), "PARA", ""),
        (with_collimators(FocalDistance=[""]), "PARA", "LEHR"),
        (tomo(ManufacturerModelName="Discovery NM/CT 670"), "PARA", "LEHR"),
        (tomo(ManufacturerModelName="CARDIOMDSPECT"), "PARA", "LEHR"),
        (with_flag(0), "PARA", "LEHR"),
        (with_flag(2, "SOMEBODY ELSE"), "PARA", "LEHR"),
        (with_collimators(CollimatorType=["PARA"] * 2), "PARA", "LEHR"),
    ],
)
def test_parallel_holes_and_silent_headers_are_left_to_the_models_limits(dataset, kind, name):
    found = read(dataset).acquisition

    assert (found.collimator_type, found.collimator_name) == (kind, name)
