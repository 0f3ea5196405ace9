"""Who makes a map, when and with what."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is written into a map about its making, beside source and model.

    Attributes:
        ae_title: AE title of the node, at most 16 characters; its station name.
        software_version: Of the node.
        runtime: What runs the network, such as "onnxruntime 1.31.1 CPUExecutionProvider".
        made_at: Now, aware, in the site's time zone.
        run: 1, and one more for every rerun a person asked for.
        settings: Effective settings as canonical text: equal text, equal settings.
        replaces: SOP Instance UIDs of earlier maps this one stands for, the latest first; of a map
            of several objects, of its first.
    """

    ae_title: str
    software_version: str
    runtime: str
    made_at: datetime
    run: int
    settings: str
    replaces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.made_at.tzinfo is None:
            raise ValueError("expected an aware time, found a naive one")
