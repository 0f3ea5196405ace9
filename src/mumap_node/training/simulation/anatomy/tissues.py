"""Tissues of the torso and their linear attenuation coefficients."""

from collections.abc import Mapping
from enum import IntEnum, unique
from types import MappingProxyType

from mumap_node.imaging.attenuation import (
    AIR_LAC_140KEV_PER_CM,
    BLOOD_LAC_140KEV_PER_CM,
    BREAST_LAC_140KEV_PER_CM,
    EMISSION_ENERGY_KEV,
    LAC_PER_DENSITY_140KEV,
    SOFT_TISSUE_LAC_140KEV_PER_CM,
    TISSUE_LAC_PER_CM,
    TITANIUM_LAC_140KEV_PER_CM,
    WATER_LAC_140KEV_PER_CM,
)

_, _ADIPOSE_PER_CM, _MUSCLE_PER_CM, _CORTICAL_PER_CM = TISSUE_LAC_PER_CM[
    EMISSION_ENERGY_KEV["Tc-99m"]
]


@unique
class Tissue(IntEnum):
    """What a voxel mostly is; the values of ``Anatomy.labels``."""

    AIR = 0  #: outside the body
    FAT = 1  #: under the skin, between muscles, in the mediastinum
    SKIN = 2
    MUSCLE = 3
    GLAND = 4  #: of the breast
    VISCERAL_FAT = 5  #: round the organs of the abdomen
    LUNG = 6
    LUNG_VESSEL = 7
    FLUID = 8  #: pleural effusion
    AIRWAY = 9  #: trachea and main bronchi
    BLOOD = 10  #: great vessels and cavities of the heart
    MYOCARDIUM = 11  #: of the left ventricle
    RIGHT_MYOCARDIUM = 12  #: of the right ventricle
    ATRIUM = 13  #: its blood and thin wall
    OESOPHAGUS = 14
    LIVER = 15
    GALLBLADDER = 16
    SPLEEN = 17
    PANCREAS = 18
    KIDNEY = 19
    KIDNEY_PELVIS = 20
    STOMACH_WALL = 21
    STOMACH_CONTENT = 22
    DUODENUM = 23
    SMALL_BOWEL = 24
    COLON_WALL = 25
    COLON_CONTENT = 26
    GAS = 27  #: in stomach and bowel
    SPONGY_BONE = 28  #: with red marrow
    CORTICAL_BONE = 29
    RIB = 30  #: its cortex and marrow together
    CARTILAGE = 31
    DISC = 32
    METAL = 33
    NODULE = 34  #: in a lung


LAC_PER_CM: Mapping[Tissue, float] = MappingProxyType(
    {
        Tissue.AIR: 0.0,
        Tissue.FAT: _ADIPOSE_PER_CM,
        Tissue.SKIN: 1.09 * LAC_PER_DENSITY_140KEV,
        Tissue.MUSCLE: _MUSCLE_PER_CM,
        Tissue.GLAND: BREAST_LAC_140KEV_PER_CM,
        Tissue.VISCERAL_FAT: _ADIPOSE_PER_CM,
        Tissue.LUNG: LAC_PER_DENSITY_140KEV,  # of 1 g/cm³; a patient's density scales it
        Tissue.LUNG_VESSEL: BLOOD_LAC_140KEV_PER_CM,
        Tissue.FLUID: WATER_LAC_140KEV_PER_CM,
        Tissue.AIRWAY: AIR_LAC_140KEV_PER_CM,
        Tissue.BLOOD: BLOOD_LAC_140KEV_PER_CM,
        Tissue.MYOCARDIUM: _MUSCLE_PER_CM,
        Tissue.RIGHT_MYOCARDIUM: _MUSCLE_PER_CM,
        Tissue.ATRIUM: BLOOD_LAC_140KEV_PER_CM,
        Tissue.OESOPHAGUS: SOFT_TISSUE_LAC_140KEV_PER_CM,
        Tissue.LIVER: 1.06 * LAC_PER_DENSITY_140KEV,
        Tissue.GALLBLADDER: WATER_LAC_140KEV_PER_CM,
        Tissue.SPLEEN: 1.06 * LAC_PER_DENSITY_140KEV,
        Tissue.PANCREAS: 1.04 * LAC_PER_DENSITY_140KEV,
        Tissue.KIDNEY: 1.05 * LAC_PER_DENSITY_140KEV,
        Tissue.KIDNEY_PELVIS: WATER_LAC_140KEV_PER_CM,
        Tissue.STOMACH_WALL: SOFT_TISSUE_LAC_140KEV_PER_CM,
        Tissue.STOMACH_CONTENT: WATER_LAC_140KEV_PER_CM,
        Tissue.DUODENUM: SOFT_TISSUE_LAC_140KEV_PER_CM,
        Tissue.SMALL_BOWEL: SOFT_TISSUE_LAC_140KEV_PER_CM,
        Tissue.COLON_WALL: SOFT_TISSUE_LAC_140KEV_PER_CM,
        Tissue.COLON_CONTENT: 0.98 * LAC_PER_DENSITY_140KEV,
        Tissue.GAS: AIR_LAC_140KEV_PER_CM,
        Tissue.SPONGY_BONE: 1.14 * LAC_PER_DENSITY_140KEV,
        Tissue.CORTICAL_BONE: _CORTICAL_PER_CM,
        Tissue.RIB: 1.42 * LAC_PER_DENSITY_140KEV,
        Tissue.CARTILAGE: 1.10 * LAC_PER_DENSITY_140KEV,
        Tissue.DISC: 1.09 * LAC_PER_DENSITY_140KEV,
        Tissue.METAL: TITANIUM_LAC_140KEV_PER_CM,
        Tissue.NODULE: 1.04 * LAC_PER_DENSITY_140KEV,
    }
)
"""LAC in 1/cm at 140.5 keV, narrow beam. Densities in g/cm³ from ICRU 46 and ICRP 89."""
