"""What must not happen: a change of a file that decides something is told as any other."""

from __future__ import annotations

from pathlib import Path

from collectors.kinds import FileChange, Severity
from tests.collectors.files.context import Running
from tests.patience import until


def severities(running: Running) -> dict[tuple[str, str], int | None]:
    return {
        (s.record.action, str(s.record.path)): s.severity
        for s in running.context.sightings()
        if isinstance(s.record, FileChange)
    }


def test_role_techniques_severity(tmp_path: Path) -> None:
    host, state = tmp_path / "host", tmp_path / "state"
    (host / "etc").mkdir(parents=True)
    state.mkdir()
    with Running(state, [host], root=bytes(host)) as running:
        preload, plain = host / "etc/ld.so.preload", host / "etc/x"
        preload.write_text("/tmp/x.so\n")
        plain.write_text("x\n")
        told = running.wait("created", preload)
        assert (told.role, told.techniques) == ("ld_preload", ("T1574.006", "T1014"))
        other = running.wait("created", plain)
        assert (other.role, other.techniques) == (None, ())
        plain.chmod(0o4755)
        raised = running.wait("attributes", plain)
        assert raised.techniques == ("T1548.001",)
        found = until(lambda: severities(running), "events")
    assert found["created", str(preload)] == Severity.CRITICAL
    assert found["created", str(plain)] is None
    assert found["attributes", str(plain)] == Severity.HIGH


def test_a_web_root_of_the_settings(tmp_path: Path) -> None:
    site, link = tmp_path / "data/situs", tmp_path / "link"
    site.mkdir(parents=True)
    link.symlink_to(site)
    (tmp_path / "state").mkdir()
    with Running(tmp_path / "state", [tmp_path / "data"], web_roots=(str(link),)) as running:
        (site / "index.php").write_text("<?php\n")
        (site / ".env").write_text("A=1\n")
        (tmp_path / "data/.env").write_text("A=1\n")
        page = running.wait("created", site / "index.php")
        assert (page.place, page.role) == ("web_root", None)
        settings = running.wait("created", site / ".env")
        assert (settings.place, settings.role) == ("web_root", "web_app_config")
        outside = running.wait("created", tmp_path / "data/.env")
        assert (outside.place, outside.role) == (None, None)
