"""Credentials kept in the Prefect server: Secret blocks `opsproof-<name>` that hold user and password.

Secret(value={"user": "…", "password": "…"}).save("opsproof-sp-linux")
"""

import os
from collections.abc import Mapping
from typing import Any

from tasks.errors import OpsError
from tasks.texts import t


def lookup(name: str) -> Mapping[str, str] | None:
    """The block of that name. Without a server there is none: Prefect would start one of its own."""
    server = os.environ.get("PREFECT_API_URL")
    if not server:
        return None
    import httpx
    from prefect.blocks.system import Secret

    # Typed as either a block or a coroutine; `_sync`, which decides, is missing from its signature.
    load: Any = Secret.load
    try:
        held = load(block_name(name), _sync=True).get()
    except ValueError:
        # Prefect's word for a block that does not exist.
        return None
    except httpx.HTTPError as problem:
        raise OpsError(t("credentials.no_server", name=name, server=server, reason=problem)) from problem
    return {str(key): str(value) for key, value in held.items()} if isinstance(held, Mapping) else {}


def block_name(name: str) -> str:
    """Blocks are named by lower-case letters, digits and hyphens only."""
    return f"opsproof-{name.lower().replace('.', '-').replace('_', '-')}"
