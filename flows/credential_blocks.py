"""Credentials kept in the Prefect server: Secret blocks `opsproof-<name>` that hold user and password.

Secret(value={"user": "…", "password": "…"}).save("opsproof-sp-linux")
"""

import os
from collections.abc import Mapping
from typing import Any


def lookup(name: str) -> Mapping[str, str] | None:
    """The block of that name. Without a server there is none: Prefect would start one of its own."""
    if not os.environ.get("PREFECT_API_URL"):
        return None
    from prefect.blocks.system import Secret

    # Typed as either a block or a coroutine; `_sync`, which decides, is missing from its signature.
    load: Any = Secret.load
    try:
        held = load(f"opsproof-{name.lower().replace('.', '-').replace('_', '-')}", _sync=True).get()
    except ValueError:
        return None
    return {str(key): str(value) for key, value in held.items()} if isinstance(held, Mapping) else {}
