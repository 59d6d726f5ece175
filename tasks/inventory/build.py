"""From drafts to targets: one function for each kind, in `BUILD`."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from tasks.inventory.drafts import Draft
from tasks.inventory.schema import (
    ENGINE_PORTS,
    ENGINES_WITHOUT_LOGIN,
    TRANSPORT_PORTS,
    WINRM_PLAIN,
    AntivirusEntry,
    BackupEntry,
    WinrmEntry,
)
from tasks.model import (
    Antivirus,
    BackupFile,
    Database,
    Device,
    Host,
    Instance,
    Middleware,
    Site,
    Target,
    Winrm,
)
from tasks.strict import Problem
from tasks.texts import t

Hosts = Mapping[str, Host]


def required(draft: Draft, problems: list[Problem], *keys: str) -> bool:
    """Keys that some layer has to say: the entry, its group or the defaults."""
    missing = [key for key in keys if key not in draft.settings]
    problems.extend(draft.problem(key, t("inventory.missing", key=key, name=draft.name)) for key in missing)
    return not missing


def common(draft: Draft) -> dict[str, Any]:
    """The fields that every kind of target has."""
    plain = ("name", "part", "address", "role", "partner", "purpose", "owner", "groups")
    fields = {key: draft.settings[key] for key in plain if key in draft.settings}
    return {"contract": draft.contract, "ledger": tuple(draft.settings.get("ledger", {}).items()), **fields}


def chosen(draft: Draft, *keys: str) -> dict[str, Any]:
    return {key: draft.settings[key] for key in keys if key in draft.settings}


def without_login(draft: Draft) -> Problem:
    return draft.problem("credential", t("inventory.no_credential", name=draft.name))


def host(draft: Draft, _: Hosts, problems: list[Problem]) -> Target | None:
    if not required(draft, problems, "part", "os"):
        return None
    settings = draft.settings
    transport = settings.get("transport") or ("winrm" if settings["os"] == "windows" else "ssh")
    if transport == "local":
        settings.setdefault("address", "127.0.0.1")
    elif "credential" not in settings:
        problems.append(without_login(draft))
    if not required(draft, problems, "address"):
        return None
    return Host(
        **common(draft),
        **chosen(draft, "os", "version", "credential", "encoding", "services"),
        **chosen(draft, "sudo", "jump", "hostname", "login_seconds"),
        backups=tuple(backup_file(one) for one in settings.get("backups", ())),
        antivirus=antivirus(settings.get("antivirus")),
        winrm=(way := winrm(settings.get("winrm"))),
        middleware=tuple(Middleware(**one.model_dump()) for one in settings.get("middleware", ())),
        transport=transport,
        port=settings.get("port") or (TRANSPORT_PORTS | ({} if way.tls else WINRM_PLAIN)).get(transport),
    )


def winrm(said: WinrmEntry | None) -> Winrm:
    if said is None:
        return Winrm()
    fields = {key: getattr(said, key) for key in ("auth", "tls", "ca")}
    return Winrm(**fields, pin=said.pin.lower(), insecure=said.reason)


def backup_file(said: BackupEntry) -> BackupFile:
    hours = int(said.max_age[:-1]) * (24 if said.max_age.endswith("d") else 1)
    size = int(said.min_size.rstrip("KMGT")) * 1024 ** max("BKMGT".find(said.min_size[-1]), 0)
    return BackupFile(path=said.path, max_age=hours, min_size=size)


def antivirus(said: AntivirusEntry | None) -> Antivirus | None:
    if said is None:
        return None
    until = said.until.isoformat() if said.until else ""
    return Antivirus(processes=said.processes, until=until, licence=said.licence or "")


def database(draft: Draft, hosts: Hosts, problems: list[Problem]) -> Target | None:
    if not required(draft, problems, "part", "engine"):
        return None
    settings = draft.settings
    engine = settings["engine"]
    if engine not in ENGINES_WITHOUT_LOGIN and "credential" not in settings:
        problems.append(without_login(draft))
    if "host" in settings and draft.instances:
        problems.append(draft.problem("host", t("inventory.host_and_instances", name=draft.name)))
    instances = draft.instances or [
        Instance(name=settings.get("service") or draft.name, host=name)
        for name in [settings.get("host")]
        if name
    ]
    if not instances:
        problems.append(draft.problem("host", t("inventory.no_host", name=draft.name)))
        return None
    first = next((one for one in instances if one.role == "primary"), instances[0])
    if "address" not in settings and first.host in hosts:
        settings["address"] = hosts[first.host].address
    return Database(
        **common(draft),
        **chosen(draft, "engine", "form", "version", "service", "path", "credential"),
        **chosen(draft, "driver", "client", "tls", "ca", "login_seconds", "log", "data"),
        port=settings.get("port") or ENGINE_PORTS.get(engine),
        instances=tuple(instances),
    )


def site(draft: Draft, _: Hosts, problems: list[Problem]) -> Target | None:
    if not required(draft, problems, "part", "url"):
        return None
    fields = {**common(draft), "address": urlsplit(draft.settings["url"]).hostname or ""}
    return Site(**fields, **chosen(draft, "url", "marker", "method", "status", "seconds", "ca"))


def device(draft: Draft, _: Hosts, problems: list[Problem]) -> Target | None:
    if not required(draft, problems, "part", "kind"):
        return None
    settings = draft.settings
    address, port = settings.get("address"), settings.get("port")
    reach = settings.get("reach") or (("tcp" if port else "icmp") if address else "manual")
    if reach != "manual" and not required(draft, problems, "address"):
        return None
    if reach == "tcp" and not required(draft, problems, "port"):
        return None
    if reach == "snmp" and "credential" not in settings:
        problems.append(without_login(draft))
    return Device(
        **common(draft),
        **chosen(draft, "kind", "model", "serial", "location", "port", "credential"),
        reach=reach,
    )


BUILD: Mapping[str, Callable[[Draft, Hosts, list[Problem]], Target | None]] = {
    "host": host,
    "database": database,
    "site": site,
    "device": device,
}
