"""Where the API server is, told once and handed to both clients: lightkube for calls, kopf for watches."""

from __future__ import annotations

from pathlib import Path

import kopf
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from fairway.controller.errors import SettingsWrong


def load_connection(kubeconfig: str) -> SingleConfig:
    """The API server of a kubeconfig's current context, or the one of the pod's own account.

    Raises:
        SettingsWrong: there is none.
    """
    try:
        source = KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_service_account()
        found = source.get()
    except (ConfigError, OSError, ValueError, KeyError) as error:
        raise SettingsWrong(f"no API server is configured: {error}") from error
    if found is None:
        raise SettingsWrong("no API server is configured: the kubeconfig has no current context")
    return found


def connection_info(config: SingleConfig) -> kopf.ConnectionInfo:
    """The same for kopf, with the account's token as it is now: it is renewed every hour."""
    cluster, user = config.cluster, config.user
    token = user.token if user is not None else None
    if user is not None and user.token_file is not None:
        token = Path(user.token_file).read_text(encoding="utf-8").strip()
    authority = cluster.certificate_auth
    return kopf.ConnectionInfo(
        server=cluster.server,
        ca_path=str(config.abs_file(authority)) if authority else None,
        ca_data=cluster.certificate_auth_data if not authority else None,
        insecure=cluster.insecure,
        token=token,
        certificate_data=user.client_cert_data if user is not None else None,
        private_key_data=user.client_key_data if user is not None else None,
        default_namespace=config.namespace,
    )
