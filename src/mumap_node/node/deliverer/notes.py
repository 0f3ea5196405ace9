"""Rejection notes as they are sent: about everything one destination got of one job."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import cast

from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.rejection_note import write_rejection_note
from mumap_node.node.jobs.dossier import Dossier
from mumap_node.node.spool.records import OperatorWord


def rejection_note(
    dossier: Dossier,
    objects: Sequence[bytes],
    ae_title: str,
    software_version: str,
    timezone: tzinfo,
) -> bytes:
    """Write the note about what a destination got; the same bytes at every attempt.

    Args:
        dossier: Of a retracted job.
        objects: Whole files, as the destination got them.
        ae_title: Who we say we are.
        software_version: Of this node.
        timezone: Of the site.
    """
    word = cast(OperatorWord, dossier.word)  # without one no note is due
    made_by = Provenance(
        ae_title=ae_title,
        software_version=software_version,
        runtime="",
        made_at=word.at.astimezone(timezone),
        run=dossier.job.run,
        settings="",
    )
    sent = [read_dataset(encoded) for encoded in objects]
    return to_bytes(write_rejection_note(sent, word.reason, made_by))
