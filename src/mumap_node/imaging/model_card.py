"""The model card: what a network expects and returns, and the limits it was made for.

The card is the validated content of ``model.toml``; whoever reads the file hands over its text.
"""

import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from mumap_node.errors import ConfigurationError
from mumap_node.imaging import attenuation

Positive = Annotated[float, Field(gt=0)]


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError(f"expected a lower and a higher limit, found {limits[0]} and {limits[1]}")
    return limits


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
"""Lower and upper limit, both allowed."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\.npy$")]
"""A NumPy file beside the card, never elsewhere."""


class Table(BaseModel):
    """A table of the card: frozen, and closed to keys nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Normalisation(Table):
    """How counts become network input; scale-free, since NM counts carry no unit.

    The counts are clipped at 0 and divided by the mean of all voxels above ``fraction`` of the
    ``percentile`` of the volume, then transformed.
    """

    percentile: Annotated[float, Field(gt=0, le=100)] = 99.0
    fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    transform: Literal["identity", "sqrt"] = "identity"


class Input(Table):
    """The tensor the network takes: float32, shape (1, 1, slice, row, column).

    Index directions are fixed: slice towards the head, row towards the back, column towards
    the patient's left, that is along +z, +y and +x of LPS. Left out, spacing and shape are the
    source's own (flipped or turned into these directions, never resampled).

    Attributes:
        spacing_mm: Voxel size along (slice, row, column).
        shape: Voxels along (slice, row, column); centred on the source, cropped or padded.
        multiple_of: Pads each axis at its end with zeros to a multiple, for strided networks.
    """

    tensor: str = "nac"
    spacing_mm: tuple[Positive, Positive, Positive] | None = None
    shape: tuple[int, int, int] | None = None
    multiple_of: Annotated[int, Field(ge=1)] = 1
    normalisation: Normalisation = Normalisation()

    @model_validator(mode="after")
    def _shape_fits(self) -> Self:
        if self.shape is not None and any(n < 1 or n % self.multiple_of for n in self.shape):
            raise ValueError(f"expected a shape of positive multiples of {self.multiple_of}")
        return self


class Output(Table):
    """The tensor the network gives: float32, same shape as the input.

    Attributes:
        lac_per_cm_per_unit: LAC in 1/cm of an output value of 1.
        emission_energy_kev: Photon energy the LACs hold for.
        beam: Narrow-beam (total) or broad-beam (effective) coefficients.
        converts_to_kev: Other photopeak energies its maps may be converted to, tissue by tissue.
    """

    tensor: str = "mumap"
    lac_per_cm_per_unit: Positive = 1.0
    emission_energy_kev: Positive
    beam: Literal["narrow", "broad"]
    converts_to_kev: tuple[Positive, ...] = ()

    @property
    def energies_kev(self) -> tuple[float, ...]:
        """Every photopeak energy a map can be made for, the model's own first."""
        return (self.emission_energy_kev, *self.converts_to_kev)

    @model_validator(mode="after")
    def _conversions_are_known(self) -> Self:
        known = attenuation.CONVERTIBLE_KEV
        if self.converts_to_kev and self.beam == "broad":
            raise ValueError("expected narrow-beam coefficients where maps are to be converted")
        if self.converts_to_kev and not known.issuperset(self.energies_kev):
            raise ValueError(f"expected energies of {sorted(known)} keV, others have no table")
        return self


class NacReconstruction(Table):
    """How the node reconstructs projections: as the inputs were that the model learned from.

    OSEM without attenuation, scatter and resolution, then a Butterworth filter, whose response is
    half at the cutoff.

    Attributes:
        iterations: Passes through all views.
        subsets: Updates per pass.
        cutoff_per_cm: In cycles per cm.
        order: Of the filter.
    """

    iterations: Annotated[int, Field(ge=1, le=100)]
    subsets: Annotated[int, Field(ge=1, le=64)]
    cutoff_per_cm: Positive
    order: Positive

    def __str__(self) -> str:
        return (
            f"OSEM {self.iterations}i{self.subsets}s, "
            f"Butterworth {self.cutoff_per_cm:g}/cm order {self.order:g}"
        )


class Limits(Table):
    """The input the model was made for; an input outside is a failed finding.

    Attributes:
        radionuclides: Such as "Tc-99m"; can never be relaxed.
        energy_window_kev: The window must lie within; can never be relaxed.
        collimator_types: Allowed Collimator Type; "" allows a header that states none.
        matrix: Rows and columns.
        slices: Number of slices.
        spacing_mm: Voxel size, in any direction.
        field_of_view_mm: Rows and columns times their spacing.
    """

    radionuclides: tuple[str, ...]
    energy_window_kev: Range
    collimator_types: tuple[str, ...]
    matrix: tuple[int, int]
    slices: tuple[int, int]
    spacing_mm: Range
    field_of_view_mm: Range


class WarnFail(Table):
    """Two limits of one check: beyond ``warn`` a warning, beyond ``fail``, if any, a failure."""

    warn: float
    fail: float | None = None


class Lungs(Table):
    """Limits of the lungs a model draws; beyond them the checks warn.

    Attributes:
        mean_per_cm: Mean LAC.
        share_of_body: Volume, as a share of the body's.
        left_share: Part of their volume on the patient's left, where the heart takes its room.
    """

    mean_per_cm: Range
    share_of_body: Range
    left_share: Range


class Plausibility(Table):
    """Limits of the checks of a map, explained one by one in docs/quality.md.

    Attributes:
        body_99th_percentile_per_cm: Of the LACs in the body; guards the unit.
        maximum_per_cm: No LAC may exceed it.
        soft_tissue_mode_per_cm: Where the histogram's peak passes.
        soft_tissue_mode_warn_per_cm: Where it only warns; outside it fails.
        air_mean_per_cm: Mean LAC outside the body.
        body_component_share: Share of the largest connected part of the body; warns below.
        body_area_cm2: In-plane area of the body in every slice; warns outside.
        area_change_share: Change of that area from slice to slice.
        border_contact_share: Share of the in-plane body outline at the edge of the field of view.
        hot_spot_outside_share: Share of the hottest emission voxels outside soft tissue.
        outline_dice: Dice of the emission's outline and the map's body; warns below.
        lungs: Limits of the lungs; left out where the model draws none.
    """

    body_99th_percentile_per_cm: Range
    maximum_per_cm: Positive
    soft_tissue_mode_per_cm: Range
    soft_tissue_mode_warn_per_cm: Range
    air_mean_per_cm: WarnFail
    body_component_share: WarnFail
    body_area_cm2: Range
    area_change_share: WarnFail
    border_contact_share: WarnFail
    hot_spot_outside_share: WarnFail
    outline_dice: WarnFail
    lungs: Lungs | None = None


class Mistake(StrEnum):
    """Mistakes that the gate before the network knows; each has a heading in docs/quality.md."""

    MIRRORED = "mirrored"
    UPSIDE_DOWN = "upside-down"
    BACK_TO_FRONT = "back-to-front"
    TURNED_OVER = "turned-over"
    CORRECTED = "corrected"
    ENLARGED = "enlarged"
    SHRUNK = "shrunk"
    ELSEWHERE = "elsewhere"
    ANOTHER_ISOTOPE = "another-isotope"


class Typicality(Table):
    """Limits of the gate before the network, which knows what the training inputs looked like.

    Attributes:
        sha256: Of ``typicality.npz`` beside the card.
        distance: From the training inputs; 1 is usual.
        resemblance: To inputs with each mistake: 0 is usual, 1 that of an input that has it.
        self_deviation_per_cm: Mean in the body of the standard deviation between maps of the
            same input under harmless changes; left out where it is not looked at.
    """

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    distance: WarnFail
    resemblance: Mapping[Mistake, WarnFail] = {}
    self_deviation_per_cm: WarnFail | None = None


class FitLimits(Table):
    """Limits of what measured projections say of a map, explained in docs/quality.md.

    Attributes:
        to_head_mm: How far the map would have to move to explain the counts best; 0 need not be
            the middle of the limits, beyond which it warns. The rest is what ``measurement.Fit``
            says.
    """

    to_head_mm: Range
    to_back_mm: Range
    to_left_mm: Range
    scale: Range
    distance_mm: WarnFail
    spared: WarnFail
    over_air: WarnFail
    over_mirrored: WarnFail
    over_filled: WarnFail


class Golden(Table):
    """One known answer, checked before the model's first use.

    Attributes:
        input: float32 (slice, row, column), network units.
        output: The same shape, network units.
        tolerance: Largest allowed absolute difference, network units.
    """

    input: FileName = "golden-input.npy"
    output: FileName = "golden-output.npy"
    tolerance: Positive


class ModelCard(Table):
    """What a network expects and returns, who it is for, and its checksum.

    Attributes:
        training_seeds: Of the simulated cohorts it learned from; no cohort of these can test it.
        reconstruction: Of projections; left out where the model shall not answer any.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    version: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    summary: str
    intended_use: str
    training_population: str
    training_seeds: tuple[int, ...] = ()
    input: Input
    reconstruction: NacReconstruction | None = None
    output: Output
    limits: Limits
    plausibility: Plausibility
    typicality: Typicality | None = None
    measurement: FitLimits | None = None
    golden: Golden

    @property
    def identity(self) -> str:
        """Name and version, as the model's folder is called."""
        return f"{self.name}-{self.version}"


def parse_model_card(text: str) -> ModelCard:
    """Read the text of a ``model.toml``.

    Raises:
        ConfigurationError: Not TOML, or not a card; names every key that is wrong.
    """
    try:
        return ModelCard.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError("model-card", [f"model.toml is not TOML: {error}"]) from error
    except ValidationError as error:
        raise ConfigurationError("model-card", _sentences(error)) from error


def _sentences(error: ValidationError) -> Sequence[str]:
    return [
        f"model.toml: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)
    ]
