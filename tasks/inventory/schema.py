"""What the files of targets may hold. Each has the same frame: `defaults` for all, `groups` of
entries that share settings, `overrides` for the few that differ.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from tasks.inventory.addresses import is_address
from tasks.strict import Name, Shape, Text, printable
from tasks.texts import t

# `linux` is any other.
System = Literal[
    "linux",
    "windows",
    "centos",
    "redhat",
    "kylin",
    "debian",
    "ubuntu",
    "uos",
    "openeuler",
    "suse",
    "rocky",
    "alma",
]
Engine = Literal["oracle", "mysql", "postgres", "sqlite"]
Form = Literal["single", "rac", "dataguard"]
Role = Literal["primary", "standby"]
Transport = Literal["ssh", "winrm", "local"]
Encoding = Literal["utf-8", "gbk", "gb18030"]

# IANA; 5986 is WinRM over TLS.
TRANSPORT_PORTS = {"ssh": 22, "winrm": 5986}
WINRM_PLAIN = {"winrm": 5985}
ENGINE_PORTS = {"oracle": 1521, "mysql": 3306, "postgres": 5432}
# An engine that listens asks who is there; SQLite is a file.
ENGINES_WITHOUT_LOGIN = frozenset({"sqlite"})

NAME = re.compile(r"\w[\w.-]{0,63}")
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-fA-F:]+\]|[^\s/:?#\[\]@]+)(:(?P<port>\d{1,5}))?"
    r"(?P<path>/[\w.~!*'(),;:@&=+%/-]*)?(\?[\w.~!*'(),;:@&=+%/?-]*)?"
)


def number_as_text(value: object) -> object:
    """`version: 2016` is meant as text; `version: 6.10` would already have lost its zero."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        raise PydanticCustomError("quote_number", t("inventory.quote_number"))
    return value


def web_address(text: str) -> str:
    match = URL.fullmatch(text)
    if (
        not match
        or not is_address(match["host"].strip("[]"))
        or int(match["port"] or 1) not in range(1, 65536)
    ):
        raise PydanticCustomError("bad_url", t("inventory.bad_url"))
    return text


# Several names on one line, `SP-WIN-[01-30]`; what they expand to is checked as a Name.
Names = Annotated[
    str, StringConstraints(pattern=r"^\w[\w.,\[\]-]*$", max_length=100), AfterValidator(printable)
]
Addresses = Annotated[
    str, StringConstraints(pattern=r"^[\w.:,\[\]-]+$", max_length=253), AfterValidator(printable)
]
Version = Annotated[Text, BeforeValidator(number_as_text)]
Url = Annotated[Text, AfterValidator(web_address)]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
# systemd units and Windows services; the list goes to the host inside a probe.
Service = Annotated[
    str, StringConstraints(pattern=r"^\w[\w.@:-]*$", max_length=100), AfterValidator(printable)
]
# Neither a blank nor a quote, nothing a shell or a program would take for more than a name.
DatabaseService = Annotated[
    str, StringConstraints(pattern=r"^\w[\w.,\[\]-]*$", max_length=100), AfterValidator(printable)
]
FilePath = Annotated[
    str, StringConstraints(pattern=r"^/?\w[\w./,\[\]-]*$", max_length=200), AfterValidator(printable)
]

# Absolute; a pattern holds * or ?, and nothing else a shell would take for more than a name.
PathPattern = Annotated[str, StringConstraints(pattern=r"^/[\w./*?@:+=,-]+$", max_length=200)]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[\w./@:+=,-]+$", max_length=200)]
# On a host of either family: /var/log/x.log, D:\\app\\alert.log.
HostPath = Annotated[str, StringConstraints(pattern=r"^(/|[A-Za-z]:\\)[\w .\\/@:+=,-]+$", max_length=200)]
Age = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,4}[hd]$")]
Size = Annotated[str, BeforeValidator(number_as_text), StringConstraints(pattern=r"^[1-9]\d{0,8}[KMGT]?$")]


class Settings(Shape):
    """What any target may be told; each layer says only what it changes."""

    part: Name | None = None
    role: Role | None = None
    partner: Name | None = None
    purpose: Text | None = None
    owner: Text | None = None
    groups: tuple[Name, ...] | None = None
    ledger: dict[Text, Version] | None = None


class BackupEntry(Shape):
    """The newest file that fits `path` (a pattern may be used): how old and how small it may be."""

    path: PathPattern
    max_age: Age = "26h"
    min_size: Size = "1"


class AntivirusEntry(Shape):
    processes: tuple[Service, ...] = ()
    until: date | None = None
    licence: AbsolutePath | None = None


class WinrmEntry(Shape):
    auth: Literal["negotiate", "ntlm", "kerberos", "certificate"] = "negotiate"
    tls: Annotated[bool, Field(strict=True)] = True
    ca: FilePath = ""
    pin: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")] = ""
    verify: Annotated[bool, Field(strict=True)] = True
    insecure: Annotated[bool, Field(strict=True)] = False
    reason: Text = ""

    @model_validator(mode="after")
    def sound(self) -> "WinrmEntry":
        if self.verify == self.insecure or self.insecure != bool(self.reason):
            raise PydanticCustomError("winrm_insecure", t("inventory.winrm_insecure"))
        if (self.insecure or not self.tls) and (self.ca or self.pin):
            raise PydanticCustomError("winrm_unused", t("inventory.winrm_unused"))
        if not self.tls and (self.auth == "certificate" or self.insecure):
            raise PydanticCustomError("winrm_plain", t("inventory.winrm_plain"))
        return self


class MiddlewareEntry(Shape):
    kind: Name
    port: Port | None = None
    log: FilePath = ""
    certificates: tuple[FilePath, ...] = ()


class HostSettings(Settings):
    os: System | None = None
    version: Version | None = None
    transport: Transport | None = None
    port: Port | None = None
    credential: Name | None = None
    encoding: Encoding | None = None
    services: tuple[Service, ...] | None = None
    sudo: Annotated[bool, Field(strict=True)] | None = None
    jump: tuple[Name, ...] | None = None
    hostname: Name | None = None
    login_seconds: Annotated[int, Field(ge=1, le=120, strict=True)] | None = None
    backups: tuple[BackupEntry, ...] | None = None
    antivirus: AntivirusEntry | None = None
    winrm: WinrmEntry | None = None
    middleware: tuple[MiddlewareEntry, ...] | None = None


class HostEntry(HostSettings):
    name: Names
    address: Addresses | None = None


class HostGroup(HostSettings):
    hosts: tuple[HostEntry, ...]


class HostFile(Shape):
    defaults: HostSettings = HostSettings()
    groups: dict[Name, HostGroup] = {}
    overrides: dict[Names, HostSettings] = {}


class InstanceEntry(Shape):
    name: Names
    host: Names
    role: Role | None = None
    port: Port | None = None


class DatabaseSettings(Settings):
    engine: Engine | None = None
    form: Form | None = None
    version: Version | None = None
    port: Port | None = None
    credential: Name | None = None
    driver: Literal["oracledb", "cx_Oracle"] | None = None
    client: Literal["thin", "thick"] | None = None
    tls: Annotated[bool, Field(strict=True)] | None = None
    ca: FilePath | None = None
    login_seconds: Annotated[int, Field(ge=1, le=120, strict=True)] | None = None
    log: HostPath | None = None
    data: HostPath | None = None


class DatabaseEntry(DatabaseSettings):
    name: Names
    host: Names | None = None
    address: Addresses | None = None
    service: DatabaseService | None = None
    path: FilePath | None = None
    instances: tuple[InstanceEntry, ...] | None = None


class DatabaseGroup(DatabaseSettings):
    databases: tuple[DatabaseEntry, ...]


class DatabaseFile(Shape):
    defaults: DatabaseSettings = DatabaseSettings()
    groups: dict[Name, DatabaseGroup] = {}
    overrides: dict[Names, DatabaseSettings] = {}


class SiteSettings(Settings):
    marker: Text | None = None
    method: Literal["GET", "HEAD"] | None = None
    status: Annotated[int, Field(ge=100, le=599, strict=True)] | None = None
    seconds: Annotated[int, Field(ge=1, le=120, strict=True)] | None = None
    ca: FilePath | None = None


class SiteEntry(SiteSettings):
    name: Name
    url: Url


class SiteGroup(SiteSettings):
    sites: tuple[SiteEntry, ...]


class SiteFile(Shape):
    defaults: SiteSettings = SiteSettings()
    groups: dict[Name, SiteGroup] = {}
    overrides: dict[Names, SiteSettings] = {}


class DeviceSettings(Settings):
    kind: Name | None = None
    model: Version | None = None
    serial: Version | None = None
    location: Text | None = None
    port: Port | None = None
    credential: Name | None = None
    reach: Literal["icmp", "tcp", "http", "snmp", "manual"] | None = None


class DeviceEntry(DeviceSettings):
    name: Names
    address: Addresses | None = None


class DeviceGroup(DeviceSettings):
    devices: tuple[DeviceEntry, ...]


class DeviceFile(Shape):
    defaults: DeviceSettings = DeviceSettings()
    groups: dict[Name, DeviceGroup] = {}
    overrides: dict[Names, DeviceSettings] = {}


TargetFile = HostFile | DatabaseFile | SiteFile | DeviceFile
# One entry per kind of target: file, key of a group's entries, shape.
FILES: Mapping[str, tuple[str, str, type[TargetFile]]] = {
    "host": ("hosts.yml", "hosts", HostFile),
    "database": ("databases.yml", "databases", DatabaseFile),
    "site": ("sites.yml", "sites", SiteFile),
    "device": ("devices.yml", "devices", DeviceFile),
}
