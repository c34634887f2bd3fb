"""The kinds of record, one frozen struct each.

A field's wire name is its Elastic Common Schema 8 name; ``ronda.*`` where ECS has none.
Text fields that come from the host (paths, command lines, host names, messages) are of type
`Scrubbed`: only `collectors.redact` and `collectors.paths` make such text.
Adding a kind: a struct here, a golden file under tests/golden/wire, a line in docs/events.md.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from collectors.kinds.base import Record, Scrubbed, Severity
from collectors.kinds.collector import (
    AgentCloned,
    AgentSilent,
    CollectorState,
    IngestRejected,
    NetworkSweep,
    PackageDiffers,
)
from collectors.kinds.exposure import (
    DataPart,
    ExposureCleared,
    ScanIncomplete,
    SensitiveData,
    Tally,
    Unread,
    WebApplication,
)
from collectors.kinds.files import (
    WEB_ROOT,
    BaselineAccepted,
    BaselineRoot,
    ChangeWindow,
    FileChange,
    PackageChange,
    PackageInventory,
    PackageLeftover,
    PackageStatement,
    PackageTransaction,
)
from collectors.kinds.health import (
    AgentState,
    ChildCrashed,
    ClockSkew,
    EventQuarantined,
    SensorState,
    SpoolDropped,
    SpoolRecreated,
    VisibilityLost,
)
from collectors.kinds.network import (
    NetworkContacts,
    NetworkFinding,
    NetworkFlow,
    NetworkService,
)
from collectors.kinds.network_content import NetworkContent

__all__ = [
    "KINDS",
    "WEB_ROOT",
    "AgentCloned",
    "AgentSilent",
    "AgentState",
    "BaselineAccepted",
    "BaselineRoot",
    "ChangeWindow",
    "ChildCrashed",
    "ClockSkew",
    "CollectorState",
    "DataPart",
    "EventQuarantined",
    "ExposureCleared",
    "FileChange",
    "IngestRejected",
    "Kind",
    "NetworkContacts",
    "NetworkContent",
    "NetworkFinding",
    "NetworkFlow",
    "NetworkService",
    "NetworkSweep",
    "PackageChange",
    "PackageDiffers",
    "PackageInventory",
    "PackageLeftover",
    "PackageStatement",
    "PackageTransaction",
    "Record",
    "ScanIncomplete",
    "Scrubbed",
    "SensitiveData",
    "SensorState",
    "Severity",
    "SpoolDropped",
    "SpoolRecreated",
    "Tally",
    "UnknownKind",
    "Unread",
    "VisibilityLost",
    "WebApplication",
    "tag_of",
]

Kind: TypeAlias = (
    FileChange
    | PackageInventory
    | PackageTransaction
    | BaselineRoot
    | BaselineAccepted
    | ChangeWindow
    | SensitiveData
    | ExposureCleared
    | ScanIncomplete
    | WebApplication
    | NetworkContent
    | NetworkFlow
    | NetworkService
    | NetworkContacts
    | NetworkFinding
    | VisibilityLost
    | SensorState
    | ChildCrashed
    | AgentState
    | ClockSkew
    | SpoolDropped
    | SpoolRecreated
    | EventQuarantined
    | AgentSilent
    | AgentCloned
    | IngestRejected
    | PackageDiffers
    | NetworkSweep
    | CollectorState
)


class UnknownKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind from a newer agent: kept and shown as it came."""

    tag: str
    fields: dict[str, Any]


def tag_of(kind: type[Record]) -> str:
    """Return the wire tag of *kind*, for example ``file.change``."""
    return str(kind.__struct_config__.tag)


KINDS: dict[str, type[Record]] = {tag_of(kind): kind for kind in Record.__subclasses__()}
"""Tag to struct, for all kinds of this version."""
