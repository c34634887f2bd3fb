"""The sample settings load as they are, and every default that they show is the default."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parent.parent.parent / "packaging"
_SHOWN = re.compile(r"^# ((?:\w+ = |    \"|\]).*)$", re.MULTILINE)
"""A key that is commented out, with the rest of its list."""


def uncommented(text: str) -> str:
    """Return *text* with every default written out; examples of channels stay comments. Pure."""
    head, channels, tail = text.partition("# [[notify.channels]]")
    return _SHOWN.sub(r"\1", head) + channels + tail


def _current(sample: str) -> None:
    """Skip where the installation is older than the sensors that the sample speaks of."""
    from collectors.registry import load_sensors

    if sample == "agent.toml" and "network" not in load_sensors():
        pytest.skip("installed before the sensor network was there: pip install -e . again")


def test_the_server_sample_shows_the_defaults(tmp_path: Path) -> None:
    from server.config import ServerConfig, load, parse

    text = (PACKAGING / "server.toml").read_text()
    path = tmp_path / "server.toml"
    path.write_text(text)
    plain, full = load(path), parse(uncommented(text), path)
    assert plain == full
    assert {name for name in ServerConfig.__struct_fields__ if name not in text} <= {"path"}


def test_the_channels_of_the_server_sample_load(tmp_path: Path) -> None:
    from server.config import parse

    text = (PACKAGING / "server.toml").read_text()
    _, mark, examples = text.partition("# [[notify.channels]]")
    example = re.sub(r"^#\s?", "", mark + examples, flags=re.MULTILINE)
    config = parse('names = ["ronda.example.go.id"]\n' + example, tmp_path / "server.toml")
    assert [channel.name for channel in config.notify.channels] == ["security team", "on call"]


def test_the_agent_sample_shows_the_defaults(tmp_path: Path) -> None:
    from agent.config import load
    from collectors.registry import settings_types

    types = settings_types()
    _current(sample="agent.toml")
    text = (PACKAGING / "agent.toml").read_text()
    path = tmp_path / "agent.toml"
    path.write_text(text)
    plain = load(path, types)
    path.write_text(uncommented(text))
    assert load(path, types) == plain
    for name, settings in types.items():
        table = text.partition(f"[sensors.{name}]")[2].partition("\n[")[0]
        missing = [key for key in settings.__struct_fields__ if f"# {key} = " not in table]
        assert missing == [], f"not in the sample under [sensors.{name}]"


@pytest.mark.parametrize(("sample", "wrong"), [("agent.toml", "pahts"), ("server.toml", "lisen")])
def test_a_misspelt_key_is_refused_with_its_line(sample: str, wrong: str, tmp_path: Path) -> None:
    _current(sample)
    path = tmp_path / sample
    path.write_text((PACKAGING / sample).read_text() + f"\n{wrong} = 1\n")
    command = {
        "agent.toml": ["ronda-agent", "--config", str(path), "check"],
        "server.toml": ["ronda", "--config", str(path), "server", "check"],
    }[sample]
    program, *arguments = command
    done = subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    line = path.read_text().splitlines().index(f"{wrong} = 1") + 1
    assert f"{path.name}:{line}: " in done.stderr + done.stdout
    assert wrong in done.stderr + done.stdout
