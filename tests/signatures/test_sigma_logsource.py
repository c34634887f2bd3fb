from __future__ import annotations

import pytest

from signatures.sigma_logsource import kinds_of


@pytest.mark.parametrize(
    ("product", "category", "service"),
    [
        (None, None, "auditd"),
        ("linux", "process_creation", None),
        ("windows", "file_event", None),
        ("ronda", None, None),
        ("ronda", "file_event", "x"),
    ],
)
def test_an_unknown_source_is_an_error_that_lists_the_known(
    product: str | None, category: str | None, service: str | None
) -> None:
    with pytest.raises(ValueError, match="there are: product: ronda, category: file_event"):
        kinds_of(product, category, service)


def test_kinds() -> None:
    health = kinds_of("ronda", "agent_health", None)
    assert "file.change" not in health
    assert None not in health
    assert all(kind in health for kind in ("agent.silent", "spool.dropped", "event.quarantined"))
    assert "exposure.finding" in kinds_of("ronda", "data_exposure", None)
    assert "deleted" not in kinds_of("linux", "file_event", None).implied["event.action"]
