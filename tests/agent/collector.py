"""A tiny collector with real TLS, for the agent's tests."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collectors.wire import Acknowledgement, Batch, Heartbeat, WireError, decode_batch

Reply = tuple[int, dict[str, Any], dict[str, str]]
Rule = Callable[[Batch], Reply | None]
_DAY = dt.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A certificate authority."""

    def __init__(self) -> None:
        """Make a key and a self-signed certificate."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(_name("test CA"), self.key.public_key(), _DAY, ca=True)
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        self.sha256 = hashlib.sha256(der).hexdigest()

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        life: dt.timedelta,
        *,
        ca: bool = False,
        names: list[x509.GeneralName] | None = None,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.timezone.utc)
        begin = now - _DAY * 2 if life < dt.timedelta(0) else now - dt.timedelta(seconds=5)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_name("test CA"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(now + life)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, directory: Path, name: str, life: dt.timedelta) -> tuple[Path, Path]:
        """Write certificate and key of a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = (
            [x509.IPAddress(ipaddress.ip_address(name))]
            if name[0].isdigit()
            else [x509.DNSName(name)]
        )
        cert = self._sign(_name(name), key.public_key(), life, names=names)
        paths = directory / f"{name}.crt", directory / f"{name}.key"
        paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths

    def client(self, csr_pem: str, agent: str, life: dt.timedelta) -> tuple[str, int, int]:
        """Sign a request; certificate (PEM), not_before and not_after (ns)."""
        request = x509.load_pem_x509_csr(csr_pem.encode())
        assert request.is_signature_valid
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        cert = self._sign(_name(agent), key, life)
        begin, end = (
            int(t.timestamp() * 1e9) for t in (cert.not_valid_before_utc, cert.not_valid_after_utc)
        )
        return cert.public_bytes(serialization.Encoding.PEM).decode(), begin, end


class Collector:
    """Two TLS ports; remembers what it got. ``rules`` are asked first, for each batch."""

    def __init__(
        self,
        directory: Path,
        *,
        authority: Authority | None = None,
        name: str = "127.0.0.1",
        server_life: dt.timedelta = _DAY,
        client_life: dt.timedelta = _DAY * 30,
    ) -> None:
        """Start serving."""
        directory.mkdir(exist_ok=True)
        self.authority = authority or Authority()
        self.client_life = client_life
        self.secret = "one-time"
        self.agent_id = "0123456789abcdef0123456789abcdef"
        self.events: dict[tuple[int, int], dict[str, Any]] = {}
        self.settled: dict[int, set[int]] = {}
        self.sizes: list[int] = []
        self.order: list[int] = []
        self.heartbeats: list[Heartbeat] = []
        self.rules: deque[Rule] = deque()
        self.reply_to_heartbeat: Reply | None = None
        self.clock_ahead = 0.0
        self.enrol_requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        cert = self.authority.server(directory, name, server_life)
        ca_file = directory / "ca.crt"
        ca_file.write_text(self.authority.pem)
        self._servers = [self._serve(cert, None), self._serve(cert, ca_file)]
        self.enroll_url, self.agent_url = (
            f"https://127.0.0.1:{server.server_address[1]}" for server in self._servers
        )

    def _serve(self, cert: tuple[Path, Path], ca_file: Path | None) -> _Server:
        collector = self

        class Handler(_Handler):
            owner = collector

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(*cert)
        if ca_file is not None:
            context.load_verify_locations(ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        server = _Server(("127.0.0.1", 0), Handler)
        server.context = context
        server.open = set()
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    @property
    def string(self) -> str:
        """The enrolment string."""
        fields = {"u": self.enroll_url, "f": self.authority.sha256, "s": self.secret}
        data = base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=")
        return "ronda1." + data.decode()

    def close(self) -> None:
        """Stop serving."""
        for server in self._servers:
            server.shutdown()
            for connection in list(server.open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            server.server_close()

    def acknowledged(self, epoch: int) -> int:
        """Highest contiguous sequence."""
        held = self.settled.get(epoch, set())
        number = 0
        while number + 1 in held:
            number += 1
        return number

    def handle(self, path: str, body: bytes) -> Reply:
        """Answer one request."""
        with self._lock:
            if path == "/v1/batch":
                return self._batch(body)
            if path == "/v1/heartbeat":
                beat = msgspec.msgpack.decode(body, type=Heartbeat)
                self.heartbeats.append(beat)
                return self.reply_to_heartbeat or self._ack(beat.epoch)
            if path in ("/v1/enroll", "/v1/renew"):
                return self._issue(path, json.loads(body))
            return 404, {"reason": "no such thing"}, {}

    def _batch(self, body: bytes) -> Reply:
        try:
            batch = decode_batch(body)
        except WireError as error:
            return 400, {"reason": str(error)}, {}
        self.sizes.append(len(batch.events))
        if self.rules and (reply := self.rules[0](batch)) is not None:
            return reply
        for event in batch.events:
            self.events.setdefault((batch.epoch, event["event.sequence"]), event)
            self.order.append(event["event.sequence"])
        self.settled.setdefault(batch.epoch, set()).update(range(batch.first, batch.last + 1))
        return self._ack(batch.epoch)

    def _ack(self, epoch: int) -> Reply:
        now = time.time_ns() + int(self.clock_ahead * 1e9)
        ack = Acknowledgement(epoch=epoch, acknowledged=self.acknowledged(epoch), now=now)
        return 200, msgspec.to_builtins(ack), {}

    def _issue(self, path: str, fields: dict[str, Any]) -> Reply:
        self.enrol_requests.append(fields)
        if path == "/v1/enroll" and fields["secret"] != self.secret:
            return 403, {"reason": "secret is used up or unknown"}, {}
        pem, begin, end = self.authority.client(fields["csr"], self.agent_id, self.client_life)
        issued = {
            "agent": self.agent_id,
            "opd": "dinkes",
            "certificate": pem,
            "ca": self.authority.pem,
            "agent_url": self.agent_url,
            "not_before": begin,
            "not_after": end,
            "fleet_epoch": 1,
        }
        if path == "/v1/enroll":
            issued["fleet_key"] = base64.b64encode(b"f" * 32).decode()
        return 200, issued, {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext
    open: set[ssl.SSLSocket]

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            request.settimeout(10)
            with self.context.wrap_socket(request, server_side=True) as wrapped:
                self.open.add(wrapped)
                super().finish_request(wrapped, client_address)
        except OSError:
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    owner: Collector
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/v1/ca":
            self._answer(200, self.owner.authority.pem.encode(), {})
        else:
            self._answer(404, b"{}", {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status, fields, headers = self.owner.handle(self.path, body)
        self._answer(status, json.dumps(fields).encode(), headers)

    def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass
