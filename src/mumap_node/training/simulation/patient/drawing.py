"""Patients drawn at random, as sent for myocardial perfusion imaging.

How often things occur, and how sizes, places of fat and organs go with sex, age, height and BMI,
is drawn round textbook means (ICRP 89 for organs) and wide on purpose; no cohort was fitted.
"""

import numpy as np

from mumap_node.training.simulation.patient.parameters import (
    Abdomen,
    Arms,
    Fat,
    Heart,
    Lungs,
    Patient,
    Placement,
    Position,
    Sex,
    Thorax,
)


class _Dice:
    """Draws from one generator, with plain numbers as results."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def normal(self, mean: float, spread: float, low: float, high: float) -> float:
        """Normal about the mean, held within the limits."""
        return float(np.clip(self._rng.normal(mean, spread), low, high))

    def uniform(self, low: float, high: float) -> float:
        """Evenly between the limits."""
        return float(self._rng.uniform(low, high))

    def happens(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self._rng.random() < probability)

    def choice(self, chances: tuple[float, ...]) -> int:
        """Which of some cases happens; the chances add up to 1."""
        return int(self._rng.choice(len(chances), p=chances))

    def seed(self) -> int:
        """A seed for what no parameter names."""
        return int(self._rng.integers(2**31))


def draw_patient(rng: np.random.Generator) -> Patient:
    """Draw a patient: most lie supine with the arms up, as for a cardiac study."""
    dice = _Dice(rng)
    sex: Sex = "M" if dice.happens(0.55) else "F"
    age = dice.normal(64, 11, 30, 90)
    height = dice.normal(175 if sex == "M" else 162, 7, 145, 200)
    bmi = float(np.clip(17 + rng.gamma(4.2, 2.7), 17, 45))
    position: Position = "prone" if dice.happens(0.12) else "supine"
    arms: Arms = "down" if dice.happens(0.10) else "up"
    has_device = dice.happens(0.04)
    return Patient(
        seed=dice.seed(),
        sex=sex,
        age_years=age,
        height_cm=height,
        bmi=bmi,
        position=position,
        arms=arms,
        deformation_mm=dice.uniform(1.5, 4.5),
        device=("defibrillator" if dice.happens(0.4) else "pacemaker") if has_device else "none",
        thorax=_draw_thorax(dice, sex, age, height, bmi),
        fat=_draw_fat(dice, sex, age, bmi),
        lungs=_draw_lungs(dice, bmi, position),
        heart=_draw_heart(dice, sex, height, bmi),
        abdomen=_draw_abdomen(dice, bmi),
        placement=_draw_placement(dice),
    )


def _draw_thorax(dice: _Dice, sex: Sex, age: float, height: float, bmi: float) -> Thorax:
    male = sex == "M"
    stretch = (height / (175 if male else 162)) ** 0.5
    heavy = bmi - 24
    width = (139 if male else 127) * stretch + 0.65 * heavy
    depth = (91 if male else 82) * stretch + 0.6 * heavy + 0.12 * (age - 60)
    breast_ml = 0.0 if male else dice.normal(330 + 42 * heavy, 180 + 8 * heavy, 90, 1600)
    if male and dice.happens(0.4):
        breast_ml = dice.normal(60 + 12 * heavy, 50, 20, 350)
    return Thorax(
        half_width_mm=dice.normal(width, 6, 108, 170),
        half_depth_mm=dice.normal(depth, 8, 60, 120),
        squareness=dice.uniform(0.05, 0.45),
        taper=dice.normal(1.0, 0.05, 0.88, 1.12),
        asymmetry_mm=dice.normal(0, 5, -18, 18),
        rib_drop_mm=dice.normal(85, 14, 45, 120),
        length_scale=dice.normal(height / 174, 0.03, 0.83, 1.16),
        breast_ml=breast_ml,
        breast_gland=dice.uniform(0.05, 0.6),
        ptosis_mm=dice.normal(12 + breast_ml / 40, 8, 0, 55),
        wall_scale=dice.normal((1.08 if male else 0.92) + 0.02 * _obesity(bmi), 0.12, 0.65, 1.6),
        bone_scale=dice.normal(1.0 - 0.003 * (age - 55), 0.05, 0.8, 1.12),
    )


def _obesity(bmi: float) -> float:
    """BMI beyond 30: what comes then lies outside the rib cage."""
    return max(bmi - 30, 0)


def _draw_fat(dice: _Dice, sex: Sex, age: float, bmi: float) -> Fat:
    """Women carry more of it under the skin and on the hips, men more between the organs."""
    male = sex == "M"
    excess = bmi - 16.5
    under_skin = dice.normal(1.0, 0.18, 0.55, 1.5)  # the rest of the fat lies inside
    chest_mm = under_skin * ((0.5 + 1.3 * excess) if male else (2 + 1.6 * excess))
    return Fat(
        chest_mm=chest_mm + 1.4 * _obesity(bmi),
        abdomen_mm=under_skin * ((2 + 1.6 * excess) if male else (4 + 2.0 * excess)),
        hip_mm=dice.uniform(0.2, 1.0) * (0.3 if male else 1.0) * (8 + 1.2 * excess),
        visceral=(2 - under_skin) * (0.021 if male else 0.014) * max(bmi - 20, 0),
        cardiac_mm=dice.normal(3 + 0.22 * excess, 1.5, 1.5, 12),
        in_muscle=dice.normal(0.03 + 0.008 * excess + 0.002 * (age - 50), 0.04, 0.0, 0.35),
        lac_per_cm=dice.uniform(0.134, 0.142),
    )


def _draw_lungs(dice: _Dice, bmi: float, position: Position) -> Lungs:
    has_effusion = dice.happens(0.06)
    right, left = ((True, False), (False, True), (True, True))[dice.choice((0.35, 0.25, 0.4))]
    return Lungs(
        density_g_per_cm3=dice.normal(0.235 + 0.002 * (bmi - 25), 0.05, 0.12, 0.40),
        gradient=dice.uniform(0.25, 0.9),
        texture=dice.uniform(0.04, 0.14),
        diaphragm_mm=dice.normal(
            9 + 1.6 * (bmi - 27) - (5 if position == "prone" else 0), 10, -30, 42
        ),
        left_dome_mm=dice.normal(12, 6, -3, 28),
        breathing_mm=dice.normal(11, 4, 4, 24),
        effusion_right_mm=dice.uniform(12, 45) if has_effusion and right else 0.0,
        effusion_left_mm=dice.uniform(10, 40) if has_effusion and left else 0.0,
        nodule_mm=dice.uniform(5, 16) if dice.happens(0.03) else 0.0,
    )


def _draw_heart(dice: _Dice, sex: Sex, height: float, bmi: float) -> Heart:
    male = sex == "M"
    size = (height / 170) ** 0.5 * (1 + 0.003 * (bmi - 26))
    enlarged = dice.uniform(1.05, 1.18) if dice.happens(0.1) else 1.0
    thick = dice.uniform(1.15, 1.4) if dice.happens(0.12) else 1.0
    return Heart(
        length_mm=dice.normal((91 if male else 85) * size * enlarged, 4, 74, 108),
        radius_mm=dice.normal((34.2 if male else 31.4) * size * enlarged, 1.5, 27, 41),
        wall_mm=dice.normal((10.3 if male else 9.4) * thick, 0.8, 7.5, 14.5),
        leftward_deg=dice.normal(46 + 0.4 * (bmi - 27), 7, 26, 66),
        downward_deg=dice.normal(32 - 0.5 * (bmi - 27), 7, 12, 52),
        shift_mm=(dice.normal(0, 6, -14, 14), dice.normal(0, 5, -12, 12), dice.normal(0, 4, -9, 9)),
        ejection=dice.normal(0.6 if enlarged == 1 else 0.4, 0.08, 0.2, 0.75),
        right_scale=dice.normal(1.0, 0.08, 0.8, 1.3),
        aorta_mm=dice.normal(16 if male else 14.5, 1.5, 12, 21),
    )


def _draw_abdomen(dice: _Dice, bmi: float) -> Abdomen:
    return Abdomen(
        liver_scale=dice.normal(0.95 + 0.005 * (bmi - 26), 0.06, 0.78, 1.18),
        liver_fat=dice.normal(0.05 + 0.008 * (bmi - 25), 0.06, 0.0, 0.4),
        left_lobe=dice.uniform(0.6, 1.3),
        spleen_scale=dice.normal(1.0, 0.12, 0.7, 1.5),
        kidney_scale=dice.normal(1.0, 0.08, 0.75, 1.25),
        stomach_scale=dice.uniform(0.65, 1.4),
        stomach_gas=dice.uniform(0, 0.6) if dice.happens(0.75) else 0.0,
        colon_scale=dice.normal(1.0, 0.2, 0.6, 1.7),
        colon_gas=dice.uniform(0.05, 0.7),
        transverse_sag_mm=dice.uniform(0, 70),
        gallbladder_scale=0.0 if dice.happens(0.12) else dice.normal(1.0, 0.2, 0.6, 1.6),
    )


def _draw_placement(dice: _Dice) -> Placement:
    """Most hearts lie near the middle of the field; one in twelve patients is badly placed."""
    careless = 2.5 if dice.happens(0.08) else 1.0
    return Placement(
        offset_mm=(
            dice.normal(-8, 11 * careless, -60, 45),
            dice.normal(0, 12 * careless, -45, 45),
            dice.normal(0, 20 * careless, -75, 75),
        ),
        roll_deg=dice.normal(0, 2.5 * careless, -12, 12),
        lean=dice.normal(0, 0.02, -0.06, 0.06),
        nod=dice.normal(0, 0.03, -0.09, 0.09),
        table_integral=dice.uniform(0.012, 0.05),
        table_width_mm=dice.uniform(360, 460),
    )
