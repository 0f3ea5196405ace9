"""How the jobs are opened for people on the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

from mumap_node.node.engine.client import EngineClient
from mumap_node.node.jobs.verbs import Jobs
from mumap_node.service import building
from mumap_node.settings.tables import Settings


@contextmanager
def open_jobs(settings: Settings) -> Iterator[Jobs]:
    """The jobs of a node, whether or not its processes run.

    Raises:
        ConfigurationError: The data directory cannot be written.
    """
    spool = building.open_spool(settings)
    with EngineClient(building.engine_options(settings, spool.run)) as engine:
        known = building.destinations(settings).values()
        yield Jobs(spool, engine, take_notes=[it.name for it in known if it.rejection_notes])
