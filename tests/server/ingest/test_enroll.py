"""Enrolment over real TLS."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from server.fleet import tokens
from server.fleet.ca import Authority
from tests.server.ingest.rig import (
    Agent,
    Collector,
    client_context,
    enroll,
    free_port,
    make_csr,
    new_agent,
    request,
)


def test_a_secret_works_once(collector: Collector, tmp_path: Path) -> None:
    token = collector.token("dukcapil")
    answer, key = enroll(collector, token)
    assert answer.status == 200
    got = answer.json
    assert got["opd"] == "dukcapil"
    assert got["agent_url"] == collector.config.agent_url
    assert (
        base64.b64decode(got["fleet_key"])
        == (collector.config.state_dir / "fleet.key").read_bytes()
    )
    assert Agent(collector, tmp_path, got, key).beat().status == 200
    again, _ = enroll(collector, token)
    assert again.status == 403
    assert "ronda enroll token" in again.json["reason"]


@pytest.mark.parametrize(
    ("token", "asked"),
    [
        ({"host": "db1"}, {"host": "web1"}),
        ({"ttl": 1e-9}, {}),
        ({}, {"secret": "guess"}),
    ],
)
def test_what_does_not_let_in(
    collector: Collector, token: dict[str, Any], asked: dict[str, Any]
) -> None:
    answer, _ = enroll(collector, collector.token(**token), **asked)
    assert answer.status == 403


def test_a_token_for_a_host_lets_that_host_in(collector: Collector) -> None:
    answer, _ = enroll(collector, collector.token(host="DB1"), host="db1")
    assert answer.status == 200


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_a_bad_key_does_not_use_up_the_secret(collector: Collector, key: Any) -> None:
    token = collector.token()
    csr, _ = make_csr(key)
    for bad in (csr, "nonsense", "x" * 100_000):
        answer, _ = enroll(collector, token, csr=bad)
        assert answer.status == 400
    answer, _ = enroll(collector, token)
    assert answer.status == 200


def test_anybody_may_have_the_ca_and_nothing_else(collector: Collector) -> None:
    context = client_context(collector.config.ca_dir / "ca.crt")
    port = collector.config.enroll_listen.port
    answer = request(port, context, "GET", "/v1/ca")
    assert answer.body.decode() == Authority.load(collector.config.ca_dir).pem
    assert request(port, context, "POST", "/v1/batch", b"x").status == 404
    assert request(port, context, "POST", "/v1/enroll", b"x").status == 400
    assert request(port, context, "POST", "/v1/enroll", b"x" * 300_000).status == 413


def test_the_string_pins_the_authority(collector: Collector) -> None:
    token = tokens.parse_token(collector.token())
    assert token.url == collector.config.enroll_url
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    pem = request(collector.config.enroll_listen.port, context, "GET", "/v1/ca").body.decode()
    import hashlib

    assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() == token.fingerprint


def test_agents_of_one_host_are_different_agents(collector: Collector, tmp_path: Path) -> None:
    assert new_agent(collector, tmp_path).id != new_agent(collector, tmp_path).id
    assert free_port() > 0
