"""What must not happen: rules change, and what was clean by the old ones stays unread."""

from __future__ import annotations

from collectors.content.result import CustomIdentifier
from collectors.exposure.fingerprint import fingerprint
from collectors.exposure.settings import ExposureSettings

OWN = CustomIdentifier(name="no_rm", pattern="RM-[0-9]{6}")


def test_what_changes_findings_changes_it() -> None:
    said = {
        fingerprint(ExposureSettings()),
        fingerprint(ExposureSettings(), b"a list of people"),
        fingerprint(ExposureSettings(max_bytes=1000)),
        fingerprint(ExposureSettings(identifiers=(OWN,))),
    }
    assert len(said) == 4


def test_what_does_not_change_findings_does_not() -> None:
    changed = ExposureSettings(paths=("/srv",), timeout=5.0, sweep_hours="always")
    assert fingerprint(ExposureSettings()) == fingerprint(changed)
