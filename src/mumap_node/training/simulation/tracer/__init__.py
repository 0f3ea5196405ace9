"""Tc-99m sestamibi and tetrofosmin in the body, at rest and under stress."""

from mumap_node.training.simulation.tracer.distribution import distribute
from mumap_node.training.simulation.tracer.drawing import draw_uptake
from mumap_node.training.simulation.tracer.uptake import Defect, HotSpot, State, Tracer, Uptake

__all__ = ["Defect", "HotSpot", "State", "Tracer", "Uptake", "distribute", "draw_uptake"]
