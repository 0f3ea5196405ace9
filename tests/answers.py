"""Everything the node makes of one source, as files, for tests that must hold for all of it."""

import numpy as np

from builders import EVERY_PROFILE, card, finding, provenance
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.secondary_capture import write_report
from mumap_node.dicom.writing import write_attenuation_map
from mumap_node.imaging.volume import Quantity, Volume


def answers(source: bytes) -> dict[str, bytes]:
    """The first object of the map in every profile, by its name, and the report; of water alone."""
    dataset = read_dataset(source)
    geometry = read_reconstruction(dataset).volume.geometry
    lac = np.full(geometry.shape, 0.15, dtype=np.float32)
    mumap = Volume(lac, geometry, Quantity.LAC_PER_CM)
    about = (dataset, card(), [finding()], provenance(), 140.5)
    made = {p: write_attenuation_map(mumap, *about, profile=p)[0] for p in EVERY_PROFILE}
    made["report"] = write_report(np.zeros((4, 4, 3), np.uint8), *about)
    return {name: to_bytes(answer) for name, answer in made.items()}
