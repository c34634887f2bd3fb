"""server.toml: mistakes are named with file and line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.config import ConfigError, Listen, load, parse, parse_duration

FILE = Path("/etc/ronda/server.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pahts = 1", ':1: unknown key "pahts"'),
        ("\n[store]\nretention_day = 3", ':3: unknown key "retention_day" in [store]; did you'),
        ("[sotre]\nx = 1", ':1: unknown key "sotre"; did you mean "store"?'),
        ("names = []", ":1: names is empty"),
        ('names = ["a b"]', ":1: 'a b' in names is neither"),
        ('names = ["a", 1]', ":1: Expected `str`, got `int`"),
        ("[store]\nretention_days = true", ":2: Expected `int`"),
        ("[store]\nretention_days = -1", ":2: retention_days must be 0"),
        ("[store]\nwarn_percent = 96", ":2: expected 0 < warn_percent"),
        ('agent_listen = "8440"', ":1: agent_listen: '8440': expected ADDRESS:PORT"),
        ('agent_listen = "0.0.0.0:0"', ":1: agent_listen: '0.0.0.0:0': expected a port"),
        ('agent_listen = "localhost:1"', ":1: agent_listen: 'localhost:1': expected ADDRESS"),
        ('agent_listen = "[::]:1"\nenroll_listen = "[::]:1"', ":2: enroll_listen must differ"),
        ('socket = "api.sock"', ":1: socket must be an absolute path"),
        ('language = "fr"', ":1: Invalid enum value 'fr'"),
        ('[silence]\nafter = "soon"', ":2: after: 'soon': expected a duration"),
        ('[[notify.channels]]\nname = "a"', 'channel "a" needs either url or url_file'),
        (
            '[[notify.channels]]\nname="a"\nurl="x"\n[[notify.channels]]\nname="a"\nurl="y"',
            'two channels are called "a"',
        ),
        ('[[notify.channels]]\nname="a"\nurl="x"\nlevel="high"', ':4: unknown key "level"'),
        ("x = ", ":1: "),
        ("x = 1\n\n]", ":3: "),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, FILE)
    assert str(caught.value).startswith(f"{FILE}:")
    assert message in str(caught.value)


def test_all_mistakes_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("a = 1\nb = 2\n[store]\nc = 3", FILE)
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["1", "2", "4"]


def test_defaults() -> None:
    config = parse("", FILE)
    assert config.agent_listen == ("0.0.0.0", 8440)
    assert config.enroll_url == "https://localhost:8441"
    assert config.state_db == Path("/var/lib/ronda-server/state.db")
    assert config.silence.after_ns == 60 * 10**9
    assert config.alerts.quiet_period_ns == 3600 * 10**9


def test_everything() -> None:
    text = """
names = ["ronda.kota.go.id", "10.0.0.1", "fd00::1"]
state_dir = "/srv/ronda"
agent_listen = "[::]:1"
enroll_listen = "127.0.0.1:2"
language = "en"
[store]
retention_days = 30
[silence]
after = "1.5m"
[[notify.channels]]
name = "telepon"
url_file = "/etc/ronda/ntfy.url"
min_level = "critical"
language = "id"
"""
    config = parse(text, FILE)
    assert config.agent_listen == ("::", 1)
    assert config.agent_url == "https://ronda.kota.go.id:1"
    assert config.silence.after_ns == 90 * 10**9
    assert config.notify.channels[0].min_level == "critical"


def test_an_address_in_the_url() -> None:
    assert parse('names = ["fd00::1"]', FILE).agent_url == "https://[fd00::1]:8440"


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "server.toml"
    with pytest.raises(FileNotFoundError):
        load(path)
    path.write_bytes(b'names = ["a"]\n# \xff\n')
    with pytest.raises(ConfigError, match=r":2: not UTF-8"):
        load(path)
    path.write_text('names = ["a"]')
    assert load(path).names == ("a",)


@given(st.text())
def test_durations_and_addresses_are_read_or_refused(text: str) -> None:
    for read in (parse_duration, Listen.parse):
        with contextlib.suppress(ValueError):
            read(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("90s", 90), ("5m", 300), ("1.5h", 5400), ("2d", 172_800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
