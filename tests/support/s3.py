"""A local S3 server for tests (moto's, over HTTP), in a process of its own."""

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

_PROGRAM = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def s3_server():
    """Its URL. Buckets are made by PUT; credentials are any."""
    environment = {**os.environ, "MOTO_ALLOW_NONEXISTENT_REGION": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield url
    finally:
        process.kill()
        process.wait()


def make_bucket(url, name):
    """A new bucket, and the environment that obstore takes its place and credentials from."""
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(f"{url}/{name}", method="PUT"), timeout=10).close()
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            break
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
