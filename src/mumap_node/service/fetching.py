"""How the fetcher is put together, and how a person has studies fetched once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

from mumap_node.errors import ConfigurationError
from mumap_node.node.fetcher.archive import Archive, How
from mumap_node.node.fetcher.choosing import Query, Series
from mumap_node.node.fetcher.memory import Memory
from mumap_node.node.fetcher.retrieve import Retrieved, retrieve
from mumap_node.node.fetcher.watching import Watch, Watcher
from mumap_node.node.reception import receive_object
from mumap_node.node.routing import Destination
from mumap_node.node.spool.files import Spool
from mumap_node.service import building
from mumap_node.service.auditing import audit_of
from mumap_node.settings.tables import Settings


@dataclass(frozen=True, slots=True)
class Fetched:
    """A series an archive has, and what came of asking for it.

    Attributes:
        series: What was found.
        retrieved: What came; None where nothing was asked for.
    """

    series: Series
    retrieved: Retrieved | None


def watchers(settings: Settings, spool: Spool, memory: Memory) -> tuple[Watcher, ...]:
    """Whoever looks for what the settings watch.

    Raises:
        ConfigurationError: They watch nothing.
    """
    if not settings.watch:
        raise ConfigurationError("nothing-to-watch", ["expected [[watch]], found none"])
    zone = ZoneInfo(settings.node.timezone)
    watches = (
        Watch(
            name=table.name,
            archive=archive_of(settings, spool, table.source, How(table.retrieve)),
            match=table.match,
            modalities=table.modalities,
            every_seconds=table.every_seconds,
            days=table.days,
        )
        for table in settings.watch
    )
    return tuple(Watcher(watch, memory, zone, now) for watch in watches)


def archive_of(settings: Settings, spool: Spool, name: str, how: How) -> Archive:
    """A destination as an archive to fetch from.

    Raises:
        ConfigurationError: No destination has this name.
    """
    every = building.destinations(settings).values()
    destinations = {known.name: known for known in every if isinstance(known, Destination)}
    if name not in destinations:
        known = ", ".join(f'"{known}"' for known in destinations) or "there is none"
        problem = f'expected the name of a destination with an AE title ({known}), found "{name}"'
        raise ConfigurationError("destination-unknown", [problem])
    return Archive(
        destination=destinations[name],
        ae_title=settings.node.ae_title,
        how=how,
        peers=building.peers(settings),
        storage_classes=building.storage_classes(settings),
        keep=partial(receive_object, spool, settings.receiver.min_free_gb),
        audit=audit_of(settings),
    )


def fetch(archive: Archive, query: Query) -> Iterator[Fetched]:
    """Have what fits sent, whether or not it was before.

    Raises:
        TransientError: The archive does not answer, or refuses to say what it has.
    """
    for series in archive.search(query):
        wanted = series.instances
        yield Fetched(series, retrieve(archive, series, wanted) if wanted else None)


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)
