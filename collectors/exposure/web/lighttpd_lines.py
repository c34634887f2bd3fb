"""Assignments and conditions of a lighttpd configuration. Pure.

A list is told as its parts: ``key<TAB>value`` for one with keys. No library on PyPI reads it.
Source: lighttpd 1.4 src/configparser.y.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from collectors.exposure.web.lines import Files, NotUnderstood, absolute
from collectors.exposure.web.model import MAX_DEPTH, Directive

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<comment>\#[^\n]*)"
    r"|\"(?P<text>(?:[^\"\\]|\\.)*)\""
    r"|(?P<sign>=>|\+=|:=|==|!=|=~|!~|=\^|=\$|[=(){},+\[\]])"
    r"|(?P<word>[^\s\"=(){},+\[\]!#]+)|(?P<other>.)",
    re.DOTALL,
)
_DEBIAN: dict[str, tuple[str, ...]] = {
    "/usr/share/lighttpd/create-mime.conf.pl": (),
    "/usr/share/lighttpd/create-mime.assign.pl": (),
    "/usr/share/lighttpd/use-ipv6.pl": (),
    "/usr/share/lighttpd/include-conf-enabled.pl": ("/etc/lighttpd/conf-enabled/*.conf",),
}
"""Programs of Debian's package whose lines say nothing about files, or that are known."""
_CONDITION = re.compile(r"\$(HTTP|SERVER|PHYSICAL|REQUEST_HEADER)\Z")


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind == "text":
            yield _Token(kind, re.sub(r"\\([\"\\])", r"\1", match["text"]), line)
        elif kind not in ("space", "comment"):
            yield _Token(kind, match[kind], line)
        line += match[0].count("\n")


class Reader:
    """Reads a file and what it includes; remembers variables."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._variables: dict[str, tuple[str, ...]] = {}
        self._waiting: list[_Token] = []
        self._source: Iterator[_Token] = iter(())
        self._file = ""
        self._line = 1

    def read(self, path: str, depth: int = 0) -> list[Directive]:
        """Return the directives of *path*; what stands before a mistake holds."""

        def whole(text: str, found: list[Directive]) -> None:
            kept = self._waiting, self._source, self._file, self._line
            self._waiting, self._source, self._file, self._line = [], _tokens(text), path, 1
            try:
                self._block(found, depth, top=True)
            finally:
                self._waiting, self._source, self._file, self._line = kept

        return self._files.directives(path, whole)

    def _next(self) -> _Token | None:
        token = self._waiting.pop() if self._waiting else next(self._source, None)
        if token is not None:
            self._line = token.line
        return token

    def _peek(self) -> _Token | None:
        token = self._next()
        if token is not None:
            self._waiting.append(token)
        return token

    def _wrong(self, text: str) -> NotUnderstood:
        return NotUnderstood(self._file, self._line, text)

    def _want(self, text: str) -> None:
        token = self._next()
        if token is None or token.kind != "sign" or token.text != text:
            raise self._wrong(f'expected "{text}"')

    def _block(self, found: list[Directive], depth: int, *, top: bool = False) -> None:
        if depth > MAX_DEPTH:
            raise self._wrong(f"nested more than {MAX_DEPTH} deep")
        while (token := self._next()) is not None:
            self._files.spend(self._file, self._line)
            if token.kind == "sign" and token.text == "}" and not top:
                return
            if token.kind != "word":
                raise self._wrong("a name or a condition must stand here")
            self._statement(token, found, depth)
        if not top:
            raise self._wrong("a block is not closed")

    def _statement(self, token: _Token, found: list[Directive], depth: int) -> None:
        name, line = token.text, token.line
        if name in ("include", "include_shell"):
            self._include(name, found, depth)
        elif name == "else":
            following = self._peek()
            if following is not None and following.text == "{":
                self._inside("else", (), line, found, depth)
            elif following is not None and _CONDITION.match(following.text):
                self._next()
                self._conditional("elif", line, found, depth, following.text)
            elif following is None or following.text not in ("if", "elseif"):
                raise self._wrong("nothing follows else")
        elif name == "global":
            inside: list[Directive] = []
            self._want("{")
            self._block(inside, depth + 1)
            found += inside
        elif _CONDITION.match(name):
            self._conditional("if", line, found, depth, name)
        else:
            self._assign(name, line, found)

    def _conditional(
        self, kind: str, line: int, found: list[Directive], depth: int, what: str
    ) -> None:
        self._want("[")
        key = self._next()
        self._want("]")
        operator, value = self._next(), self._next()
        if key is None or operator is None or value is None or operator.kind != "sign":
            raise self._wrong("a condition is not complete")
        args = (f"{what[1:]}.{key.text}", operator.text, value.text)
        self._inside(kind, args, line, found, depth)

    def _inside(
        self, kind: str, args: tuple[str, ...], line: int, found: list[Directive], depth: int
    ) -> None:
        inside: list[Directive] = []
        self._want("{")
        self._block(inside, depth + 1)
        found.append(Directive(kind, args, tuple(inside), self._file, line))

    def _include(self, name: str, found: list[Directive], depth: int) -> None:
        line = self._line
        value = self._value(depth)
        if name == "include_shell" and value[0].split(" ")[0] in _DEBIAN:
            value = _DEBIAN[value[0].split(" ")[0]]
        elif name == "include_shell":
            self._files.note(
                NotUnderstood(self._file, line, "include_shell is not followed").problem
            )
            return
        base = posixpath.dirname(self._file)
        for pattern in value:
            for path in self._files.matching(absolute(pattern, base)):
                found += self.read(path, depth + 1) if depth <= MAX_DEPTH else []

    def _assign(self, name: str, line: int, found: list[Directive]) -> None:
        sign = self._next()
        if sign is None or sign.text not in ("=", "+=", ":="):
            raise self._wrong(f'"=" must follow {name[:40]}')
        value = self._value(0)
        if sign.text == "+=":
            value = (*self._variables.get(name, ()), *value)
        self._variables[name] = value
        found.append(Directive(name, value, None, self._file, line))

    def _value(self, depth: int) -> tuple[str, ...]:
        """Return a value: one text, or the parts of a list."""
        value = self._single(depth)
        while (token := self._peek()) is not None and token.text == "+" and token.kind == "sign":
            self._next()
            more = self._single(depth)
            value = (value[0] + more[0],) if len(value) == len(more) == 1 else (*value, *more)
        return value

    def _single(self, depth: int) -> tuple[str, ...]:
        token = self._next()
        if token is None or depth > MAX_DEPTH:
            raise self._wrong("a value is missing")
        if token.kind == "text":
            return (token.text,)
        if token.kind == "word":
            return self._variables.get(token.text, (token.text,))
        if token.text != "(":
            raise self._wrong("a value is missing")
        parts: list[str] = []
        while (token := self._peek()) is not None and token.text != ")":
            if token.text == "," and token.kind == "sign":
                self._next()
                continue
            self._files.spend(self._file, self._line)
            first = self._value(depth + 1)
            following = self._peek()
            if following is not None and following.text == "=>":
                self._next()
                parts.append("\t".join((*first[:1], *self._value(depth + 1)[:1])))
            else:
                parts += first
        self._want(")")
        return tuple(parts)
