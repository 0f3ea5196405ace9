"""`agreement`: how the maps of a site agree with measured ones, and whether that drifts."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, SettingsFile
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import as_table
from mumap_node.errors import ConfigurationError

if TYPE_CHECKING:
    from mumap_node.node.jobs.agreement_record import Group
    from mumap_node.service.agreement import SiteRecord

AsCsv = Annotated[bool, typer.Option("--csv", help="One row a comparison, with every figure.")]
AsHtml = Annotated[bool, typer.Option("--html", help="The page, in one file.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Written instead of standard output."),
]
Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Only what was received since then."),
]


def agreement(
    as_csv: AsCsv = False,
    as_html: AsHtml = False,
    output: Output = None,
    since: Since = None,
    config: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Tell how synthetic maps agree with measured ones: a table, CSV or a page."""
    if as_csv and as_html:
        raise typer.BadParameter("expected one of --csv and --html", param_hint="--csv")
    if output is not None and not (as_csv or as_html):
        raise typer.BadParameter("expected --csv or --html with it", param_hint="--output")
    from mumap_node.service.agreement import read_site_record
    from mumap_node.settings.loading import load_settings

    quieten()
    site = read_site_record(load_settings(config), since.date() if since else None)
    if as_csv or as_html:
        _write(site.as_csv() if as_csv else site.as_html(), output)
        return
    _tell(site)


def _tell(site: "SiteRecord") -> None:
    """A line a camera, what does not count, and the alarms."""
    record = site.record
    typer.echo(as_table([_row(group) for group in record.groups if group.name == "camera"]))
    if record.total.figures:
        typer.echo("\nmedians; differences are synthetic minus measured")
    left_out = ", ".join(f"{reason} {count}" for reason, count in record.left_out)
    if left_out:
        typer.echo(f"left out: {left_out}")
    for drift in record.drifts:
        typer.echo(drift.sentence(site.zone))


def _write(text: str, output: Path | None) -> None:
    """As it is: RFC 4180 has its own line ends."""
    content = text.encode()
    if output is None:
        typer.echo(content, nl=False)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        problem = f"expected to write {output}, found: {error.strerror}"
        raise ConfigurationError("output-not-writable", [problem]) from None
    typer.echo(f"{output} written")


def _row(group: "Group") -> dict[str, object]:
    from mumap_node.imaging.definitions import METRICS

    def shown(name: str) -> str:
        found = group.figures.get(name)
        return METRICS[name].shown(found.median) if found else ""

    def range_of(name: str) -> str:
        found, metric = group.figures.get(name), METRICS[name]
        return f"{metric.shown(found.low)} to {metric.shown(found.high)}" if found else ""

    return {
        "camera": group.value,
        "model": group.model,
        "studies": group.counted,
        "left out": group.left_out,
        "NMAE": shown("nmae_range"),
        "95 % range": range_of("nmae_range"),
        "bias, body (/cm)": shown("bias_body_per_cm"),
        "|ACF error| (%)": shown("acf_mean_percent"),
    }
