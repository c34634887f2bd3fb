"""What must not happen: a change of a file that decides something is told as any other."""

from __future__ import annotations

from pathlib import Path

from collectors.kinds import FileChange, Severity
from tests.collectors.files.context import Running, eventually


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
        found = eventually(lambda: severities(running), "events")
    assert found["created", str(preload)] == Severity.CRITICAL
    assert found["created", str(plain)] is None
    assert found["attributes", str(plain)] == Severity.HIGH
