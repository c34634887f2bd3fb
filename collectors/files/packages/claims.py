"""What a manifest claims, and what reads manifests."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple, Protocol


class Claim(NamedTuple):
    """One path of a manifest."""

    path: bytes
    """With a leading slash, as the manifest spells it."""
    digest: bytes | None
    """MD5 (16 bytes) or SHA-256 (32) of a regular file; None where the manifest has none."""
    conffile: bool
    """Made to be edited by the administrator, or (rpm's ghosts) not laid down at all."""


class Manifests(Protocol):
    """What packages claim, as their database has it now."""

    def refresh(self) -> None:
        """Read again what holds for all packages: diversions and the like."""
        ...

    def stamps(self) -> dict[str, str] | None:
        """Return each package and what tells that its manifest has changed.

        None: the database cannot be read just now; what was read before stands.
        """
        ...

    def versions(self) -> dict[str, str]:
        """Return what is installed, by name with architecture as `Act` has it; one version each.

        Nothing where it cannot be read just now.
        """
        ...

    def read(self, names: Collection[str]) -> Iterator[tuple[str, list[Claim]]]:
        """Yield the claims of these packages; one that cannot be read is left out."""
        ...

    def where(self, package: str, path: bytes, /) -> bytes:
        """Return where *path* of *package* really is: diversions count."""
        ...

    def diverted(self) -> frozenset[bytes]:
        """Return the paths that take part in a diversion."""
        ...

    def overrides(self) -> dict[bytes, int]:
        """Return the modes that the administrator has set, by path as manifests spell it."""
        ...
