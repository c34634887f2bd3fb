"""Tokens and blocks of a Caddyfile. Pure. No library on PyPI reads this form.

Source: caddyserver.com/docs/caddyfile/concepts; Caddy's caddyfile/lexer.go.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from collectors.exposure.web.lines import Files, NotUnderstood, absolute
from collectors.exposure.web.model import MAX_DEPTH, Directive

_TOKEN = re.compile(
    r"(?P<end>\n)|(?P<space>(?:[ \t\r]|\\\r?\n)+)|(?P<comment>\#[^\n]*)"
    r"|\"(?P<double>(?:[^\"\\]|\\.)*)\"|`(?P<back>[^`]*)`|(?P<word>\S+)",
    re.DOTALL,
)
_Line = tuple[int, list[str]]


def _lines(text: str, file: str) -> Iterator[_Line]:
    """Yield the words of each line that has any."""
    words: list[str] = []
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "end":
            if words:
                yield line, words
            words = []
        elif kind == "double":
            words.append(match["double"].replace('\\"', '"').replace("\\\\", "\\"))
        elif kind in ("back", "word"):
            if kind == "word" and match["word"].startswith(('"', "`")):
                raise NotUnderstood(file, line, "a quotation mark is not closed")
            words.append(match[kind])
        line += match[0].count("\n")
    if words:
        yield line, words


class Reader:
    """Reads a Caddyfile and what it imports."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._snippets: dict[str, tuple[Directive, ...]] = {}

    def read(self, path: str, depth: int = 0) -> list[Directive]:
        """Return the blocks of *path*; what stands before a mistake holds."""
        return self._files.directives(
            path, lambda text, found: self._block(_lines(text, path), path, depth, found, top=True)
        )

    def _block(
        self,
        lines: Iterator[_Line],
        file: str,
        depth: int,
        found: list[Directive],
        *,
        top: bool = False,
    ) -> None:
        if depth > MAX_DEPTH:
            raise NotUnderstood(file, 1, f"nested more than {MAX_DEPTH} deep")
        names: list[str] = []
        for number, words in lines:
            self._files.spend(file, number)
            if words == ["}"] and not top:
                return
            if words[-1] == "{":
                inside: list[Directive] = []
                self._block(lines, file, depth + 1, inside)
                self._add([*names, *words[:-1]], inside, (file, number), found)
                names = []
            elif top and words[-1].endswith(","):
                names += words
            elif words[0] == "import" and len(words) > 1:
                self._import(words[1], file, depth, found)
            else:
                found.append(Directive(words[0], tuple(words[1:]), None, file, number))
        if not top:
            raise NotUnderstood(file, 1, "a block is not closed")

    def _add(
        self,
        words: list[str],
        inside: list[Directive],
        place: tuple[str, int],
        found: list[Directive],
    ) -> None:
        name = words[0] if words else ""
        if name.startswith("(") and name.endswith(")"):
            self._snippets[name[1:-1]] = tuple(inside)
            return
        found.append(Directive(name, tuple(words[1:]), tuple(inside), *place))

    def _import(self, name: str, file: str, depth: int, found: list[Directive]) -> None:
        if name in self._snippets:
            for one in self._snippets[name]:
                self._files.spend(file, one.line)
                found.append(one)
            return
        for path in self._files.matching(absolute(name, posixpath.dirname(file))):
            if depth > MAX_DEPTH:
                raise NotUnderstood(file, 1, "imports itself")
            found += self.read(path, depth + 1)
