"""Whether an attempt to connect failed. Asked by the scan detectors."""

from __future__ import annotations

from collectors.network.model import TCP, UDP, Flow, State

_S0, _REJ, _SH = State.S0, State.REJ, State.SH
_S1, _SF, _RSTO, _RSTR = State.S1, State.SF, State.RSTO, State.RSTR
_TRACEROUTE = range(33434, 33535)


def failed(flow: Flow) -> bool | None:
    """Tell whether the client of *flow* got nowhere; None where that cannot be said.

    A UDP answer that comes after the time-out looks like a try from a service's port to a high
    one; traceroute probes high ports; who sends to a group expects no answer.
    """
    conn = flow.conn
    if conn.proto == TCP:
        # By identity: the hash of a member is a function in Python, and this runs for each flow.
        state = flow.state
        if state is _SF or state is _S1 or state is _RSTO or state is _RSTR:
            return False
        return True if state is _S0 or state is _REJ or state is _SH else None
    if conn.proto != UDP:
        return None
    if flow.server_packets:
        return False
    if conn.client_port < 1024 <= conn.server_port or conn.server_port in _TRACEROUTE:
        return None
    server = conn.server
    to_group = not server or server[0] >= (224 if len(server) == 4 else 255) or server[-1] == 255
    return None if to_group else True
