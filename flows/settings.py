"""Where `opsproof up` listens and what its processes are told, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import Refused
from tasks.home import CODE, Home
from tasks.texts import t

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    bind: str
    ui_port: int
    portal_port: int
    tls_cert: str
    tls_key: str

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"

    @property
    def shown_host(self) -> str:
        """What people and our own processes call this machine: any address means loopback too."""
        host = LOOPBACK if self.bind in ("0.0.0.0", "::") else self.bind  # noqa: S104 - compared, not bound
        return f"[{host}]" if ":" in host else host

    @property
    def ui_url(self) -> str:
        return f"{self.scheme}://{self.shown_host}:{self.ui_port}"

    @property
    def portal_url(self) -> str:
        return f"{self.scheme}://{self.shown_host}:{self.portal_port}"

    @property
    def in_the_clear(self) -> str:
        """A warning where passwords would cross a network unencrypted."""
        return "" if self.tls_cert or self.bind in (LOOPBACK, "::1", "localhost") else t("serve.in_the_clear")

    @property
    def uvicorn_tls(self) -> list[str]:
        if not self.tls_cert:
            return []
        return ["--ssl-certfile", self.tls_cert, "--ssl-keyfile", self.tls_key]


def settings(environment: Mapping[str, str] = os.environ) -> Settings:
    cert, key = environment.get("OPSPROOF_TLS_CERT", ""), environment.get("OPSPROOF_TLS_KEY", "")
    if bool(cert) != bool(key):
        raise Refused(t("serve.tls_pair"))
    for path in filter(None, (cert, key)):
        if not os.access(path, os.R_OK):
            raise Refused(t("serve.tls_unreadable", path=path))
    return Settings(
        bind=environment.get("OPSPROOF_BIND", LOOPBACK),
        ui_port=port(environment, "OPSPROOF_UI_PORT", 4200),
        portal_port=port(environment, "OPSPROOF_PORTAL_PORT", 4201),
        tls_cert=cert,
        tls_key=key,
    )


def port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise Refused(t("serve.bad_port", name=name, value=text))
    return int(text)


def server_settings() -> dict[str, str]:
    """`deployments/server.env`, which systemd reads too: NAME=value lines."""
    lines = (CODE / "deployments" / "server.env").read_text("utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def environment_for(home: Home, given: Settings, auth: str, encryption_key: str) -> dict[str, str]:
    """What every process of the installation runs with. Secrets travel here, never in arguments."""
    ours = {
        "OPSPROOF_HOME": str(home.root),
        "OPSPROOF_INVENTORIES": str(home.inventories),
        "OPSPROOF_PORTAL_URL": given.portal_url,
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_API_URL": f"{given.ui_url}/api",
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        "PREFECT_SERVER_ENCRYPTION_KEY": encryption_key,
        "PYTHONUNBUFFERED": "1",
    }
    if given.tls_cert:
        ours |= {"PREFECT_API_SSL_CERT_FILE": str(Path(given.tls_cert).resolve())}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return kept | server_settings() | ours
