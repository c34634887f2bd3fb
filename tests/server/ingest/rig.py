"""A real collector in a process of its own, and agents to speak to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collectors import wire
from collectors.event import seal
from collectors.kinds import FileChange, Scrubbed
from collectors.sighting import Sighting
from server.config import ServerConfig, load
from server.fleet import tokens
from server.fleet.ca import Authority
from server.fleet.init import initialise
from server.roles import COMMAND, READY_FD
from server.store.state import StateStore
from tests.patience import PATIENCE


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def make_config(directory: Path, extra: str = "") -> ServerConfig:
    """Write settings with free ports."""
    path = directory / "server.toml"
    path.write_text(
        f'names = ["127.0.0.1", "localhost"]\nstate_dir = "{directory}/state"\n'
        f'agent_listen = "127.0.0.1:{free_port()}"\nenroll_listen = "127.0.0.1:{free_port()}"\n'
        f'socket = "{directory}/api.sock"\n{extra}'
    )
    return load(path)


class Collector:
    """The ingest role as a process."""

    def __init__(self, config: ServerConfig) -> None:
        """Initialise its directory."""
        self.config = config
        initialise(config)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, code: str = COMMAND) -> None:
        """Start and wait until it serves."""
        read, write = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "ingest", str(self.config.path)],
            pass_fds=[write],
            env=os.environ | {READY_FD: str(write)},
        )
        os.close(write)
        try:
            assert os.read(read, 1) == b"1", "the role ended before it was ready"
        finally:
            os.close(read)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def state(self) -> StateStore:
        """Open its state; the caller closes."""
        return StateStore.open(self.config.state_db)

    def token(self, opd: str = "dinkes", host: str | None = None, ttl: float = 60) -> str:
        """Make an enrolment string."""
        state = self.state()
        try:
            return tokens.create(
                state,
                url=self.config.enroll_url,
                fingerprint=Authority.load(self.config.ca_dir).fingerprint,
                opd=opd,
                host=host,
                ttl=ttl,
                by="test",
                now=time.time_ns(),
            )
        finally:
            state.close()


def make_csr(key: Any = None) -> tuple[str, str]:
    """Return a request and its key, both PEM."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whoever")]))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return csr.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


class Answer(msgspec.Struct):
    """What the collector said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.body)


def request(
    port: int,
    context: ssl.SSLContext,
    method: str,
    path: str,
    body: bytes | None = None,
) -> Answer:
    """Ask once, over a connection of its own."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())
    finally:
        connection.close()


def client_context(ca: Path, certificate: Path | None = None) -> ssl.SSLContext:
    """Return a context that trusts *ca* and shows *certificate* (with its key)."""
    context = ssl.create_default_context(cafile=ca)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


class Agent:
    """An enrolled agent with a sequence of its own."""

    def __init__(self, collector: Collector, directory: Path, answer: dict[str, Any], key: str):
        """Keep what enrolment gave."""
        self.config = collector.config
        self.id: str = answer["agent"]
        self.answer = answer
        self.epoch = 7
        self.host_id, self.boot_id = "host-1", "boot-1"
        self.pem = directory / f"{self.id}.pem"
        self.pem.write_text(answer["certificate"] + key)
        self.context = client_context(collector.config.ca_dir / "ca.crt", self.pem)

    def header(self, first: int, last: int, /, **changes: Any) -> wire.Header:
        """Return a header for sequences first..last."""
        fields: dict[str, Any] = {
            "version": 1, "agent": self.id, "epoch": self.epoch, "first": first, "last": last,
            "sent": time.time_ns(), "host": "web1", "host_id": self.host_id,
            "boot_id": self.boot_id, "agent_version": "0.1.0",
        }  # fmt: skip
        return wire.Header(**(fields | changes))

    def batch(
        self,
        sequences: Sequence[int],
        *,
        skipped: Sequence[wire.Skipped] = (),
        span: tuple[int, int] | None = None,
        header: dict[str, Any] | None = None,
        event: dict[str, Any] | None = None,
    ) -> bytes:
        """Return a request body."""
        first, last = span or (min(sequences), max(sequences))
        bodies = [wire.encode_event(make_event(number) | (event or {})) for number in sequences]
        return wire.encode_batch(self.header(first, last, **(header or {})), bodies, skipped)

    def post(self, path: str, body: bytes) -> Answer:
        """Ask the agent port."""
        return request(self.config.agent_listen.port, self.context, "POST", path, body)

    def send(self, *sequences: int) -> Answer:
        """Send events."""
        return self.post("/v1/batch", self.batch(sequences))

    def beat(self, **changes: Any) -> Answer:
        """Send a heartbeat."""
        fields: dict[str, Any] = {
            "version": 1, "agent": self.id, "epoch": self.epoch, "last": 0,
            "sent": time.time_ns(), "host": "web1", "host_id": self.host_id,
            "boot_id": self.boot_id, "agent_version": "0.1.0",
        }  # fmt: skip
        body = msgspec.msgpack.encode(wire.Heartbeat(**(fields | changes)))
        return self.post("/v1/heartbeat", body)


def make_event(sequence: int) -> dict[str, Any]:
    """Return a sealed event."""
    record = FileChange(action="created", path=Scrubbed(f"/srv/www/{sequence}.php"))
    sighting = Sighting(record=record, observed=time.time_ns(), module="files")
    return seal(sighting, sequence=sequence, created=time.time_ns())


def enroll(collector: Collector, token: str, **changes: Any) -> tuple[Answer, str]:
    """Enrol; return the answer and the key."""
    csr, key = make_csr()
    asked = {
        "secret": tokens.parse_token(token).secret, "csr": csr, "host": "web1",
        "host_id": "host-1", "boot_id": "boot-1", "agent_version": "0.1.0",
    }  # fmt: skip
    context = client_context(collector.config.ca_dir / "ca.crt")
    body = json.dumps(asked | changes).encode()
    port = collector.config.enroll_listen.port
    return request(port, context, "POST", "/v1/enroll", body), key


def new_agent(collector: Collector, directory: Path, opd: str = "dinkes") -> Agent:
    """Enrol an agent."""
    answer, key = enroll(collector, collector.token(opd))
    assert answer.status == 200, answer.body
    return Agent(collector, directory, answer.json, key)
