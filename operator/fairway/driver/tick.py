"""The one sequence, for the cluster and the laptop alike: read, observe, decide, remember, apply, prune.

The intent is stored before anything is done, guarded by the version that was read: that is the fence
against a stale reader, and it stands even when there is nothing new to store. Whatever is interrupted
after it is done by the next tick; repeating a step is harmless.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fairway.core.needs import needs
from fairway.core.reconcile import RESYNC, reconcile
from fairway.driver.ports import Platform, Ref, Store


async def tick(ref: Ref, store: Store, platform: Platform, now: datetime) -> timedelta:
    """Bring the world one decision closer to the spec.

    Returns:
        When to look again, if nothing happens before.

    Raises:
        Conflict: the resource changed meanwhile; nothing was applied.
    """
    md = await store.read(ref)
    if md is None:
        await platform.remove(ref)
        return RESYNC
    seen = await platform.observe(md, needs(md, now))
    want = reconcile(md, seen, platform.capabilities, now)
    md = await store.remember(md, want.status)
    await platform.apply(md, want)
    if want.keep is not None:
        await platform.prune(ref, want.keep)
    platform.announce(md, want.notices)
    return want.look_again
