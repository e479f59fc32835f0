"""Every setting: its section, name, type and default. docs/configuration.md says what each one means.

A `Config` is immutable and plain, so that it can be handed to worker processes.
"""

import ipaddress
from collections.abc import Iterator
from typing import Annotated, NamedTuple, get_args, get_type_hints

import msgspec

from registry.config.types import (
    Choice,
    Duration,
    Flag,
    Folders,
    HeaderNames,
    Integer,
    Listen,
    Networks,
    Origins,
    Prefixes,
    Secret,
    Size,
    Text,
    Type,
    Url,
    split_listen,
)

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_KIB, _MIB, _GIB = 2**10, 2**20, 2**30


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The settings under one heading of the file."""


class Server(Section, frozen=True, kw_only=True):
    """Where the server listens, what it works with, how it stops."""

    listen: Annotated[str, Listen()] = "127.0.0.1:5000"
    root: Annotated[str, Text("a folder")] = ""
    workers: Annotated[int, Integer(0, 256)] = 0
    pin_workers: Annotated[bool, Flag()] = True
    drain_timeout: Annotated[float, Duration(0, _DAY)] = 30.0
    public_url: Annotated[str, Url()] = ""
    absolute_locations: Annotated[bool, Flag()] = False
    trusted_proxies: Annotated[tuple[str, ...], Networks()] = ()
    proxy_sends_files: Annotated[str, Choice(("", "x-accel-redirect", "x-sendfile"))] = ""
    backlog: Annotated[int, Integer(1, 65535)] = 1024

    @property
    def host(self) -> str:
        """The host of `listen`, without brackets."""
        return split_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """The port of `listen`; 0 lets the system choose one."""
        return split_listen(self.listen)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach `listen`."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class Access(Section, frozen=True, kw_only=True):
    """What clients may do without a name."""

    anonymous: Annotated[str, Choice(("", "pull", "push", "full"))] = ""


class Tls(Section, frozen=True, kw_only=True):
    """Certificate and key, both or neither."""

    certificate: Annotated[str, Text("a PEM file")] = ""
    key: Annotated[str, Text("a PEM file")] = ""


class Storage(Section, frozen=True, kw_only=True):
    """Where the bytes of blobs are kept."""

    driver: Annotated[str, Choice(("filesystem", "s3", "memory"))] = "filesystem"
    path: Annotated[str, Text("a folder")] = ""
    links: Annotated[bool, Flag()] = True


class S3(Section, frozen=True, kw_only=True):
    """The bucket of the s3 driver, and how clients are sent to it."""

    bucket: Annotated[str, Text("the name of a bucket")] = ""
    prefix: Annotated[str, Folders()] = ""
    region: Annotated[str, Text("a region such as eu-central-1")] = ""
    endpoint: Annotated[str, Url()] = ""
    addressing: Annotated[str, Choice(("auto", "path", "virtual"))] = "auto"
    access_key: Annotated[str, Text()] = ""
    secret_key: Annotated[str, Secret()] = ""
    session_token: Annotated[str, Secret()] = ""
    ca_bundle: Annotated[str, Text("a PEM file")] = ""
    encryption: Annotated[str, Choice(("", "AES256", "aws:kms"))] = ""
    kms_key: Annotated[str, Text("the id or ARN of a key")] = ""
    storage_class: Annotated[str, Text("a storage class such as STANDARD_IA")] = ""
    part_size: Annotated[int, Size(5 * _MIB, _GIB)] = 8 * _MIB
    connections: Annotated[int, Integer(1, 1024)] = 64
    attempts: Annotated[int, Integer(1, 20)] = 5
    timeout: Annotated[float, Duration(1, _HOUR)] = 60.0
    redirect: Annotated[bool, Flag()] = True
    redirect_expires: Annotated[float, Duration(1, 7 * _DAY)] = 20 * _MINUTE
    redirect_endpoint: Annotated[str, Url()] = ""
    redirect_except_networks: Annotated[tuple[str, ...], Networks()] = ()
    redirect_except_agents: Annotated[tuple[str, ...], Prefixes()] = ()


class Database(Section, frozen=True, kw_only=True):
    """Where repositories, manifests, tags and sessions are kept."""

    url: Annotated[
        str,
        Text("a URL such as sqlite:////var/lib/entrepot/entrepot.db or postgresql://entrepot@db.example.com/entrepot"),
    ] = ""
    connections: Annotated[int, Integer(1, 1000)] = 8


class Limits(Section, frozen=True, kw_only=True):
    """What a client may ask for, in size, number and time."""

    manifest_size: Annotated[int, Size(_KIB, 64 * _MIB)] = 4 * _MIB
    manifest_descriptors: Annotated[int, Integer(128, 1_000_000)] = 10_000
    body_size: Annotated[int, Size(_KIB, 64 * _MIB)] = 64 * _KIB
    header_size: Annotated[int, Size(_KIB, _MIB)] = 32 * _KIB
    header_count: Annotated[int, Integer(8, 10_000)] = 100
    request_line: Annotated[int, Size(512, _MIB)] = 8 * _KIB
    header_timeout: Annotated[float, Duration(0.1, _HOUR)] = 10.0
    body_timeout: Annotated[float, Duration(0.1, _HOUR)] = 60.0
    body_rate: Annotated[int, Size(0, _GIB)] = _KIB
    keep_alive: Annotated[float, Duration(0, _HOUR)] = 75.0
    connections: Annotated[int, Integer(1, 1_000_000)] = 4096
    connections_per_client: Annotated[int, Integer(1, 1_000_000)] = 1024
    memory: Annotated[int, Size(16 * _MIB, 1024 * _GIB)] = 256 * _MIB
    uploads_per_client: Annotated[int, Integer(1, 1_000_000)] = 1000
    page_size: Annotated[int, Integer(1, 10_000)] = 1000
    json_depth: Annotated[int, Integer(4, 256)] = 32
    json_values: Annotated[int, Integer(1000, 100_000_000)] = 200_000
    ranges: Annotated[int, Integer(1, 256)] = 16


class Manifests(Section, frozen=True, kw_only=True):
    """What is taken as a manifest."""

    sparse: Annotated[bool, Flag()] = True
    prune_deleted_after: Annotated[float, Duration(0, 3650 * _DAY)] = 7 * _DAY


class Uploads(Section, frozen=True, kw_only=True):
    """Upload sessions."""

    expire_after: Annotated[float, Duration(1, 365 * _DAY)] = _DAY
    threads: Annotated[int, Integer(1, 256)] = 8


class Events(Section, frozen=True, kw_only=True):
    """What happened, kept for those that follow it."""

    prune_after: Annotated[float, Duration(0, 3650 * _DAY)] = 7 * _DAY


class Verify(Section, frozen=True, kw_only=True):
    """The background check that what is stored is still what was pushed."""

    enabled: Annotated[bool, Flag()] = True
    rate: Annotated[int, Size(_KIB, 64 * _GIB)] = 16 * _MIB
    every: Annotated[float, Duration(0.1, _DAY)] = 10.0
    again_after: Annotated[float, Duration(1, 3650 * _DAY)] = _DAY


class Cors(Section, frozen=True, kw_only=True):
    """Which web pages of other origins may use the API."""

    allow_origins: Annotated[tuple[str, ...], Origins()] = ()
    allow_headers: Annotated[tuple[str, ...], HeaderNames()] = (
        "authorization",
        "baggage",
        "cache-control",
        "content-range",
        "content-type",
        "if-match",
        "if-none-match",
        "if-range",
        "pragma",
        "range",
        "traceparent",
        "tracestate",
        "x-request-id",
        "x-requested-with",
    )
    allow_credentials: Annotated[bool, Flag()] = False
    max_age: Annotated[float, Duration(0, _DAY)] = 600.0


class Log(Section, frozen=True, kw_only=True):
    """What the server writes about itself and its requests."""

    level: Annotated[str, Choice(("debug", "info", "warning", "error"))] = "info"
    format: Annotated[str, Choice(("text", "json"))] = "text"
    access: Annotated[bool, Flag()] = True
    access_file: Annotated[str, Text("a file")] = ""


class MetricsSection(Section, frozen=True, kw_only=True):
    """The numbers at /metrics."""

    enabled: Annotated[bool, Flag()] = True


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration, complete and checked."""

    server: Server = Server()
    access: Access = Access()
    tls: Tls = Tls()
    storage: Storage = Storage()
    s3: S3 = S3()
    database: Database = Database()
    limits: Limits = Limits()
    manifests: Manifests = Manifests()
    uploads: Uploads = Uploads()
    events: Events = Events()
    verify: Verify = Verify()
    cors: Cors = Cors()
    log: Log = Log()
    metrics: MetricsSection = MetricsSection()


class Setting(NamedTuple):
    """One setting as it is declared above."""

    section: str
    name: str
    type: Type
    default: object

    @property
    def key(self) -> str:
        """Its name in files and messages."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"ENTREPOT_{self.section}_{self.name}".upper()


def _declared() -> Iterator[Setting]:
    for section, kind_of_section in SECTIONS.items():
        defaults = kind_of_section()
        for name, hint in get_type_hints(kind_of_section, include_extras=True).items():
            yield Setting(section, name, get_args(hint)[1], getattr(defaults, name))


SECTIONS: dict[str, type[Section]] = get_type_hints(Config)
SETTINGS: dict[str, Setting] = {setting.key: setting for setting in _declared()}
