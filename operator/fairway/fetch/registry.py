"""Which store reads which scheme: the only place that imports them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fairway.fetch.errors import WrongUri
from fairway.fetch.protocols import Access, Store
from fairway.fetch.stores.https import HttpsStore
from fairway.fetch.stores.pvc import PvcStore
from fairway.fetch.stores.s3 import S3Store

STORES: Mapping[str, Callable[[str, Access], Store]] = {
    "s3": S3Store,
    "https": HttpsStore,
    "pvc": PvcStore,
}


def open_store(uri: str, access: Access) -> Store:
    """The store for a URI; nothing is asked of it yet.

    Raises:
        WrongUri: another scheme, or a URI that the store cannot use.
    """
    scheme = uri.partition(":")[0]
    if scheme not in STORES:
        raise WrongUri(f"{scheme}: is served in local mode only or not at all; use one of {known()}")
    return STORES[scheme](uri, access)


def known() -> str:
    """The schemes, for a sentence."""
    return ", ".join(f"{scheme}:" for scheme in STORES)
