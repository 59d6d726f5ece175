"""What an address is, and which addresses can never be a real system's."""

import ipaddress
import re

LABEL = re.compile(r"[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?")
# RFC 5737, RFC 3849, RFC 9637 and RFC 2606: set aside for documents.
DOCUMENTATION = tuple(
    ipaddress.ip_network(net)
    for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)
DOCUMENTATION_NAMES = ("example", "invalid", "example.com", "example.net", "example.org")


def is_address(text: str) -> bool:
    """An IP address or a host name. What ends in a number can only be an address: 192.0.2.300 is neither."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        return (
            len(text) <= 253 and not labels[-1].isdigit() and all(LABEL.fullmatch(label) for label in labels)
        )
    return True


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.casefold() == "localhost"


def is_documentation(address: str) -> bool:
    """Nothing ever answers there, or what answers is nobody's system."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        name = address.casefold().rstrip(".")
        return any(name == end or name.endswith(f".{end}") for end in DOCUMENTATION_NAMES)
    return any(found.version == net.version and found in net for net in DOCUMENTATION)
