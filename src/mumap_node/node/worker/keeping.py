"""Keeping: a measured map goes to the others of its study, to compare maps with; nobody is asked.

That is no decision on it: a CT comes in hundreds of slices, and none of them is answered.
"""

from collections.abc import Sequence
from pathlib import Path

import structlog
from pydicom import Dataset

from mumap_node.dicom.elements import text
from mumap_node.dicom.measured_map import is_measured
from mumap_node.node.routing import Route, first_match
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.measured import keep
from mumap_node.node.worker.decisions import sender_of, series_of

log = structlog.get_logger()


def route_to_compare(dataset: Dataset, routes: Sequence[Route]) -> Route | None:
    """The route that keeps a measured map, or a slice of one.

    None for everything else, which is decided on; measured maps whose study or series nobody
    knows among them.
    """
    is_placed = text(dataset, "StudyInstanceUID") and text(dataset, "SeriesInstanceUID")
    if not is_placed or not is_measured(dataset):
        return None
    route = first_match(routes, dataset, sender_of(dataset)).route
    return route if route is not None and route.action == "compare" else None


def keep_measured(spool: Spool, path: Path, dataset: Dataset, route: Route) -> None:
    """Move it out of the inbox.

    Args:
        spool: Where to.
        path: Of its file in the inbox.
        dataset: What was read of it.
        route: That keeps it.
    """
    series = text(dataset, "SeriesInstanceUID")
    is_new = keep(
        spool,
        path,
        study=text(dataset, "StudyInstanceUID"),
        series=series,
        instance=text(dataset, "SOPInstanceUID"),
    )
    log.info(
        "measured.kept" if is_new else "measured.repeated",
        series=series_of(series),
        route=route.name,
    )
