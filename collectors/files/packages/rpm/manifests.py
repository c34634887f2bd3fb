"""What rpm's headers claim."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec

from collectors.files.packages.asking import Asking
from collectors.files.packages.claims import Claim
from collectors.files.packages.rpm import header, listing
from collectors.files.packages.rpm.header import Answer, Header, Take, Taken
from collectors.files.packages.rpm.probe import Rpm
from collectors.files.packages.rpm.query import QueryError, ask
from collectors.files.packages.transaction import Evidence

_TARGET = "collectors.files.packages.rpm.header:start"
_BATCH = 100
"""Headers that rpm is asked for at once."""
_answers = msgspec.msgpack.Decoder(Answer)


class RpmManifests:
    """See `collectors.files.packages.claims.Manifests`."""

    def __init__(self, rpm: Rpm, pulse: Callable[[], None]) -> None:
        self._rpm = rpm
        self._pulse = pulse
        self._listed: tuple[Evidence, dict[str, str]] | None = None

    def refresh(self) -> None:
        """Do nothing: rpm has no diversions."""

    def stamps(self) -> dict[str, str] | None:
        """Return what is installed, as `listing.stamp` has it; None where rpm does not say."""
        seen = self._rpm.look()._replace(locked=False)
        if self._listed is not None and self._listed[0] == seen:
            return self._listed[1]
        arguments = ("-a", "--qf", listing.FORMAT)
        try:
            with (
                ask(self._rpm.directory, arguments, self._pulse, rpm=self._rpm.rpm) as output,
                open(output, "rb", closefd=False) as file,
            ):
                found = listing.parse(file)
        except QueryError as error:
            self._rpm.trouble = f"not known: {error}"
            return None
        self._rpm.trouble = ""
        stamps = {name: listing.stamp(installed) for name, installed in found.items()}
        if self._rpm.look()._replace(locked=False) == seen:
            self._listed = (seen, stamps)
        return stamps

    def versions(self) -> dict[str, str]:
        """Return what is installed in one version: the files of several cannot be told apart."""
        found = {name: listing.unstamp(text) for name, text in (self.stamps() or {}).items()}
        return {name: each[0].version for name, each in found.items() if len(each) == 1}

    def read(self, names: Collection[str]) -> Iterator[tuple[str, list[Claim]]]:
        """Yield what the headers of each package claim, where all of them can be read."""
        stamps = self.stamps() or {}
        wanted = [name for name in names if name in stamps]
        for start in range(0, len(wanted), _BATCH):
            batch = {n: listing.unstamp(stamps[n]) for n in wanted[start : start + _BATCH]}
            found: dict[str, list[Claim]] = {}
            count = dict.fromkeys(batch, 0)
            for name, head in self.headers(batch):
                found.setdefault(name, []).extend(_claims(head))
                count[name] += 1
            for name, installed in batch.items():
                if count[name] == len(installed):
                    yield name, found.get(name, [])

    def headers(self, wanted: dict[str, list[listing.Installed]]) -> Iterator[tuple[str, Header]]:
        """Yield each header that is to be had and is what the list calls it, with its package."""
        names = {each.instance: (name, each) for name, all_ in wanted.items() for each in all_}
        numbers = sorted(names)
        for start in range(0, len(numbers), _BATCH):
            for taken in self._take(numbers[start : start + _BATCH]):
                name, each = names.get(taken.instance, ("", None))
                if taken.header is None or each is None:
                    continue
                said = taken.header.contents
                whole = (listing.key_of(said.package, said.architecture), said.version)
                if whole == (name, each.version):
                    yield name, taken.header

    def _take(self, numbers: Sequence[int]) -> Iterator[Taken]:
        arguments = ["--querybynumber", "--qf", header.FORMAT, *map(str, numbers)]
        try:
            with ask(self._rpm.directory, arguments, self._pulse, rpm=self._rpm.rpm) as output:
                offset = 0 if os.fstat(output).st_size else -1
                while offset >= 0:
                    wish = msgspec.msgpack.encode(Take(offset))
                    (answer,) = Asking(_TARGET, [(output, wish)]).wait(self._pulse)
                    if answer is None:
                        return
                    taken = _answers.decode(answer).taken
                    yield from taken
                    offset = taken[-1].after
        except QueryError:
            return

    def where(self, _package: str, path: bytes) -> bytes:
        """Return *path*."""
        return path

    def diverted(self) -> frozenset[bytes]:
        """Return nothing."""
        return frozenset()

    def overrides(self) -> dict[bytes, int]:
        """Return nothing: rpm knows no modes of the administrator's."""
        return {}


def _claims(head: Header) -> list[Claim]:
    special = frozenset(head.contents.conffiles)
    return [Claim(e.path, e.sha256 or None, e.path in special) for e in head.contents.entries]
