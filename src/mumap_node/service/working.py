"""How the worker is put together."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from mumap_node import __version__
from mumap_node.node.model import DEFAULT_MODEL, LoadedModel, ModelStore, open_model
from mumap_node.node.worker.decisions import Rules
from mumap_node.node.worker.making import MakingOptions
from mumap_node.node.worker.process import WorkerOptions
from mumap_node.node.worker.retention import Retention
from mumap_node.service import building
from mumap_node.service.auditing import audit_of
from mumap_node.settings.tables import Settings


def worker_options(settings: Settings) -> WorkerOptions:
    """How a worker works with these settings."""
    store = ModelStore(settings.node.models_dir)
    templates = building.templates(settings)
    return WorkerOptions(
        rules=Rules(
            routes=building.routes(settings),
            peers=building.peers(settings),
            destinations=building.destinations(settings, templates),
            load_card=lambda name: store.load_card(name or DEFAULT_MODEL),
        ),
        making=MakingOptions(
            settings.node.ae_title,
            __version__,
            ZoneInfo(settings.node.timezone),
            building.by_profile(templates.values()),
        ),
        retention=Retention(settings.retention.spool_days, settings.retention.jobs_days),
        audit=audit_of(settings),
    )


def opener(settings: Settings) -> Callable[[str], LoadedModel]:
    """Opens a model by name or identity; the default model by the empty name."""
    folder, device = settings.node.models_dir, settings.inference.device
    threads = building.inference_threads(settings)
    return lambda name: open_model(folder, name or DEFAULT_MODEL, device, threads)
