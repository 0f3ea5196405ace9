"""Everything that shapes a torso, in numbers with units."""

from dataclasses import dataclass
from typing import Literal

Vector = tuple[float, float, float]
Sex = Literal["F", "M"]
Position = Literal["supine", "prone"]
Arms = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Thorax:
    """The rib cage and what covers it; all lengths in mm.

    Attributes:
        half_width_mm: Inner half width at the level of the diaphragm.
        half_depth_mm: Inner half depth there, from the sternum to the gutters beside the spine.
        squareness: 0 an ellipse, 0.6 nearly a box.
        taper: Width of the upper thorax relative to the usual one.
        asymmetry_mm: The midline's shift to the left between neck and waist (scoliosis).
        rib_drop_mm: How much lower a rib's front end lies than its head.
        length_scale: Head-foot lengths relative to a body of 170 cm.
        breast_ml: Volume of one breast.
        breast_gland: Share of glandular tissue in the breast.
        ptosis_mm: How far the breast lies below its place on the chest.
        wall_scale: Thickness of the muscles relative to the usual one.
        bone_scale: Density of bone relative to that of a healthy adult of 50.
    """

    half_width_mm: float
    half_depth_mm: float
    squareness: float
    taper: float
    asymmetry_mm: float
    rib_drop_mm: float
    length_scale: float
    breast_ml: float
    breast_gland: float
    ptosis_mm: float
    wall_scale: float
    bone_scale: float


@dataclass(frozen=True, slots=True)
class Fat:
    """Where fat lies, and what it attenuates.

    Attributes:
        chest_mm: Thickness under the skin of the chest.
        abdomen_mm: Thickness under the skin of the belly.
        hip_mm: Additional thickness at the hips.
        visceral: How far visceral fat widens the abdomen, relative to its lean half depth.
        cardiac_mm: Thickness on the heart and round the great vessels.
        in_muscle: Share of fat in muscle.
        lac_per_cm: At 140.5 keV, narrow beam. Adipose tissue of the ICRP's reference man has
            0.1413; maps made from CT by bilinear tables 0.137 at -100 HU.
    """

    chest_mm: float
    abdomen_mm: float
    hip_mm: float
    visceral: float
    cardiac_mm: float
    in_muscle: float
    lac_per_cm: float


@dataclass(frozen=True, slots=True)
class Lungs:
    """Lungs, diaphragm and breathing.

    Attributes:
        density_g_per_cm3: Mean density of both, without their large vessels.
        gradient: Rise of density from their upper to their dependent side, relative to the mean.
        texture: Relative spread of density between neighbouring regions.
        diaphragm_mm: Height of the right dome relative to the usual one.
        left_dome_mm: How much lower the left dome lies.
        breathing_mm: Way of the diaphragm from expiration to inspiration.
        effusion_right_mm: Depth of fluid behind the right lung; 0 for none.
        effusion_left_mm: The same behind the left lung.
        nodule_mm: Radius of a nodule in one of them; 0 for none.
    """

    density_g_per_cm3: float
    gradient: float
    texture: float
    diaphragm_mm: float
    left_dome_mm: float
    breathing_mm: float
    effusion_right_mm: float
    effusion_left_mm: float
    nodule_mm: float


@dataclass(frozen=True, slots=True)
class Heart:
    """The left ventricle, which the rest of the heart follows.

    Attributes:
        length_mm: Outer length from the base to the apex, end of diastole.
        radius_mm: Outer radius of the short axis.
        wall_mm: Thickness of the wall.
        leftward_deg: Angle of the long axis from anterior to the left, seen from the feet.
        downward_deg: Angle of the long axis below the transverse plane.
        shift_mm: From the usual place in the chest to this one, LPS.
        ejection: Share of the cavity that leaves in systole.
        right_scale: Size of the right ventricle and the atria relative to the usual one.
        aorta_mm: Radius of the ascending aorta.
    """

    length_mm: float
    radius_mm: float
    wall_mm: float
    leftward_deg: float
    downward_deg: float
    shift_mm: Vector
    ejection: float
    right_scale: float
    aorta_mm: float


@dataclass(frozen=True, slots=True)
class Abdomen:
    """Organs below the diaphragm; scales are linear and relative to the usual size.

    Attributes:
        liver_scale: Liver.
        liver_fat: Share of fat in it.
        left_lobe: Length of its left lobe.
        spleen_scale: Spleen.
        kidney_scale: Kidneys.
        stomach_scale: Width of the stomach, from empty (0.6) to full (1.5).
        stomach_gas: Share of its depth filled with gas.
        colon_scale: Width of the colon.
        colon_gas: Share of its parts filled with gas.
        transverse_sag_mm: How deep the transverse colon hangs.
        gallbladder_scale: Gallbladder; 0 where it was removed.
    """

    liver_scale: float
    liver_fat: float
    left_lobe: float
    spleen_scale: float
    kidney_scale: float
    stomach_scale: float
    stomach_gas: float
    colon_scale: float
    colon_gas: float
    transverse_sag_mm: float
    gallbladder_scale: float


@dataclass(frozen=True, slots=True)
class Placement:
    """How the patient lies on the table.

    Attributes:
        offset_mm: LPS (x, y, z) from the centre of rotation to (the midline, half the depth of
            the chest, the middle of the left ventricle).
        roll_deg: Rotation about the long axis, positive with the left side towards the back.
        lean: Sideways shear: mm to the left per mm to the head.
        nod: The same towards the back.
        table_integral: Line integral of the table's LAC through it at right angles, 0.01-0.06.
        table_width_mm: Its width.
    """

    offset_mm: Vector
    roll_deg: float
    lean: float
    nod: float
    table_integral: float
    table_width_mm: float


@dataclass(frozen=True, slots=True)
class Patient:
    """Everything that makes one torso; ``dataclasses.asdict`` gives plain JSON.

    Attributes:
        seed: Of what no parameter names: deformation, texture, bowel loops.
        sex: "F" or "M".
        age_years: 30-90.
        height_cm: Body height.
        bmi: Body mass index in kg/m², 17-45.
        position: "supine" or "prone".
        arms: "up" beside the head or "down" beside the body.
        deformation_mm: Spread of the smooth random displacement of everything.
        device: An implanted generator with its leads under the left collar bone.
    """

    seed: int
    sex: Sex
    age_years: float
    height_cm: float
    bmi: float
    position: Position
    arms: Arms
    deformation_mm: float
    device: Literal["none", "pacemaker", "defibrillator"]
    thorax: Thorax
    fat: Fat
    lungs: Lungs
    heart: Heart
    abdomen: Abdomen
    placement: Placement

    @property
    def weight_kg(self) -> float:
        """Body weight."""
        return self.bmi * (self.height_cm / 100) ** 2
