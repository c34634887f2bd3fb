"""What must not happen: a name that other tools do not give.

The expected values are the published ones of the specification (its baseline files and README).
"""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from collectors.network.community import community_id, of
from collectors.network.model import Conn

CASES = [
    # TCP of the README: 128.232.110.120:34855 to 66.35.250.204:80.
    (6, "128.232.110.120", "66.35.250.204", 34855, 80, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (6, "66.35.250.204", "128.232.110.120", 80, 34855, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (6, "128.232.110.120", "66.35.250.204", 34855, 80, 1, "1:3V71V58M3Ksw/yuFALMcW0LAHvc="),
    (17, "192.168.1.52", "8.8.8.8", 54585, 53, 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (17, "8.8.8.8", "192.168.1.52", 53, 54585, 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (17, "192.168.1.52", "8.8.8.8", 54585, 53, 1, "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="),
    (1, "192.168.0.89", "192.168.0.1", 8, 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (1, "192.168.0.1", "192.168.0.89", 0, 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (1, "192.168.0.89", "192.168.0.1", 20, 0, 0, "1:3o2RFccXzUgjl7zDpqmY7yJi8rI="),
    (1, "192.168.0.89", "192.168.0.1", 20, 1, 0, "1:tz/fHIDUHs19NkixVVoOZywde+I="),
    (1, "192.168.0.1", "192.168.0.89", 0, 20, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, 0,
     "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0, 0,
     "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (132, "192.168.170.8", "192.168.170.56", 7, 80, 0, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
    (132, "192.168.170.56", "192.168.170.8", 80, 7, 0, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
]  # fmt: skip


@pytest.mark.parametrize(
    ("proto", "source", "destination", "port", "other", "seed", "expected"), CASES
)
def test_published_values(  # noqa: PLR0917 - one case
    proto: int, source: str, destination: str, port: int, other: int, seed: int, expected: str
) -> None:
    ends = ip_address(source).packed, ip_address(destination).packed
    assert community_id(proto, *ends, port, other, seed=seed) == expected


def test_of_a_conversation() -> None:
    conn = Conn(
        key=1,
        proto=6,
        client=ip_address("128.232.110.120").packed,
        client_port=34855,
        server=ip_address("66.35.250.204").packed,
        server_port=80,
    )
    assert of(conn) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
