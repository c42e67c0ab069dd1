"""AWS on loopback: moto's server, and an endpoint in front of it that records, delays and fails.

Its fixtures come with ``pytest_plugins = ["aws_support"]``; nothing here asserts (PYTEST_DONT_REWRITE).
"""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.loaders
import botocore.session
import pytest
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

#: boto3's descriptions of AWS's services, read once for all sessions: reading them is most of a client's time.
LOADER = botocore.loaders.create_loader()
REGION, ACCOUNT = "eu-central-1", "123456789012"


@pytest.fixture(scope="module")
def moto_server():
    """The address of an AWS that lives in this process and answers HTTP on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def aws(moto_server, monkeypatch, tmp_path):
    """The environment of somebody signed in to that AWS, empty so far; nothing else can be reached."""
    forward(moto_server, "POST", "/moto-api/reset", {}, b"")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REQUEST_PAYER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(botocore.session, "create_loader", lambda paths=None: LOADER)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_REGION", raising=False)  # one variable: flowkit takes either
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    return moto_server


def new_bucket(name: str, objects: dict[str, bytes]) -> str:
    """The `s3://` address of a new bucket that holds `objects`."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key, body in objects.items():
        s3_backends[ACCOUNT]["aws"].put_object(name, key, body)
    return f"s3://{name}"


@contextmanager
def endpoint(answer):
    """The address of an HTTP server on loopback.

    `answer(method, path, headers, body)` gives the status, headers and body of its reply.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, reply = answer(self.command, self.path, dict(self.headers), body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(reply)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply)
                self.close_connection = int(headers.get("Content-Length", len(reply))) != len(reply)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer

        def log_message(self, *words):
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def forward(address: str, method: str, path: str, headers: dict, body: bytes):
    """What the server at `address` answers."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    kept = {
        k: v for k, v in reply.getheaders() if k.lower() not in ("connection", "date", "server", "transfer-encoding")
    }
    return reply.status, kept, reply.read()


def query_of(path: str) -> dict[str, str]:
    """The query parameters of a request's path."""
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query, keep_blank_values=True).items()}


def s3_error(status: int, code: str):
    """How S3 refuses."""
    xml = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}, it says</Message></Error>"
    return status, {"Content-Type": "application/xml"}, xml.encode()
