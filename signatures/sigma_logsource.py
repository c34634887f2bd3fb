"""Which of our event kinds a Sigma log source means, and what its field names are in ECS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SIGMA_TO_ECS: Mapping[str, str] = {
    "Image": "process.executable",
    "CommandLine": "process.command_line",
    "ParentImage": "process.parent.executable",
    "TargetFilename": "file.path",
    "DestinationIp": "destination.ip",
    "DestinationPort": "destination.port",
    "DestinationHostname": "destination.domain",
    "User": "user.name",
    "QueryName": "dns.question.name",
}
"""Field names of the Sigma taxonomy for Linux. Ours are ECS already."""

_AGENT_HEALTH = (
    "agent.",
    "sensor.",
    "spool.",
    "visibility.",
    "baseline.root",
    "package.differs",
    "child.",
    "collector.",
    "ingest.",
    "clock.",
    "event.quarantined",
)


@dataclass(frozen=True)
class Kinds:
    """The kinds of event that a rule is run on, and values that the log source implies."""

    prefixes: tuple[str, ...]
    """A kind is meant when it equals or begins with one of these."""
    implied: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __contains__(self, kind: object) -> bool:
        """Tell whether events of *kind* are meant."""
        return isinstance(kind, str) and kind.startswith(self.prefixes)


_SOURCES: Mapping[tuple[str, str], Kinds] = {
    ("ronda", "file_event"): Kinds(("file.change",)),
    # In the Sigma taxonomy a file_event says that a file was created; writing into an existing
    # one counts too, as it does in Sysmon for Linux. Deletion has its own category.
    ("linux", "file_event"): Kinds(
        ("file.change",), {"event.action": frozenset(("created", "modified"))}
    ),
    ("linux", "file_delete"): Kinds(("file.change",), {"event.action": frozenset(("deleted",))}),
    ("ronda", "data_exposure"): Kinds(("exposure.",)),
    ("ronda", "change_control"): Kinds(("change.window", "baseline.accepted")),
    ("ronda", "package"): Kinds(("package.transaction",)),
    ("ronda", "network"): Kinds(("network.content", "network.finding", "network.sweep")),
    ("ronda", "agent_health"): Kinds(_AGENT_HEALTH),
}

KNOWN = ", ".join(f"product: {product}, category: {category}" for product, category in _SOURCES)
"""All log sources, for messages."""


def kinds_of(product: str | None, category: str | None, service: str | None) -> Kinds:
    """Return the kinds that a log source stands for.

    Raises:
        ValueError: there is no kind for it; the message lists what there is.
    """
    kinds = _SOURCES.get((product or "", category or ""))
    if kinds is None or service is not None:
        given = {"product": product, "category": category, "service": service}
        text = ", ".join(f"{key}: {value}" for key, value in given.items() if value is not None)
        raise ValueError(f"no kind of event for the log source ({text}); there are: {KNOWN}")
    return kinds
