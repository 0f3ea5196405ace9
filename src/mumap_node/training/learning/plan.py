"""What decides the weights of a training run, written beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from mumap_node.errors import ConfigurationError
from mumap_node.imaging.model_card import Input, Normalisation, Positive, Table
from mumap_node.training.learning.network import GROUP, MULTIPLE_OF

Share = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(ge=GROUP, multiple_of=GROUP)]
Count = Annotated[int, Field(ge=1)]

Folder = Annotated[Path, AfterValidator(Path.resolve)]
"""Whole, so that a run can go on from anywhere."""

PLAN_FILE = "settings.json"


class Plan(Table):
    """Settings of a run. The same plan and pairs give the same weights on the same CPU.

    With ``hours`` that does not hold: how much is learned in an hour nobody can repeat.

    Attributes:
        cohorts: Folders of simulated cohorts.
        pairs: Folders of a site's examinations.
        ct_description: Part of the Series Description of the CTs that may be paired.
        input: Grid and normalisation; written into the card.
        lac_per_cm_per_unit: LAC in 1/cm of a network output of 1.
        widths: Channels at 1/2, 1/4 and 1/8 of the resolution.
        blocks: Residual blocks there.
        epochs: Times every case is seen; the schedule ends with them.
        hours: Instead: the time after which the schedule ends.
        batch: Cases a step.
        learning_rate: At the end of the warm-up.
        warm_up: Part of the run it rises over.
        weight_decay: Of AdamW.
        largest_gradient: Norm the gradients are clipped to.
        gradient_weight: Of the L1 of gradients, beside that of values.
        adversarial_weight: Of the discriminator's judgement; 0 for plain regression.
        averaging: Decay per step of the running mean of the weights, which is what is exported.
        augmentation: Whether cases are changed at random.
        validation_share: Part of the patients that are never learned from.
        validation_cases: The most of their cases that are looked at after an epoch.
        seed: Of weights, order and augmentation.
    """

    cohorts: tuple[Folder, ...] = ()
    pairs: tuple[Folder, ...] = ()
    ct_description: str = ""
    input: Input = Input(
        spacing_mm=(6.6, 6.6, 6.6),
        multiple_of=MULTIPLE_OF,
        normalisation=Normalisation(transform="sqrt"),
    )
    lac_per_cm_per_unit: Positive = 0.25
    widths: tuple[Width, Width, Width] = (16, 64, 128)
    blocks: tuple[Count, Count, Count] = (1, 2, 2)
    epochs: Count = 30
    hours: Positive | None = None
    batch: Count = 1
    learning_rate: Positive = 1e-3
    warm_up: Share = 0.03
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    largest_gradient: Positive = 1.0
    gradient_weight: Annotated[float, Field(ge=0)] = 0.3
    adversarial_weight: Annotated[float, Field(ge=0)] = 0.0
    averaging: Share = 0.999
    augmentation: bool = True
    validation_share: Share = 0.1
    validation_cases: Count = 100
    seed: int = 0

    @model_validator(mode="after")
    def _grid_fits(self) -> Self:
        if self.input.multiple_of % MULTIPLE_OF:
            raise ValueError(f"expected an input grid of multiples of {MULTIPLE_OF}")
        return self


def make_plan(content: Mapping[str, Any]) -> Plan:
    """A plan of what a person asks for.

    Raises:
        ConfigurationError: ``training-settings``, with every value that is wrong.
    """
    try:
        plan = Plan.model_validate({**content, "input": _input(content.get("input", {}))})
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        ]
        raise ConfigurationError("training-settings", problems) from error
    if not plan.cohorts and not plan.pairs:
        raise ConfigurationError("training-settings", ["expected --cohort or --pairs, found none"])
    return plan


def extended(plan: Plan, epochs: int | None, hours: float | None) -> Plan:
    """The plan with another length, where one is named."""
    if hours:
        return plan.model_copy(update={"hours": hours})
    return plan.model_copy(update={"hours": None, "epochs": epochs}) if epochs else plan


def _input(content: Mapping[str, Any]) -> dict[str, Any]:
    return {**Plan().input.model_dump(), **content}


def write_plan(plan: Plan, run: Path) -> None:
    """Write a plan into the folder of its run."""
    (run / PLAN_FILE).write_text(plan.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_plan(run: Path) -> Plan:
    """Read the plan of a run.

    Raises:
        ConfigurationError: ``no-such-run``.
    """
    try:
        return Plan.model_validate_json((run / PLAN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        problem = f"{run}: expected a folder of `mumap-node train`: {type(error).__name__}"
        raise ConfigurationError("no-such-run", [problem]) from error
