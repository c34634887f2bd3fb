"""What the event of a package transaction says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from collectors.files.packages.digests import Sum
from collectors.files.packages.index import Owned
from collectors.files.packages.manifests import Act, plain
from collectors.kinds import (
    FileChange,
    PackageChange,
    PackageLeftover,
    PackageTransaction,
    Scrubbed,
)
from collectors.redact import scrub

MAX_PACKAGES = 500
"""Packages listed in one event; the count is exact."""
SAMPLE = 10
MAX_DIRECTORIES = 50
_UNPACKED = ("install", "upgrade", "reinstall")
KEY = "gpg-pubkey"
"""What rpm calls a key that it trusts: installed like a package."""


class Report:
    """Counts while a transaction is judged."""

    def __init__(
        self,
        acts: Sequence[Act],
        proven: Collection[str] = (),
        digests: Mapping[str, Sum] | None = None,
        proof: str = "archive",
    ) -> None:
        """*proven*: packages that *proof* vouches for, as *acts* call them.

        *digests*: by package, of what it installed.
        """
        self._proof = proof
        self._acts = acts
        self._proven = frozenset(proven)
        self._digests = digests or {}
        self._actions: Counter[str] = Counter()
        self._left: Counter[Scrubbed] = Counter()
        self._sample: list[Scrubbed] = []
        self.unexplained = 0
        self.unverified = 0

    @property
    def packages(self) -> int:
        """Return how many lines of the log there are about packages."""
        return len(self._acts)

    @property
    def total(self) -> int:
        """Return how many changes were folded."""
        return sum(self._actions.values())

    @property
    def trusts(self) -> bool:
        """Whether a key was added to those that packages are checked with."""
        return any(a.action in _UNPACKED and plain(a.package) == KEY for a in self._acts)

    def told(self) -> None:
        """Count a change that is told by itself."""
        self.unexplained += 1

    def folded(self, path: Scrubbed, action: str, *, proven: bool, left: Scrubbed | None) -> None:
        """Count a change that is folded; *left*: the directory that a removal took it from."""
        self._actions[action] += 1
        self.unverified += not proven
        if left is not None:
            self._left[left] += 1
        if len(self._sample) < SAMPLE and action != "deleted" and path not in self._sample:
            self._sample.append(path)

    def record(
        self, number: int, begin: int, end: int, digest: str, *, expired: bool
    ) -> PackageTransaction:
        """Return the event."""
        changes = list(self._packages().values())
        return PackageTransaction(
            number=number,
            packages=tuple(changes[:MAX_PACKAGES]),
            names=tuple(change.name for change in changes[:MAX_PACKAGES]),
            count=len(changes),
            actions=dict(self._actions),
            total=self.total,
            unexplained=self.unexplained,
            unverified=self.unverified,
            unproven=tuple(c.name for c in changes if c.proof == "none")[:MAX_PACKAGES],
            leftovers=tuple(
                PackageLeftover(directory=where, count=count)
                for where, count in self._left.most_common(MAX_DIRECTORIES)
            ),
            left=sum(self._left.values()),
            sample=tuple(self._sample),
            digest=digest,
            begin=begin,
            end=end,
            outcome="expired" if expired else "closed",
        )

    def _packages(self) -> dict[str, PackageChange]:
        """Return one line for each package: from its first version to its last."""
        found: dict[str, PackageChange] = {}
        for act in self._acts:
            known = found.get(act.package)
            if act.action in ("configure", "trigproc") and known is not None:
                continue
            proof = None
            if act.action in _UNPACKED:
                proof = self._proof if act.package in self._proven else "none"
            total = self._digests.get(act.package)
            found[act.package] = PackageChange(
                name=scrub(act.package),
                action=act.action,
                old=known.old if known is not None else _shown(act.old),
                new=_shown(act.new),
                proof=proof,
                digest=None if total is None else total.digest,
                listed=None if total is None else total.listed,
                files=0 if total is None else total.files,
            )
        return found


def annotate(record: FileChange, owners: Iterable[Owned], state: str | None = None) -> FileChange:
    """Return *record* with the package that owns its path, if any does, and what is wrong."""
    name = min((owner.package for owner in owners), default=None)
    if name is None:
        return record if state is None else msgspec.structs.replace(record, package_state=state)
    return msgspec.structs.replace(record, package=scrub(name), package_state=state)


def _shown(version: str | None) -> Scrubbed | None:
    return None if version is None else scrub(version)
