"""The tables of ``mumap-node.toml``; what each key means is said here and in docs/operations.md."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from mumap_node.imaging.findings import Relaxable
from mumap_node.settings.audit import Audit
from mumap_node.settings.fields import (
    AETitle,
    BindAddress,
    CertificateName,
    Count,
    FilePath,
    Flag,
    Host,
    ListenPort,
    MatchCondition,
    Name,
    PeerNetwork,
    Port,
    ServiceUrl,
    StorageClass,
    Table,
    Timezone,
    Tuple,
    UserName,
)

NM_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.20"
"""Nuclear Medicine Image Storage. Source: PS3.4 B.5."""


def default_models_dir() -> Path:
    """The models that came with the package, or those of the source tree it runs from."""
    source_tree = Path(__file__).parents[3]
    if (source_tree / "pyproject.toml").is_file():
        return source_tree / "models"
    return Path(sys.prefix) / "share" / "mumap-node" / "models"


class Node(Table):
    """Who this node is, and where its files lie."""

    ae_title: AETitle = "MUMAP"
    """AE title of this node: peers call it, and it calls destinations with it."""

    bind: BindAddress = "0.0.0.0"  # noqa: S104  (a node that cannot be reached is of no use)
    """Address the DICOM port listens on."""

    port: ListenPort = 11112
    """DICOM port for clear text."""

    tls_port: ListenPort | None = None
    """DICOM port for TLS; left out for none. The registered one is 2762."""

    tls_only: Flag = False
    """Whether the port for clear text stays closed."""

    data_dir: FilePath = Path("/var/lib/mumap-node")
    """Folder of the spool and the embedded database; on a local disk."""

    models_dir: FilePath = Field(default_factory=default_models_dir)
    """Folder of the models; left out, the models that came with the package."""

    timezone: Timezone
    """Time zone of the site: dates and times in the maps are local times of this zone."""


class Receiver(Table):
    """How much the receiver takes, and of what."""

    max_associations: Count = 50
    """Associations open at once; further ones are rejected for the moment."""

    min_free_gb: Annotated[float, Field(ge=0)] = 2.0
    """Free space in GB (10^9 bytes) below which senders are told to try later (0xA700)."""

    storage_classes: Tuple[StorageClass] = (NM_IMAGE_STORAGE,)
    """SOP classes that are accepted, by keyword or UID."""


class Engine(Table):
    """Where the job engine keeps its records."""

    database_url: SecretStr = SecretStr("")
    """Empty for SQLite below data_dir, or "postgresql://user:password@host:port/database", or
    "file:/path" of a file that holds such an address, so that no password is in the settings."""


class Inference(Table):
    """What the network runs on."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """"cuda" refuses to start without a GPU; "auto" takes one where there is one, and says so."""

    threads: Annotated[int, Field(ge=0, strict=True)] = 0
    """CPU threads of the network; 0 for all cores but one, which stays with the receiver."""


class Delivery(Table):
    """When a map counts as delivered."""

    accept_warnings: Flag = False
    """Whether a warning status of the destination (0xB000, 0xB006, 0xB007) is a success too."""


class Retention(Table):
    """How long finished things are kept."""

    spool_days: Count = 30
    """Days after which images and maps of finished jobs are removed from the disk."""

    jobs_days: Count = 365
    """Days after which the records of finished jobs are removed too."""


class Web(Table):
    """The page with jobs and health."""

    bind: BindAddress = "127.0.0.1"
    """Address the page listens on. It has no login: keep it on this machine or behind a proxy."""

    port: ListenPort = 8080
    """HTTP port."""

    tls: Flag = False
    """Whether the page is HTTPS, with the certificate of [tls]."""


class Tls(Table):
    """The node's certificate, for every connection by TLS; files in PEM."""

    certificate: FilePath
    """File of the node's certificate, followed by those between it and an authority."""

    key: FilePath
    """File of its private key, without a password."""

    authorities: FilePath
    """File of the certificates that issue those of peers and destinations."""


class Peer(Table):
    """Who may open associations; everybody else is refused."""

    name: Name
    """Name in logs and on the page."""

    ae_title: AETitle
    """Its calling AE title, exactly as configured at the peer."""

    hosts: Annotated[Tuple[PeerNetwork], Field(min_length=1)]
    """IP addresses or networks it calls from, such as "192.0.2.17" or "192.0.2.0/24"."""

    reply_to: str = ""
    """Name of the destination that "sender" means in a route; empty for none."""

    tls: Flag = False
    """Whether it may come by TLS only."""

    certificate: CertificateName | None = None
    """What identifies its certificate: a name in it, or its SHA-256 fingerprint."""


class Destination(Table):
    """A station maps are sent to."""

    name: Name
    """Name in routes, logs and file names."""

    ae_title: AETitle | None = None
    """Its AE title."""

    host: Host | None = None
    """Its host name or IP address."""

    port: Port | None = None
    """Its DICOM port."""

    url: ServiceUrl | None = None
    """Of a DICOMweb service (STOW-RS), instead of AE title, host and port."""

    authorities: FilePath | None = None
    """File of the certificates that issue the service's; left out, those of the system."""

    token_file: FilePath | None = None
    """File that holds the bearer token the service is shown."""

    user: UserName | None = None
    """User of the service (HTTP Basic)."""

    password_file: FilePath | None = None
    """File that holds the user's password."""

    client_certificate: Flag = False
    """Whether the service is shown the node's certificate."""

    clear_text: Flag = False
    """Whether the service may be called by http, which everybody on the way can read."""

    profile: str = "standard"
    """How maps are encoded for it."""

    template: FilePath | None = None
    """Of the profile "template": the file of `mumap-node template inspect`, as the site reviewed
    it."""

    tls: Flag = False
    """Whether it is called by TLS."""

    tls_name: Host | None = None
    """Name its certificate must have; left out, the host."""

    commitment: Flag = False
    """Whether a map counts as delivered only once the station committed itself to keep it."""

    rejection_notes: Flag = False
    """Whether it acts on rejection notes (IHE IOCM): then it is told of retracted maps."""


class Route(Table):
    """What to do with received images; the first route that matches decides."""

    name: Name
    """Name in logs, on the page and in job records."""

    match: dict[str, MatchCondition] = Field(default_factory=dict)
    """Conditions on calling_ae_title and DICOM keywords, all of which must hold: a value, a list
    of values, or { regex = "…" } that must match a whole value. Left out: matches everything."""

    action: Literal["map", "ignore", "compare"] = "map"
    """Answer with a map, leave alone, or keep measured maps (an attenuation map of the scanner, or
    a CT) to compare the maps of the same study with."""

    assume_nac: Flag = False
    """The site's word that images which say nothing about attenuation correction have none."""

    assume_parallel_holes: Flag = False
    """The site's word that projections come from cameras with parallel-hole collimators; without
    it projections are held."""

    relax: Tuple[Relaxable] = ()
    """Limits of the model that only warn on this route: "collimator", "field-of-view",
    "truncation", "matrix", "spacing". Written into every map it sends."""

    model: str = ""
    """Model by name or by name and version; empty for the default model."""

    destinations: Tuple[str] = ()
    """Names of destinations; "sender" for the peer's reply_to."""

    report: Flag = False
    """Whether a report for people (Secondary Capture) follows every map of projections."""

    deliver: Flag = True
    """false for shadow mode: maps are made, checked, stored and compared, and sent nowhere."""


class Watch(Table):
    """An archive that is asked for new studies, again and again."""

    name: Name
    """Name in logs."""

    source: Name = Field(alias="from")
    """Name of the destination that is asked."""

    match: dict[str, MatchCondition] = Field(default_factory=dict)
    """Conditions on keys of the study or the series, as in a route."""

    modalities: Annotated[Tuple[str], Field(min_length=1)] = ("NM",)
    """Modalities of the series that are fetched."""

    every_seconds: Count = 300
    """Seconds from one look to the next."""

    days: Count = 3
    """How many days back study dates go."""

    retrieve: Literal["move", "get"] = "move"
    """How objects come: "move" to the receiver, "get" on the association of the request."""


class Settings(Table):
    """Everything an administrator decides."""

    node: Node
    receiver: Receiver = Receiver()
    engine: Engine = Engine()
    inference: Inference = Inference()
    delivery: Delivery = Delivery()
    retention: Retention = Retention()
    web: Web = Web()
    tls: Tls | None = None
    audit: Audit | None = None
    peers: Tuple[Peer] = ()
    destinations: Tuple[Destination] = ()
    routes: Tuple[Route] = ()
    watch: Tuple[Watch] = ()
