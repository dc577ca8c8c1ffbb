"""Which addresses are never asked: those where a cloud hands out credentials to whoever comes.

A fetch runs in the model's namespace and asks what the namespace's network policies let it. Link-local
addresses are no place for a model anywhere.
"""

from __future__ import annotations

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from fairway.fetch.errors import WrongUri

_METADATA_IPV6 = ipaddress.ip_network("fd00:ec2::/32")


def check_address(text: str) -> None:
    """Refuse an address of credentials; what is no address is a name, which the resolver checks.

    Raises:
        WrongUri: it is one.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return
    mapped = getattr(address, "ipv4_mapped", None)
    if (mapped or address).is_link_local or (address.version == 6 and address in _METADATA_IPV6):
        raise WrongUri(
            f"{text} is a link-local address, where clouds keep credentials: no model is read there"
        )


class CheckedResolver(AbstractResolver):
    """Looks names up, and checks what they lead to."""

    def __init__(self) -> None:
        self._inner = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises:
            OSError: it is not known.
            WrongUri: one of them is refused.
        """
        found = await self._inner.resolve(host, port, family)
        for one in found:
            check_address(one["host"])
        return found

    async def close(self) -> None:
        """Let go of what the look-up uses."""
        await self._inner.close()
