"""Where the node's own certificate is kept, and those it trusts."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the node's identity and whom it trusts are kept; all PEM.

    Attributes:
        certificate: The node's own, then those between it and an authority.
        key: Its private key, without a password.
        authorities: Certificates that issue those of peers.
    """

    certificate: Path
    key: Path
    authorities: Path


@dataclass(frozen=True, slots=True)
class TlsTarget:
    """How a destination is called by TLS.

    Attributes:
        files: Of the node.
        server_name: Host name or IP address the destination's certificate must have.
    """

    files: TlsFiles
    server_name: str
