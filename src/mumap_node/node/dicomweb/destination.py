"""Destinations that are called by DICOMweb, beside those that are called by DIMSE."""

from dataclasses import dataclass
from pathlib import Path

from mumap_node.node.routing import Destination
from mumap_node.node.tls.files import TlsFiles


@dataclass(frozen=True, slots=True)
class WebDestination:
    """A DICOMweb service maps are sent to, and how they are encoded for it.

    Attributes:
        name: As in the settings.
        url: What ``/studies`` is put behind; http or https, no user, no query.
        profile: Output profile.
        authorities: Certificates that issue the service's, PEM; None for those of the system.
        client: The node's own certificate, which it is shown; None for none.
        token_file: Holds a bearer token; None for none.
        user: Of HTTP Basic authentication; empty for none.
        password_file: Holds that user's password.
        rejection_notes: Whether it acts on rejection notes.
    """

    name: str
    url: str
    profile: str = "standard"
    authorities: Path | None = None
    client: TlsFiles | None = None
    token_file: Path | None = None
    user: str = ""
    password_file: Path | None = None
    rejection_notes: bool = False


AnyDestination = Destination | WebDestination
"""Wherever a map may go; both kinds have a name and a profile."""
