from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import boto3
import pytest
from e2e.cluster.certificates import make_certificates
from moto.server import ThreadedMotoServer

from fetch.web_server import WebServer, serving
from fetch.world import Bucket


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture
async def web(certificates: Path) -> AsyncIterator[WebServer]:
    """A web server that speaks TLS and misbehaves as it is told to."""
    async with serving(certificates) as server:
        yield server


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """An S3 server of its own process's: moto's, which speaks the real protocol and keeps all in memory."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_url: str, request: pytest.FixtureRequest) -> Bucket:
    """An empty bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=s3_url,
        region_name="us-east-1",
        aws_access_key_id="id",
        aws_secret_access_key="key",
    )
    name = f"models-{abs(hash(request.node.nodeid))}"
    client.create_bucket(Bucket=name)
    return Bucket(client, name, s3_url)
