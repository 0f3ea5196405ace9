"""The deliverer: sends the maps, in a process of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from mumap_node.node.audit.forwarding import Forwarder, ForwardingOptions
from mumap_node.node.deliverer.reporting import Reporting
from mumap_node.node.deliverer.sending import Sending, SendingOptions
from mumap_node.node.engine.attempts import Kind
from mumap_node.node.engine.database import EngineOptions
from mumap_node.node.engine.executor import SWEEP_SECONDS, Executor, Served
from mumap_node.node.spool.files import Spool

CRASHES = 5
"""Times a delivery may take its process down before it is put aside."""

AT_ONCE = 16
"""Deliveries under way at the same time."""

PER_DESTINATION = 2
"""Of these to one destination, so that one that hangs leaves room for the others."""

FORWARDER_SECONDS = 2.0
"""For the batch of audit messages at hand; it is sent again where that is too short."""


@dataclass(frozen=True, slots=True)
class DelivererOptions:
    """How a deliverer works.

    Attributes:
        sending: How maps are sent.
        sweep_seconds: Between two looks for the work of dead deliverers.
        forwarding: What becomes of the audit trail; None where there is none.
    """

    sending: SendingOptions
    sweep_seconds: float = SWEEP_SECONDS
    forwarding: ForwardingOptions | None = None


class Deliverer:
    """A running deliverer; one per process."""

    def __init__(self, options: DelivererOptions, spool: Spool, engine: EngineOptions) -> None:
        """Begin to deliver.

        Raises:
            ConfigurationError: The database would not survive a power cut.
            sqlalchemy.exc.SQLAlchemyError: The database cannot be reached.
        """
        sending = Sending(spool, options.sending, _now)
        reporting = Reporting(spool, options.sending, _now)
        self._executor = Executor(
            engine,
            "deliverer",
            {
                **dict.fromkeys(
                    (Kind.DELIVER, Kind.NOTE),
                    Served(sending.attempt, sending.stopped, CRASHES, AT_ONCE, PER_DESTINATION),
                ),
                Kind.COMMIT: Served(
                    reporting.attempt, reporting.stopped, CRASHES, AT_ONCE, PER_DESTINATION
                ),
            },
            sweep_seconds=options.sweep_seconds,
        )
        forwarding = options.forwarding
        self._forwarder = Forwarder(forwarding, _now) if forwarding else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop(0)

    def stop(self, seconds: float) -> bool:
        """Begin no more deliveries, and wait for those under way.

        Returns:
            Whether they all ended. Where not, the caller must end the process with `os._exit`;
            the next one begins them again.
        """
        finished = self._executor.stop(seconds)
        if self._forwarder is not None:
            self._forwarder.stop(FORWARDER_SECONDS)
        return finished


def _now() -> datetime:
    return datetime.now(UTC)
