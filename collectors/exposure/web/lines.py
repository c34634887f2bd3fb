"""What the readers share: the mistake, the budget, and include patterns. Pure."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping

from collectors.exposure.web.model import MAX_DIRECTIVES, Directive, Problem


class NotUnderstood(Exception):  # noqa: N818 - about the file, not a mistake of ours
    """A file, or the rest of one, makes no sense; ``str()`` says why in one sentence."""

    def __init__(self, file: str, line: int, text: str) -> None:
        super().__init__(text)
        self.problem = Problem(file, line, text)


class Files:
    """The files that were read so far, and the patterns that more are needed of."""

    def __init__(self, files: Mapping[str, bytes], answered: Iterable[str]) -> None:
        self._files = files
        self._answered = frozenset(answered)
        self.needs: dict[str, None] = {}
        self.problems: list[Problem] = []
        self.left = MAX_DIRECTIVES

    def text(self, path: str) -> str | None:
        """Return the text of *path*, None when it has to be read first or is not there."""
        data = self._files.get(path)
        if data is None:
            if path not in self._answered:
                self.needs[path] = None
            return None
        return data.decode("latin-1").removeprefix("\xef\xbb\xbf")

    def matching(self, pattern: str) -> list[str]:
        """Return the files that were read for *pattern*, in the order of their names.

        A folder stands for the files in it, as for Apache.
        """
        if pattern not in self._answered:
            self.needs[pattern] = None
        if not is_pattern(pattern):
            if pattern in self._files:
                return [pattern]
            folder = pattern.rstrip("/") + "/"
            return sorted(
                path
                for path in self._files
                if path.startswith(folder) and "/" not in path[len(folder) :]
            )
        return sorted(path for path in self._files if matches(path, pattern))

    def directives(
        self, path: str, read: Callable[[str, list[Directive]], None]
    ) -> list[Directive]:
        """Return what *read* makes of the text of *path*; what stands before a mistake holds."""
        text = self.text(path)
        found: list[Directive] = []
        if text is not None:
            try:
                read(text, found)
            except NotUnderstood as error:
                self.note(error.problem)
        return found

    def spend(self, file: str, line: int) -> None:
        """Count one directive.

        Raises:
            NotUnderstood: there are too many.
        """
        self.left -= 1
        if self.left < 0:
            raise NotUnderstood(file, line, f"more than {MAX_DIRECTIVES} directives")

    def note(self, problem: Problem) -> None:
        """Keep what was not understood; the first thousand are enough."""
        if len(self.problems) < 1000:
            self.problems.append(problem)


_EVERYBODY = re.compile(r"(?:0(?:\.0){0,3}|::)/0(?:\.0\.0\.0)?\Z|0\.0\.0\.0/1\Z|128\.0\.0\.0/1\Z")


def is_everybody(address: str) -> bool:
    """Tell whether *address* is a network that a stranger can be in: all, or half of all."""
    return _EVERYBODY.match(address) is not None


def is_pattern(path: str) -> bool:
    """Tell whether *path* stands for several files."""
    return any(char in path for char in "*?[")


def matches(path: str, pattern: str) -> bool:
    """Tell whether *path* fits *pattern* as the shell would: no star spans a slash."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(
        fnmatch.fnmatchcase(part, want) and (not part.startswith(".") or want.startswith("."))
        for part, want in zip(parts, wanted, strict=True)
    )


def absolute(path: str, base: str) -> str:
    """Return *path* seen from the folder *base*, without dots."""
    joined = posixpath.normpath(posixpath.join(base, path))
    return joined.replace("//", "/", 1) if joined.startswith("//") else joined


def below(path: str, folder: str) -> str | None:
    """Return what follows *folder* in *path* (``/a/b`` or empty), None when it is not below."""
    folder = folder.rstrip("/")
    if path == folder:
        return ""
    return path[len(folder) :] if path.startswith(folder + "/") else None
