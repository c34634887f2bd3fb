"""A mistake in agent.toml is refused with its line; nothing is guessed."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import DEFAULT_PATH, AgentConfig, ConfigError, load, parse
from collectors.api import Settings
from collectors.network.settings import NetworkSettings


class Files(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Like a sensor's settings."""

    paths: tuple[str, ...] = ("/etc",)
    limit: int = 7
    pause: float = 1.5

    def __post_init__(self) -> None:
        """Refuse relative paths."""
        for path in self.paths:
            if not path.startswith("/"):
                raise ValueError(f"paths: {path!r} is not absolute")


TYPES: dict[str, type[Settings]] = {"files": Files}


def _parse(text: str) -> AgentConfig:
    return parse(text, Path("/etc/ronda/agent.toml"), TYPES)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('state = "x"', 'agent.toml:1: unknown key "state"; did you mean "state_dir"?'),
        (
            "\n[sensors.files]\nenabled = true\npahts = []\n",
            'agent.toml:4: unknown key "pahts" in [sensors.files]; did you mean "paths"?',
        ),
        (
            "[sensors.fils]\n",
            'agent.toml:1: unknown key "fils" in [sensors]; did you mean "files"?',
        ),
        (
            "sensors.files.pahts = []",
            'agent.toml:1: unknown key "pahts" in [sensors.files]; did you mean "paths"?',
        ),
        ("[spool]\nsize = 1", 'agent.toml:2: unknown key "size" in [spool]; known are max_bytes'),
        ("spool = 3", "agent.toml:1: 'spool' must be a table: write [spool]"),
        ('[spool]\nmax_bytes = "1GX"', "agent.toml:2: max_bytes: '1GX' is not a size such as"),
        ("[spool]\nmax_bytes = 10", "agent.toml:2: max_bytes must be at least 64KiB"),
        ("[spool]\nmax_bytes = true", "agent.toml:2: max_bytes: True is not a size such as"),
        ('[log]\nlevel = "loud"', "agent.toml:2: level must be one of debug, info"),
        ('state_dir = "here"', "agent.toml:1: state_dir must be an absolute path"),
        ("a = = 1", "agent.toml:1: not TOML"),
        ("[sensors.files]\npaths = [3]", "agent.toml:2: [sensors.files] paths: Expected `str`"),
        (
            '# one\n[sensors.files]\n# two\npaths = ["etc"]',
            "agent.toml:4: [sensors.files] paths: 'etc' is not absolute",
        ),
        ("a = " + "[" * 100_000, "agent.toml: cannot be read: maximum recursion depth"),
        ("[spool]\nmax_bytes = " + "9" * 5000, "agent.toml: cannot be read: Exceeds the limit"),
        ("[spool]\nmax_bytes = " + "9" * 30, "agent.toml:2: max_bytes is out of range"),
        ('[spool]\nmax_bytes = "99999999TiB"', "agent.toml:2: max_bytes: '99999999TiB' is over"),
        ('state_dir = "/a\\u0000b"', "agent.toml:1: state_dir holds a NUL character"),
        ('[sensors.files]\npaths = ["/a\\u0000b"]', "agent.toml:2: paths holds a NUL character"),
        ('[sensors.files]\npause = "soon"', "agent.toml:2: pause: 'soon' is not a duration"),
    ],
)
def test_mistakes_have_a_line_and_a_hint(text: str, line: str) -> None:
    """File, line, and the nearest right word."""
    with pytest.raises(ConfigError) as caught:
        _parse(text)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(line)


def test_all_mistakes_come_at_once() -> None:
    """One run of ``check`` is enough."""
    with pytest.raises(ConfigError) as caught:
        _parse('state_dir = "x"\nfoo = 1\n[sensors.files]\nbar = 2\nlimit = "y"\n')
    lines = [mistake.split(":")[1] for mistake in caught.value.mistakes]
    assert sorted(lines) == ["1", "2", "4", "5"]


def test_a_table_of_an_array_has_its_own_lines() -> None:
    from collectors.exposure.settings import ExposureSettings

    text = (
        "[sensors.exposure]\nenabled = true\n"
        '[[sensors.exposure.identifiers]]\nname = "rm"\npattern = "RM-[0-9]{6}"\n'
        '[[sensors.exposure.identifiers]]\nname = "surat"\npattern = "[0-9]+"\n'
    )
    with pytest.raises(ConfigError) as caught:
        parse(text, Path("/etc/ronda/agent.toml"), {"exposure": ExposureSettings})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith("agent.toml:8: [[sensors.exposure.identifiers]] pattern: ")
    wrong = text.replace('pattern = "[0-9]+"', 'patern = "x"')
    with pytest.raises(ConfigError, match=r"agent\.toml:6: .*unknown field"):
        parse(wrong, Path("/etc/ronda/agent.toml"), {"exposure": ExposureSettings})
    good = parse(
        text.replace("[0-9]+", "800/[0-9]{1,4}"),
        Path("/etc/ronda/agent.toml"),
        {"exposure": ExposureSettings},
    )
    settings = good.sensors["exposure"]
    assert isinstance(settings, ExposureSettings)
    assert [one.name for one in settings.identifiers] == ["rm", "surat"]


def test_a_good_file() -> None:
    """Sizes and durations in words."""
    config = _parse(
        'state_dir = "/s"\n[spool]\nmax_bytes = "2MiB"\n[log]\nlevel = "debug"\n'
        '[sensors.files]\nenabled = false\npaths = ["/a"]\nlimit = "3KiB"\npause = "5m"\n'
    )
    assert (config.state_dir, config.spool_max_bytes) == (Path("/s"), 2 << 20)
    assert config.sensors["files"] == Files(enabled=False, paths=("/a",), limit=3072, pause=300.0)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Editors of Windows begin with one."""
    (tmp_path / "agent.toml").write_bytes(b"\xef\xbb\xbfstate_dir = '/s'\n")
    assert load(tmp_path / "agent.toml", TYPES).state_dir == Path("/s")


def test_nothing_said_means_defaults() -> None:
    """Sensors are on."""
    assert _parse("").sensors == {"files": Files()}
    assert _parse("").spool_max_bytes == 1 << 30


def test_a_missing_file(tmp_path: Path) -> None:
    """Only the default one may be missing."""
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "agent.toml", TYPES)
    if not DEFAULT_PATH.exists():
        assert load(DEFAULT_PATH, TYPES).sensors == {"files": Files()}
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, TYPES)


def test_sensor_tables_can_be_left_alone() -> None:
    """For commands that only need the state directory."""
    assert parse("[sensors.x]\ny = 1", Path("a"), None).sensors == {}


@given(st.text(alphabet="[]{}=\"\n'. #ab1,", max_size=80))
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    """Nothing else comes out."""
    with contextlib.suppress(ConfigError):
        _parse(text)


@given(
    st.dictionaries(
        st.sampled_from(["paths", "limit", "pause", "enabled"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text())),
    )
)
def test_any_value_is_settings_or_a_config_error(table: dict[str, Any]) -> None:
    """Values of a wrong type do not get through."""
    from agent.config import _Reader

    with contextlib.suppress(ConfigError):
        config = _Reader("", Path("a"), TYPES).read({"sensors": {"files": table}})
        assert isinstance(config.sensors["files"], Files)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[sensors.network.detect.brute]\nssh_windw = 3",
            '2: unknown key "ssh_windw" in [sensors.network.detect.brute]; did you mean "ssh_w',
        ),
        (
            '[sensors.network.detect]\nscan.ports = "3"',
            "2: [sensors.network.detect.scan] ports: Expected `int`, got `str`",
        ),
        (
            "[sensors.network]\n[sensors.network.detect.brute]\nfailures = 0",
            "3: [sensors.network.detect.brute] failures: must be over 0",
        ),
        (
            '[sensors.network.detect]\noff = ["scann"]',
            "2: [sensors.network.detect] off: there is no detection scann; there are: scan, ",
        ),
        (
            '[sensors.network]\nexclude = ["10.0.0.1"]',
            "2: [sensors.network] exclude: '10.0.0.1' is no ADDRESS:PORT",
        ),
    ],
)
def test_mistakes_in_tables_within_a_table(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, Path("/etc/ronda/agent.toml"), {"network": NetworkSettings})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"agent.toml:{line}")
