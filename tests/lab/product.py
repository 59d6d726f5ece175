"""What the product has to know of a lab: hosts, trusted keys, credentials."""

from collections.abc import Callable

from tasks.home import home
from tasks.inventory.credentials import Keyring, variable
from tasks.model import Host
from tasks.transports import Access
from tasks.transports.known_hosts import KnownHosts, host_name, known_hosts_file
from tests.lab.base import ACCOUNTS
from tests.lab.hosts import Lab, LabHost


def host_of(one: LabHost, **fields: object) -> Host:
    own = {
        "contract": "lab",
        "part": "linux",
        "name": one.name,
        "os": one.system.os,
        "address": one.address,
        "port": 22,
        "credential": one.credential,
    }
    return Host(**{**own, **fields})  # type: ignore[arg-type]


def access(lab: Lab) -> Access:
    return Access(Keyring(home()), {one.name: host_of(one) for one in lab.hosts})


def trust(lab: Lab) -> None:
    known = KnownHosts()
    for one in lab.hosts:
        type_, key = one.host_key
        known = known.replaced(host_name(one.address, 22), {type_: key})
    known.write(known_hosts_file(home()))


def give_credentials(lab: Lab, setenv: Callable[[str, str], None]) -> None:
    """Every account by its own name, root by its keys, and one with a wrong password."""
    for name in ("key", "key-rsa"):
        setenv(variable(f"lab-{name}", "user"), "root")
        setenv(variable(f"lab-{name}", "key_file"), str(lab.folder / name))
    passwords = {**dict.fromkeys(("root", *ACCOUNTS), lab.password), "wrong": "not-" + lab.password}
    for name, password in passwords.items():
        setenv(variable(name, "user"), "ops" if name == "wrong" else name)
        setenv(variable(name, "password"), password)
