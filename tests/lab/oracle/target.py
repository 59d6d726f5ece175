"""Stand-ins as the product sees them: a database of the inventory, and logins to it."""

from collections.abc import Mapping
from typing import Any, cast

from tasks.inventory.credentials import Credential, Keyring
from tasks.model import Database, Host, Instance
from tasks.transports import Access
from tests.lab.oracle.standing import PASSWORD, Standing

HERE = "127.0.0.1"


def target(*standings: Standing, name: str = "ORA-1", **fields: Any) -> Database:
    """One database; a primary and its standby are one, too."""
    first = standings[0]
    given: dict[str, Any] = {
        "contract": "lab",
        "part": "oracle",
        "name": name,
        "engine": "oracle",
        "form": first.plan.form,
        "address": HERE,
        "port": first.port,
        "service": first.plan.name,
        "credential": first.user,
        "login_seconds": 5,
    }
    if first.plan.form == "dataguard":
        # One credential for all members: an administrator's, where one of them lets in nobody else.
        given["credential"] = next((one.user for one in standings if one.plan.mounted), first.user)
        given["instances"] = tuple(
            Instance(
                name=one.plan.unique, host=f"{name}-{one.plan.unique}", role=one.plan.role, port=one.port
            )
            for one in standings
        )
    return Database(**given | fields)


def access(
    *databases: Database,
    hosts: Mapping[str, Host] | None = None,
    logins: Mapping[str, Credential] | None = None,
) -> Access:
    """Unless `logins` has it, the name of a credential is its user; hosts are known by address alone."""
    known = {
        instance.host: Host(
            contract="lab", part="oracle", name=instance.host, os="centos", address=HERE, transport="none"
        )
        for database in databases
        for instance in database.instances
    }

    def keyring(name: str) -> Credential:
        return (logins or {}).get(name) or Credential(name, name, PASSWORD)

    return Access(cast(Keyring, keyring), {**known, **(hosts or {})})
