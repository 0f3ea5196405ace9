"""Patients: the numbers that shape a torso, and how they are drawn."""

from mumap_node.training.simulation.patient.drawing import draw_patient
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
    Vector,
)

__all__ = [
    "Abdomen",
    "Arms",
    "Fat",
    "Heart",
    "Lungs",
    "Patient",
    "Placement",
    "Position",
    "Sex",
    "Thorax",
    "Vector",
    "draw_patient",
]
