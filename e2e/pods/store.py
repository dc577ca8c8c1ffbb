"""A pod that serves models: a real S3 server (moto) with all files of a folder in its one bucket.

    python -m e2e.pods.store /models --port 9000

The bucket is filled before the port answers, so a pod that is ready has everything, also after a restart.
"""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

import boto3  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer

BUCKET = "models"
KEYS = {"aws_access_key_id": "e2e", "aws_secret_access_key": "e2e", "region_name": "us-east-1"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=9000)
    asked = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    private = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    private.start()
    _fill(private.get_host_and_port()[1], asked.folder)
    public = ThreadedMotoServer("0.0.0.0", asked.port, verbose=False)  # the same memory behind another port
    public.start()
    stop.wait()
    public.stop()
    private.stop()


def _fill(port: int, folder: Path) -> None:
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **KEYS)
    client.create_bucket(Bucket=BUCKET)
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):  # a mounted ConfigMap has hidden links
            client.put_object(Bucket=BUCKET, Key=file.name, Body=file.read_bytes())


if __name__ == "__main__":
    main()
