"""The bundle over real TLS: nobody without standing gets it, nothing but registers is given out."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
import time
from contextlib import closing

import msgspec
import pytest

from agent.identity import verify_signed
from collectors.knowledge import PREFIX, Manifest, Signed
from server.fleet import agents
from server.fleet.bundle import register_path
from server.fleet.canaries import make
from server.fleet.registers import Shelf
from signatures.edm.build import Columns
from signatures.edm.build import make as build
from tests.collectors.content.citizens import make_niks
from tests.patience import until
from tests.server.ingest.rig import Agent, Answer, Collector, client_context, request


def get(agent: Agent, path: str) -> Answer:
    return request(agent.config.agent_listen.port, agent.context, "GET", path)


def plant(collector: Collector) -> str:
    """Add a canary; return its id."""
    made = make("nik", (collector.config.state_dir / "fleet.key").read_bytes())
    with closing(collector.state()) as state:
        marks = json.dumps(msgspec.to_builtins(made.marks))
        state.execute(
            "INSERT INTO canary VALUES (?, 'a', 'nik', '', ?, '', 1, 'x', NULL)", (made.id, marks)
        )
    return made.id


def add_register(collector: Collector, people: int) -> str:
    """Add a register; return its hash."""
    key = (collector.config.state_dir / "fleet.key").read_bytes()
    out = io.BytesIO()
    build(iter([nik] for nik in make_niks(people)), Columns({"nik": "nik"}, []), key, 1, out)
    fresh = collector.config.registers_dir / "fresh.new"
    fresh.write_bytes(out.getvalue())
    with closing(collector.state()) as state:
        return str(Shelf(state, collector.config.registers_dir).add(fresh, "a", key, "x")["sha256"])


def manifest(agent: Agent) -> Manifest | None:
    answer = get(agent, "/v1/bundle")
    if answer.status == 404:
        return None
    signed = msgspec.msgpack.decode(answer.body, type=Signed)
    verify_signed(
        agent.answer["ca"], signed.certificate, signed.signature, PREFIX + signed.manifest
    )
    return msgspec.msgpack.decode(signed.manifest, type=Manifest)


def has(agent: Agent, canary: str) -> Manifest | None:
    found = manifest(agent)
    return found if found and canary in {one.id for one in found.canaries} else None


def test_without_a_certificate_nothing_is_given(collector: Collector) -> None:
    context = client_context(collector.config.ca_dir / "ca.crt")
    for path in ("/v1/bundle", "/v1/register/" + "a" * 64):
        with pytest.raises((ssl.SSLError, OSError)):
            request(collector.config.agent_listen.port, context, "GET", path)


@pytest.mark.parametrize("name", ["a" * 64, "x", "..%2Ffleet.key", "%2e%2e", "A" * 64])
def test_what_is_no_register_in_use(agent: Agent, name: str) -> None:
    answer = get(agent, f"/v1/register/{name}")
    assert (answer.status, b"key" in answer.body) == (404, False)


def test_a_heartbeat_says_which_version_there_is(collector: Collector, agent: Agent) -> None:
    one = plant(collector)
    found = until(lambda: has(agent, one), "the canary in the bundle")
    assert agent.beat().json["bundle"] == found.version
    other = plant(collector)
    later = until(lambda: has(agent, other), "the second canary")
    assert later.version > found.version
    assert agent.beat().json["bundle"] == later.version


def test_a_register_is_given_out_while_it_is_in_use(collector: Collector, agent: Agent) -> None:
    sha256 = add_register(collector, 70)
    until(lambda: (found := manifest(agent)) and found.registers, "the register in the bundle")
    answer = get(agent, f"/v1/register/{sha256}")
    assert answer.status == 200
    assert hashlib.sha256(answer.body).hexdigest() == sha256
    with closing(collector.state()) as state:
        assert Shelf(state, collector.config.registers_dir).remove("a")
    assert not register_path(collector.config.registers_dir, sha256).exists()
    assert get(agent, f"/v1/register/{sha256}").status == 404


def test_a_revoked_agent_gets_nothing(collector: Collector, agent: Agent) -> None:
    one = plant(collector)
    until(lambda: has(agent, one), "the canary in the bundle")
    with closing(collector.state()) as state:
        agents.revoke(state, agent.id, by="test", reason="lost", now=time.time_ns())
    assert get(agent, "/v1/bundle").status == 403
    assert get(agent, "/v1/register/" + "a" * 64).status == 403
