"""`fetch`: has an archive send studies, once, because a person asks."""

from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from mumap_node.cli.reporting import ExitCode, quieten
from mumap_node.cli.tables import as_json, as_table
from mumap_node.errors import InputRejected, TransientError

if TYPE_CHECKING:
    from mumap_node.node.fetcher.choosing import Query
    from mumap_node.service.fetching import Fetched

SHORT_HASH = 12
"""Digits; as `series` in logs and decisions."""


class How(StrEnum):
    """How objects come: `archive.How` once more, for which help must not wait."""

    MOVE = "move"
    GET = "get"


Source = Annotated[
    str, typer.Option("--from", metavar="DESTINATION", help="The archive, as in the settings.")
]
Study = Annotated[str, typer.Option(metavar="UID", help="Study Instance UID.")]
Accession = Annotated[str, typer.Option(metavar="N", help="Accession Number.")]
PatientId = Annotated[str, typer.Option(metavar="ID", help="Patient ID.")]
Dates = Annotated[
    str,
    typer.Option("--date", metavar="RANGE", help="Study Date: 20260131, 20260101-20260131 or …-."),
]
Modalities = Annotated[
    list[str] | None, typer.Option("--modality", metavar="CS", help="Of the series; NM if none.")
]
Retrieve = Annotated[How, typer.Option(help="By C-MOVE to the receiver, or by C-GET.")]


def fetch(
    source: Source,
    study: Study = "",
    accession: Accession = "",
    patient_id: PatientId = "",
    dates: Dates = "",
    modalities: Modalities = None,
    retrieve: Retrieve = How.MOVE,
    config: SettingsFile = DEFAULT_SETTINGS,
    json: AsJson = False,
) -> None:
    """Have an archive send the series of a study that a route could want."""
    keys = {"StudyInstanceUID": study, "AccessionNumber": accession, "PatientID": patient_id}
    given = {keyword: value for keyword, value in keys.items() if value}
    if not given:
        message = "expected --study, --accession or --patient-id"
        raise typer.BadParameter(message, param_hint="--study")
    first, last = _range(dates)
    from mumap_node.node.fetcher.archive import How as Retrieval
    from mumap_node.node.fetcher.choosing import Query
    from mumap_node.node.routing import Condition
    from mumap_node.service import fetching
    from mumap_node.service.building import open_spool
    from mumap_node.settings.loading import load_settings

    quieten()
    settings = load_settings(config)
    match = {keyword: Condition((value,)) for keyword, value in given.items()}
    query = Query(match, tuple(modalities or ("NM",)), first, last)
    how = Retrieval(retrieve)
    archive = fetching.archive_of(settings, open_spool(settings), source, how)
    _tell(query, list(fetching.fetch(archive, query)), as_json_=json)


def _range(text: str) -> tuple[date | None, date | None]:
    """First and last day; None for an open end.

    Raises:
        BadParameter: The text is no range.
    """
    begin, dash, end = text.partition("-")
    try:
        first, last = (date.fromisoformat(day) if day else None for day in (begin, end))
    except ValueError:
        message = "expected YYYYMMDD, YYYYMMDD-YYYYMMDD, YYYYMMDD- or -YYYYMMDD"
        raise typer.BadParameter(message, param_hint="--date") from None
    return first, last if dash else first


def _tell(query: "Query", fetched: "list[Fetched]", *, as_json_: bool) -> None:
    """A line a series, without anything of the patient; the exit code says whether all came."""
    rows = [_row(one) for one in fetched]
    typer.echo(as_json(rows) if as_json_ else as_table(rows))
    if not rows:
        kinds = ", ".join(query.modalities)
        raise InputRejected("nothing-found", f"expected series of {kinds}, found none that fits")
    errors = [error for error in map(_error_of, fetched) if error is not None]
    for line in dict.fromkeys(map(str, errors)):
        typer.echo(line, err=True)
    if errors:
        raise typer.Exit(ExitCode.PEER_FAILED)


def _row(one: "Fetched") -> dict[str, object]:
    from mumap_node.node.spool.measured import key_of

    series, error = one.series, _error_of(one)
    return {
        "study": key_of(series.study_uid)[:SHORT_HASH],
        "series": key_of(series.series_uid)[:SHORT_HASH],
        "modality": series.modality,
        "found": len(series.instances),
        "taken": len(one.retrieved.instances) if one.retrieved else 0,
        "reason": error.reason if error else "own-map" if series.is_own else "",
    }


def _error_of(one: "Fetched") -> TransientError | None:
    return one.retrieved.error if one.retrieved else one.series.error
