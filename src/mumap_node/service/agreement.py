"""The agreement record of a node, as a person asks for it on the command line."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from mumap_node import __version__
from mumap_node.node.jobs.agreement_csv import as_csv
from mumap_node.node.jobs.agreement_page import page_of
from mumap_node.node.jobs.agreement_record import AgreementRecord, read_record_of
from mumap_node.report.agreement import render_agreement
from mumap_node.service import building
from mumap_node.settings.tables import Settings


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """The record of a site, with what its page needs.

    Attributes:
        record: What was compared.
        zone: Of the site.
        node: AE title of the node.
    """

    record: AgreementRecord
    zone: ZoneInfo
    node: str

    def as_csv(self) -> str:
        """One row a comparison."""
        return as_csv(self.record.rows)

    def as_html(self) -> str:
        """The page."""
        now = datetime.now(UTC)
        page = page_of(self.record, self.zone, now, node=self.node, software_version=__version__)
        return render_agreement(page)


def read_site_record(settings: Settings, since: date | None = None) -> SiteRecord:
    """The record of a node, whether or not its processes run.

    Args:
        settings: Of the node.
        since: First day that is shown, in the zone of the site; None for everything.

    Raises:
        ConfigurationError: The data directory cannot be written.
    """
    zone = ZoneInfo(settings.node.timezone)
    begin = datetime.combine(since, time(), zone) if since else None
    record = read_record_of(building.open_spool(settings), begin)
    return SiteRecord(record, zone, settings.node.ae_title)
