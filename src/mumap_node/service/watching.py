"""What whoever watches the node looks at."""

from datetime import UTC, datetime
from functools import partial

from mumap_node import __version__
from mumap_node.node.engine.client import EngineClient
from mumap_node.node.jobs.survey import Survey
from mumap_node.node.spool.files import Spool
from mumap_node.node.web.health import PROCESSES, Watch
from mumap_node.node.web.metrics import Sources
from mumap_node.service import building
from mumap_node.settings.tables import Settings

BYTES_PER_GB = 10**9


def watch_of(settings: Settings, spool: Spool, engine: EngineClient) -> Watch:
    """What health looks at."""
    return Watch(
        spool=spool,
        min_free_bytes=settings.receiver.min_free_gb * BYTES_PER_GB,
        check_engine=engine.check,
        processes=(*PROCESSES, *(("fetcher",) if settings.watch else ())),
        certificates=building.tls_files(settings),
    )


def sources_of(settings: Settings, watch: Watch, engine: EngineClient) -> Sources:
    """What the metrics are taken from."""
    return Sources(
        watch=watch,
        survey=Survey(watch.spool, engine),
        peers=tuple(peer.name for peer in settings.peers),
        destinations=tuple(table.name for table in settings.destinations),
        version=__version__,
        now=partial(datetime.now, UTC),
    )
