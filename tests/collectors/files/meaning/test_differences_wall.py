"""The wall around diffs: in generated configuration, changed under a running sensor, no planted
value is in any event, in the spool, or in what the sensor keeps."""

from __future__ import annotations

import os
import string
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.collectors.content.citizens import niks, nips
from tests.collectors.files.context import Running
from tests.patience import until

EXAMPLES = int(os.environ.get("RONDA_WALL_EXAMPLES", "120"))
FORMS = (
    "DB_PASSWORD={}",
    "password: {}",
    "define('SECURE_AUTH_KEY', '{}');",
    "    'secret' => '{}',",
    "url = postgres://app:{}@10.0.0.5/db",
    "requirepass {}",
    "# lama: token={}",
    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
)
passwords = st.text(string.ascii_letters + string.digits, min_size=10, max_size=24).map(
    lambda text: f"Zq{text}7"
)


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    secrets: list[str] = []
    lines = ["# configuration", "name = x"]
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            secret = draw(passwords)
            lines.append(draw(st.sampled_from(FORMS)).format(secret))
        else:
            secret = draw(niks() | nips())
            lines.append(draw(st.sampled_from(["owner = {}", "# {}", "{}"])).format(secret))
        secrets.append(secret)
    return "\n".join(lines) + "\n", secrets


def test_no_planted_value_gets_out(tmp_path: Path) -> None:
    host = tmp_path / "host"
    etc = host / "etc"
    etc.mkdir(parents=True)
    (tmp_path / "state").mkdir()
    planted: list[str] = []
    number = 0

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(texts(), st.booleans())
    def write(text: tuple[str, list[str]], again: bool) -> None:
        nonlocal number
        number += not again
        (etc / f"app{number}.conf").write_text(text[0])
        planted.extend(text[1])

    with Running(tmp_path / "state", [host], root=bytes(host)) as running:
        write()
        last = etc / "last.conf"
        last.write_text("a = b\n")
        until(lambda: any(c.path == str(last) for c in running.context.changes()), "the last")
        diffs = [change.diff for change in running.context.changes() if change.diff]
    assert len([diff for diff in diffs if "****" in diff]) > EXAMPLES / 4
    places = {
        str(path): path.read_bytes() for path in tmp_path.glob("state/**/*") if path.is_file()
    }
    places["diffs"] = "\n".join(diffs).encode()
    for name, content in places.items():
        assert [value for value in planted if value.encode() in content] == [], name
