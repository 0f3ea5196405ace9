"""The table ``[audit]``."""

from mumap_node.settings.fields import Count, FilePath, Host, Port, Table


class Audit(Table):
    """The audit trail: written where there is this table, also if it is empty."""

    host: Host | None = None
    """Host name or IP address of the syslog server messages are sent to; left out for none."""

    port: Port = 6514
    """Its port for syslog over TLS."""

    tls_name: Host | None = None
    """Name its certificate must have; left out, the host."""

    authorities: FilePath | None = None
    """File of the certificates that issue its certificate; left out, those of [tls]."""

    days: Count = 365
    """Days after which a day's file is removed, once the server has it."""
