"""Lines and sections of an Apache configuration, and of .htaccess. Pure.

Conditions that are decided when the server starts (IfModule, IfDefine, IfVersion) are decided
here; what is inside one that does not hold is left out. Own reader: apacheconfig (PyPI) has had no
release since 2019 and stops at the first line that it does not know.
Source: Apache 2.4 server/config.c (ap_getword_conf, ap_build_config).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.exposure.web.lines import Files, NotUnderstood, absolute
from collectors.exposure.web.model import MAX_DEPTH, Directive

VERSION = (2, 4, 57)
MODULES = "#modules"
"""Name of the directive that carries the loaded modules into a site."""
_WORD = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|(\S+)")
_SECTION = re.compile(r"<\s*(/?)\s*(\w+)\s*(.*?)>?\s*\Z", re.DOTALL)
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_ALWAYS = ("core", "so", "http", "version", "unixd", "log_config")
_DECIDED = frozenset({"ifmodule", "ifdefine", "ifversion", "ifdirective", "iffile", "ifsection"})
_LONGEST = 64 << 10


class Settings:
    """What earlier lines have set: modules, definitions."""

    def __init__(self, modules: frozenset[str] = frozenset()) -> None:
        self.modules = set(modules)
        self.defined: dict[str, str] = {}

    def put(self, text: str) -> str:
        """Return *text* with the known variables in their places."""
        return _VARIABLE.sub(lambda match: self.defined.get(match[1], match[0])[:_LONGEST], text)

    def has_module(self, name: str) -> bool:
        """Tell whether a module is there; when none is ever loaded, all are built in."""
        if not self.modules:
            return True
        short = re.sub(r"\Amod_|\.c\Z|_module\Z", "", name.lower())
        return short in self.modules or short in _ALWAYS

    def holds(self, section: str, text: str) -> bool:
        """Tell whether what a decided section asks for is so."""
        wanted = text.strip().strip("\"'")
        if wanted.startswith("!"):
            return not self.holds(section, wanted[1:])
        if section == "ifmodule":
            return self.has_module(wanted)
        if section == "ifdefine":
            return wanted in self.defined
        if section == "ifversion":
            return _version_holds(wanted)
        return True


def _version_holds(text: str) -> bool:
    match = re.match(r"(>=|<=|==|=|>|<)?\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?\Z", text)
    if match is None:
        return True
    wanted = tuple(int(part or 0) for part in match.groups()[1:])
    operator = match[1] or "="
    return (
        (wanted < VERSION and ">" in operator)
        or (wanted > VERSION and "<" in operator)
        or (wanted == VERSION and "=" in operator)
    )


class Reader:
    """Reads a file and what it includes."""

    def __init__(self, files: Files, root: str, settings: Settings) -> None:
        """*root*: what relative paths stand in (ServerRoot)."""
        self._files = files
        self._root = root
        self._settings = settings

    def read(self, path: str, depth: int = 0) -> list[Directive]:
        """Return the directives of *path*; what stands before a mistake holds."""
        return self._files.directives(
            path, lambda text, found: self._block(_lines(text), path, depth, found, "")
        )

    def _block(
        self,
        lines: Iterator[tuple[int, str]],
        file: str,
        depth: int,
        found: list[Directive],
        section: str,
    ) -> None:
        """Fill *found* up to the end of *section*."""
        if depth > MAX_DEPTH:
            raise NotUnderstood(file, 1, f"nested more than {MAX_DEPTH} deep")
        for number, line in lines:
            self._files.spend(file, number)
            if not line.startswith("<"):
                self._simple(line, file, number, depth, found)
                continue
            match = _SECTION.match(line)
            if match is None:
                raise NotUnderstood(file, number, "no section begins like this")
            name = match[2].lower()
            if match[1]:
                if name != section:
                    raise NotUnderstood(file, number, f"</{name[:40]}> closes nothing")
                return
            inside: list[Directive] = []
            if name in _DECIDED and not self._settings.holds(name, self._settings.put(match[3])):
                self._skip(lines, file, number, name)
                continue
            self._block(lines, file, depth + 1, inside, name)
            if name in _DECIDED:
                found += inside
            else:
                args = words(self._settings.put(match[3]))
                found.append(Directive(name, args, tuple(inside), file, number))
        if section:
            raise NotUnderstood(file, 1, f"<{section[:40]}> is not closed")

    def _skip(self, lines: Iterator[tuple[int, str]], file: str, number: int, section: str) -> None:
        depth = 1
        for _, line in lines:
            match = _SECTION.match(line) if line.startswith("<") else None
            if match is not None and match[2].lower() == section:
                depth += -1 if match[1] else 1
                if depth == 0:
                    return
        raise NotUnderstood(file, number, f"<{section}> is not closed")

    def _simple(
        self, line: str, file: str, number: int, depth: int, found: list[Directive]
    ) -> None:
        name, _, rest = line.replace("\t", " ").partition(" ")
        name = name.lower()
        args = words(self._settings.put(rest))
        if name in ("include", "includeoptional") and args:
            for path in self._files.matching(absolute(args[0], self._root)):
                if depth > MAX_DEPTH:
                    raise NotUnderstood(file, number, "includes itself")
                found += self.read(path, depth + 1)
            return
        if name == "loadmodule" and args:
            self._settings.modules.add(re.sub(r"_module\Z", "", args[0].lower()))
        elif name == "define" and args:
            self._settings.defined[args[0]] = args[1] if len(args) > 1 else ""
        elif name == "undefine" and args:
            self._settings.defined.pop(args[0], None)
        elif name == "serverroot" and args:
            self._root = args[0]
        found.append(Directive(name, args, None, file, number))


def words(text: str) -> tuple[str, ...]:
    """Return the arguments in *text*, without their quotation marks."""
    found = []
    for match in _WORD.finditer(text):
        quoted = match[1] if match[1] is not None else match[2]
        found.append(re.sub(r"\\([\"'\\])", r"\1", quoted) if quoted is not None else match[3])
    return tuple(found)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, joined where one ends in a backslash."""
    joined, begin = "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        begin = begin or number
        if line.endswith("\\") and len(joined) < _LONGEST:
            joined += line[:-1]
            continue
        whole = (joined + line).strip()
        if whole and not whole.startswith("#"):
            yield begin, whole
        joined, begin = "", 0
    if joined.strip():
        yield begin, joined.strip()
