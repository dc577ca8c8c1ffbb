"""The ASGI types this transport uses.

Source: ASGI specification 3.0, HTTP connection scope, https://asgi.readthedocs.io/en/latest/specs/www.html.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
