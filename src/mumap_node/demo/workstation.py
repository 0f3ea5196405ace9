"""The demo's workstation: a Storage SCP that keeps what it receives in memory."""

from types import TracebackType
from typing import Self

from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    NuclearMedicineImageStorage,
    Verification,
)

WORKSTATION_AE_TITLE = "WORKSTATION"


class Workstation:
    """Listens while its ``with`` block runs.

    Attributes:
        port: Where it listens on the loopback address.
        received: DICOM files as they came, in order.
    """

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self._ae = AE(WORKSTATION_AE_TITLE)
        self._ae.require_called_aet = True
        self._ae.add_supported_context(NuclearMedicineImageStorage)
        self._ae.add_supported_context(Verification)
        server = self._ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        assert server is not None  # noqa: S101  (None is for block=True)
        self.port = int(server.server_address[1])

    def _store(self, event: Event) -> int:
        self.received.append(event.encoded_dataset())
        return 0x0000

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ae.shutdown()
