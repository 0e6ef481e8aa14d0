"""Which addresses of the internet are public: those that a fetch on behalf of a stranger may reach.

Stricter than `ipaddress.is_global`, whose answer also differs between releases of Python: what tunnels, translates or reaches
the machine's own cloud is refused. Tables: IANA's special-purpose address registries.
"""

from __future__ import annotations

import ipaddress

_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is routed; everything else is local, reserved or multicast."""
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""NAT64 (RFC 6052): the IPv4 address in the last 32 bits is what is reached."""
_REFUSED = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocol assignments, and the metadata service of Oracle's cloud
            "192.88.99.0/24",  # relays of 6to4
            "168.63.129.16/32",  # Azure's own service inside every virtual machine: public by its number only
            "2001::/23",  # Teredo and other assignments to protocols
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which may lead to any IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)


def is_public(address: str) -> bool:
    """Say whether an IP address, as text, is one of the public internet. What is no plain address is not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False
        inner = found.ipv4_mapped or (ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF) if found in _TRANSLATED else None)
        if inner is not None:
            return _is_public(inner)
        if found not in _GLOBAL_6:
            return False
    return _is_public(found)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _REFUSED if network.version == address.version)
