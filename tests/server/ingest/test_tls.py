"""Who gets past TLS, and who past the registry."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.fleet import agents
from server.fleet.ca import Authority
from server.ingest import tls
from tests.patience import PATIENCE
from tests.server.ingest.rig import (
    Agent,
    Collector,
    client_context,
    make_csr,
    new_agent,
    request,
)

REFUSED = (ssl.SSLError, ConnectionError, http.client.BadStatusLine)


def talk(collector: Collector, context: ssl.SSLContext) -> bytes:
    """Return all that the agent port says to a request."""
    port = collector.config.agent_listen.port
    heard = b""
    with dial(port, context) as secure, contextlib.suppress(OSError):
        secure.sendall(b"GET /v1/ca HTTP/1.1\r\nhost: x\r\n\r\n")
        while data := secure.recv(4096):
            heard += data
    return heard


@contextlib.contextmanager
def dial(port: int, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """Connect with TLS."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        yield secure


def foreign(directory: Path, agent: str, days: int) -> Path:
    """Return a certificate for *agent* by an authority that nobody knows."""
    directory.mkdir()
    authority = Authority.create(directory, time.time_ns())
    csr, key = make_csr()
    issued = authority.issue_client(csr, agent, time.time_ns() - days * 86_400 * 10**9)
    path = directory / "agent.pem"
    path.write_text(issued.pem + key)
    return path


def test_nobody_without_a_certificate_is_answered(collector: Collector) -> None:
    assert talk(collector, client_context(collector.config.ca_dir / "ca.crt")) == b""


def test_no_certificate_of_another_authority(
    collector: Collector, agent: Agent, tmp_path: Path
) -> None:
    stranger = foreign(tmp_path / "other", agent.id, 0)
    assert talk(collector, client_context(collector.config.ca_dir / "ca.crt", stranger)) == b""


def test_no_expired_certificate(collector: Collector, agent: Agent, tmp_path: Path) -> None:
    authority = Authority.load(collector.config.ca_dir)
    csr, key = make_csr()
    issued = authority.issue_client(csr, agent.id, time.time_ns() - 31 * 86_400 * 10**9)
    path = tmp_path / "expired.pem"
    path.write_text(issued.pem + key)
    assert talk(collector, client_context(collector.config.ca_dir / "ca.crt", path)) == b""


def test_not_the_servers_own_certificate(collector: Collector) -> None:
    context = client_context(collector.config.ca_dir / "ca.crt")
    directory = collector.config.ca_dir
    context.load_cert_chain(directory / "server.crt", directory / "server.key")
    assert talk(collector, context) == b""


def test_no_older_protocol(collector: Collector, agent: Agent) -> None:
    agent.context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(REFUSED):
        agent.beat()


def test_an_agent_does_not_trust_a_foreign_collector(agent: Agent, tmp_path: Path) -> None:
    foreign(tmp_path / "other", agent.id, 0)
    context = client_context(tmp_path / "other" / "ca.crt", agent.pem)
    with pytest.raises(ssl.SSLCertVerificationError):
        request(agent.config.agent_listen.port, context, "GET", "/")


def test_a_certificate_that_was_never_registered(
    collector: Collector, agent: Agent, tmp_path: Path
) -> None:
    authority = Authority.load(collector.config.ca_dir)
    csr, key = make_csr()
    agent.pem.write_text(authority.issue_client(csr, agent.id, time.time_ns()).pem + key)
    unknown = Agent(collector, tmp_path, agent.answer | {"certificate": agent.pem.read_text()}, "")
    answer = unknown.beat()
    assert answer.status == 403
    assert "re-enrol" in answer.json["reason"]


def test_revocation_holds_from_the_next_request(collector: Collector, agent: Agent) -> None:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", agent.config.agent_listen.port, timeout=PATIENCE, context=agent.context
    )
    statuses = []
    state = collector.state()
    for revoke in (False, True):
        if revoke:
            assert agents.revoke(state, agent.id, by="test", reason="lost", now=time.time_ns())
        connection.request("POST", "/v1/batch", agent.batch([1]))
        answer = connection.getresponse()
        statuses.append((answer.status, b"revoked" in answer.read()))
    connection.close()
    state.close()
    assert statuses == [(200, False), (403, True)]
    assert agent.beat().status == 403


def test_renewal_gives_a_working_certificate(
    collector: Collector, agent: Agent, tmp_path: Path
) -> None:
    import json

    csr, key = make_csr()
    answer = agent.post("/v1/renew", json.dumps({"csr": csr}).encode())
    assert answer.status == 200
    assert "fleet_key" not in answer.json
    renewed = Agent(collector, tmp_path, answer.json, key)
    assert renewed.id == agent.id
    assert renewed.beat().status == 200
    assert agent.beat().status == 200  # until it runs out
    assert agent.post("/v1/renew", b'{"csr": "x"}').status == 400


def test_an_endless_head_is_cut_off(agent: Agent) -> None:
    sent = 0
    with dial(agent.config.agent_listen.port, agent.context) as secure:
        secure.sendall(b"GET / HTTP/1.1\r\na: ")
        with contextlib.suppress(OSError):
            while sent < 64 << 20:
                sent += secure.send(b"x" * 4096)
    assert tls.MAX_HEAD < sent < 64 << 20


def test_two_connections_at_once(collector: Collector, tmp_path: Path) -> None:
    one, two = new_agent(collector, tmp_path), new_agent(collector, tmp_path)
    assert (one.send(1).status, two.send(1).status) == (200, 200)


def test_contexts_need_their_files(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        tls.agent_context(tmp_path)


def self_signed(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    path.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def test_no_self_signed_certificate(collector: Collector, tmp_path: Path) -> None:
    self_signed(tmp_path / "me.pem")
    context = client_context(collector.config.ca_dir / "ca.crt", tmp_path / "me.pem")
    assert talk(collector, context) == b""
