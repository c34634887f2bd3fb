"""``ronda-agent scan PATH``: look into files now, without a running agent."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

import msgspec

from collectors.api import Keys
from collectors.exposure import examine
from collectors.exposure.select import Scope
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.web.view import WebView
from collectors.kinds import Kind, ScanIncomplete, Scrubbed
from collectors.paths import PathGuard


class FileResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at one file gave. Nothing in it is raw."""

    path: Scrubbed
    outcome: str
    """``clean``, ``found``, ``sampled``, ``skipped``, ``incomplete``, ``gone``, ``changed``."""
    record: Kind | None = None
    """`collectors.kinds.SensitiveData` or `collectors.kinds.ScanIncomplete`."""
    severity: int | None = None


def scan_paths(
    paths: Iterable[bytes],
    settings: ExposureSettings,
    guard: PathGuard,
    keys: Keys,
    on_result: Callable[[FileResult], None],
    *,
    on_file: Callable[[Scrubbed, int], None] | None = None,
    own: bytes = b"",
) -> Counter[str]:
    """Look into *paths*, directories with everything below; return how many had which outcome.

    The scope of the settings does not matter here but for ``exclude`` below a directory, and for
    the web roots, which decide how far a file is open. *on_file* is called before each look with
    the path as it may be shown and the size in bytes, see `measure`. *own* is the agent's state
    directory, with the canaries and registers that it was given.
    """
    outcomes: Counter[str] = Counter()
    examiner = examine.Examiner(settings, guard, keys, own=own)
    web = WebView(settings.web_configs, asks=settings.web_check, rate=settings.web_check_rate)
    try:
        web.refresh()
        examiner.web = web
        examiner.scope.serve(web.roots)
        for path in paths:
            blind: list[bytes] = []
            for real in _files(os.path.abspath(path), examiner.scope, blind):
                if on_file is not None:
                    on_file(guard.display(guard.guard(real)), _size(real))
                look = examiner.look(real, guard.guard(real))
                outcomes[look.outcome] += 1
                on_result(
                    FileResult(
                        path=guard.display(guard.guard(real)),
                        outcome=look.outcome,
                        record=look.record,
                        severity=look.severity,
                    )
                )
            for folder in blind:
                outcomes[examine.INCOMPLETE] += 1
                on_result(_blind(guard, folder))
    finally:
        examiner.close()
        web.close()
    return outcomes


def measure(paths: Iterable[bytes], settings: ExposureSettings) -> int:
    """Return the bytes of all files that `scan_paths` would look into, without opening one."""
    scope, blind = Scope(settings), list[bytes]()
    return sum(
        _size(real) for path in paths for real in _files(os.path.abspath(path), scope, blind)
    )


def _size(path: bytes) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:  # gone meanwhile
        return 0


def _blind(guard: PathGuard, folder: bytes) -> FileResult:
    safe = guard.guard(folder)
    record = ScanIncomplete(
        path=guard.display(safe),
        outcome="unreadable",
        detail=Scrubbed("directory cannot be listed"),
        path_token=guard.token(safe),
    )
    return FileResult(path=record.path, outcome=examine.INCOMPLETE, record=record)


def _files(path: bytes, scope: Scope, blind: list[bytes]) -> Iterator[bytes]:
    if not os.path.isdir(path):
        yield path
        return
    yield from walk(path, scope, blind)


def walk(
    root: bytes, scope: Scope, blind: list[bytes], *, skip: Collection[bytes] = ()
) -> Iterator[bytes]:
    """Yield the files below *root* that are not excluded, without following links.

    Directories that cannot be listed, and entries that cannot be told from one, are added to
    *blind*; directories in *skip* are not entered.
    """
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            blind.append(folder)
            continue
        for entry in found:
            if scope.excludes_entry(entry.path, entry.name):
                continue
            try:
                inner = entry.is_dir(follow_symlinks=False)
                file = not inner and entry.is_file(follow_symlinks=False)
            except OSError:  # a file system that does not say it in the listing, and fails
                blind.append(entry.path)
                continue
            if inner and entry.path not in skip:
                waiting.append(entry.path)
            elif file:
                yield entry.path
