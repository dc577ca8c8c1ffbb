"""The cluster as the official Kubernetes client sees it: independent of what the operator is written with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

GROUP, VERSION, PLURAL = "fairway.dev", "v1alpha1", "modeldeployments"
MANAGED = "app.kubernetes.io/managed-by=fairway"
SECONDS = 20


class Eyes:
    """Reads, and writes what a user or an administrator writes."""

    def __init__(self, kubeconfig: Path) -> None:
        # Any: every field of the client's models may be None by its types, and is there by the API's promise.
        connection: Any = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        self.core: Any = client.CoreV1Api(connection)
        self.apps: Any = client.AppsV1Api(connection)
        self.custom: Any = client.CustomObjectsApi(connection)
        self.coordination: Any = client.CoordinationV1Api(connection)
        self._connection = connection

    def close(self) -> None:
        self._connection.close()

    def model(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A ModelDeployment, whole; None when there is none."""
        try:
            found: dict[str, Any] = self.custom.get_namespaced_custom_object(
                GROUP, VERSION, namespace, PLURAL, name, _request_timeout=SECONDS
            )
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return found

    def put_model(self, namespace: str, body: dict[str, Any]) -> None:
        """What `kubectl apply` does."""
        name = body["metadata"]["name"]
        known = self.model(namespace, name)
        if known is None:
            self.custom.create_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, body)
        else:
            patch = [{"op": "replace", "path": "/spec", "value": body["spec"]}]
            self.custom.patch_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, name, patch)

    def delete_model(self, namespace: str, name: str) -> None:
        self.custom.delete_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, name)

    def pods(self, namespace: str, labels: str) -> list[Any]:
        """Those that are not on their way out."""
        found = self.core.list_namespaced_pod(namespace, label_selector=labels).items
        return [pod for pod in found if pod.metadata.deletion_timestamp is None]

    def versions(self, namespace: str) -> dict[str, str]:
        """The resourceVersion of everything that Fairway keeps here: none changes unless it is written.

        Deployments are left out of it: their own controller writes into them; their generation counts.
        """
        found = {}
        for list_them in (
            self.core.list_namespaced_service,
            self.core.list_namespaced_config_map,
            self.core.list_namespaced_service_account,
        ):
            for one in list_them(namespace, label_selector=MANAGED).items:
                found[f"{list_them.__name__} {one.metadata.name}"] = one.metadata.resource_version
        for one in self.apps.list_namespaced_deployment(namespace, label_selector=MANAGED).items:
            found[f"deployment {one.metadata.name}"] = str(one.metadata.generation)
        listed = self.custom.list_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL)
        for one in listed["items"]:
            found[f"model {one['metadata']['name']}"] = one["metadata"]["resourceVersion"]
        return found

    def uids(self, namespace: str, labels: str = MANAGED) -> dict[str, tuple[str, int]]:
        """Each pod's uid and how often its containers were restarted."""
        return {
            pod.metadata.name: (
                pod.metadata.uid,
                sum(status.restart_count for status in pod.status.container_statuses or ()),
            )
            for pod in self.pods(namespace, labels)
        }
