"""Checks simulated patients against what is known: pictures and numbers of docs/simulation.md.

    python benchmarks/simulation [--torsos 100] [--cases 40] [--jobs 2] [--anatomy FOLDER]

Needs the developers' environment. FOLDER holds real torsos as `mumap-node simulate --ct` reads
them; where it is absent, nothing is compared with them. Some 3 minutes of two free cores.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # the camera of the tests
sys.path.append(str(Path(__file__).parents[2] / "tests/unit/training/simulation"))

import physics
import pictures
import tables
from bodies import real_bodies
from subjects import five_of, look_at, portrait

from mumap_node.training.parallel import in_processes

PROJECT = Path(__file__).parents[2]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--torsos", type=int, default=100)
    arguments.add_argument("--cases", type=int, default=40, help="of them imaged, at least 20")
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--anatomy", type=Path, default=PROJECT.parent / "shared/data/anatomy")
    parsed = arguments.parse_args()

    look = partial(look_at, cases=parsed.cases)
    looked = list(in_processes(look, range(parsed.torsos), parsed.jobs))
    looked.sort(key=lambda one: one.index)
    real = real_bodies(parsed.anatomy) if parsed.anatomy.is_dir() else []
    checks = physics.checks()

    tables.population()
    tables.physics(checks)
    tables.counts(looked)
    five = pictures.torsos([portrait(index) for index in five_of(looked)])
    pictures.write("torsos", five, pictures.GREYS)
    pictures.write("physics", pictures.physics(checks, looked))
    pictures.write("sizes", pictures.sizes(looked, real))
    if real:
        tables.coverage(looked, real)
        pictures.write("coverage", pictures.coverage(looked, real))


if __name__ == "__main__":
    main()
