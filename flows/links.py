"""Addresses that people follow from one page to another."""

import os

# Written by the supervisor for the processes it starts; the default is the portal's own.
PORTAL_URL = "OPSPROOF_PORTAL_URL"
DEFAULT_PORTAL = "http://127.0.0.1:4201"


def portal_url() -> str:
    return os.environ.get(PORTAL_URL, DEFAULT_PORTAL).rstrip("/")


def record_url(contract: str, seq: int) -> str:
    return f"{portal_url()}/records/{contract}/{seq}"
