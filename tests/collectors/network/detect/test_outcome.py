"""What must not happen: what cannot be said is taken for a failure."""

from __future__ import annotations

import pytest

from collectors.network.detect.outcome import failed
from collectors.network.model import ICMP, UDP, Flow, State
from tests.collectors.network.detect.records import conn, failure, flow, outward


@pytest.mark.parametrize(
    "record",
    [
        flow(conn(), state=State.OTH),
        failure(conn(proto=ICMP, port=0)),
        failure(conn("8.8.8.8", "10.1.1.5", 40001, proto=UDP, client_port=53)),
        failure(outward("224.0.0.251", 5353, proto=UDP)),
        failure(outward("10.1.1.255", 137, proto=UDP)),
        failure(outward(port=33440, proto=UDP)),
    ],
)
def test_not_to_be_said(record: Flow) -> None:
    assert failed(record) is None


def test_said() -> None:
    assert failed(flow(conn())) is False
    assert failed(flow(conn(), state=State.RSTR)) is False
    assert failed(flow(conn(proto=UDP))) is False
    assert failed(failure(conn())) is True
    assert failed(failure(conn(proto=UDP))) is True
    assert failed(flow(conn(), state=State.REJ)) is True
