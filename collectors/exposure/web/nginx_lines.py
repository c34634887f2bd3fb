"""Tokens and blocks of an nginx configuration. Pure.

Own tokenizer: crossplane (Apache-2.0) opens the files and their includes itself, which the bounded
child cannot and the shell must not, and its last release is of 2022.
Source: nginx src/core/ngx_conf_file.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from collectors.exposure.web.lines import Files, NotUnderstood, absolute
from collectors.exposure.web.model import MAX_DEPTH, Directive

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<mark>[;{}])"
    r"|\"(?P<double>(?:[^\"\\]|\\.)*)\""
    r"|'(?P<single>(?:[^'\\]|\\.)*)'"
    # ${name} belongs to a word; another brace ends it.
    r"|(?P<word>(?![\"'])(?:\$\{[^}\n]*\}|\\.|[^\s;{}\\])+)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\([\"'\\ tnr])")
_NAMED = {"t": "\t", "n": "\n", "r": "\r"}
_OPAQUE = ("_by_lua_block", "js_content_block")


class _Token(NamedTuple):
    text: str
    mark: bool
    line: int


def _tokens(text: str, file: str) -> Iterator[_Token]:
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotUnderstood(file, line, "a quotation mark is not closed")
        kind = match.lastgroup
        if kind in ("mark", "word", "double", "single"):
            raw = match[kind]
            value = raw if kind == "mark" else _ESCAPE.sub(_plain, raw)
            yield _Token(value, kind == "mark", line)
        line += text.count("\n", position, match.end())
        position = match.end()


def _plain(match: re.Match[str]) -> str:
    return _NAMED.get(match[1], match[1])


class Reader:
    """Reads a file and what it includes."""

    def __init__(self, files: Files, prefix: str) -> None:
        """*prefix*: the folder that relative includes stand in."""
        self._files = files
        self._prefix = prefix

    def read(self, path: str, depth: int = 0) -> list[Directive]:
        """Return the directives of *path*; what stands before a mistake holds."""

        def whole(text: str, found: list[Directive]) -> None:
            end = self._block(_tokens(text, path), path, depth, found)
            if end is not None:
                raise NotUnderstood(path, end.line, 'unexpected "}"')

        return self._files.directives(path, whole)

    def _block(
        self, tokens: Iterator[_Token], file: str, depth: int, found: list[Directive]
    ) -> _Token | None:
        """Fill *found* up to the closing brace, which is returned; None at the end of the file."""
        if depth > MAX_DEPTH:
            raise NotUnderstood(file, 1, f"nested more than {MAX_DEPTH} deep")
        words: list[_Token] = []
        for token in tokens:
            if not token.mark:
                words.append(token)
            elif token.text == "}":
                if words:
                    raise NotUnderstood(file, token.line, 'missing ";" before "}"')
                return token
            elif not words:
                if token.text == "{":
                    raise NotUnderstood(file, token.line, 'unexpected "{"')
            else:
                inner = depth + 1 if token.text == "{" else depth
                self._add(words, None if token.text == ";" else tokens, found, (file, inner))
                words = []
        if words:
            raise NotUnderstood(file, words[0].line, 'the last line has no ";"')
        return None

    def _add(
        self,
        words: list[_Token],
        tokens: Iterator[_Token] | None,
        found: list[Directive],
        place: tuple[str, int],
    ) -> None:
        """Add one directive; *tokens* give its block, *place* is the file and the depth."""
        file, depth = place
        self._files.spend(file, words[0].line)
        name, args = words[0].text, tuple(word.text for word in words[1:])
        if tokens is None:
            if name == "include" and args:
                for path in self._files.matching(absolute(args[0], self._prefix)):
                    found += self._include(path, depth, file, words[0].line)
            else:
                found.append(Directive(name, args, None, file, words[0].line))
            return
        inside: list[Directive] = []
        if name.endswith(_OPAQUE):
            _skip(tokens, file, words[0].line)
        elif self._block(tokens, file, depth, inside) is None:
            raise NotUnderstood(file, words[0].line, f'the block of "{name[:40]}" is not closed')
        found.append(Directive(name, args, tuple(inside), file, words[0].line))

    def _include(self, path: str, depth: int, file: str, line: int) -> list[Directive]:
        if depth > MAX_DEPTH:
            raise NotUnderstood(file, line, "includes itself")
        return self.read(path, depth + 1)


def _skip(tokens: Iterator[_Token], file: str, line: int) -> None:
    """Pass over a block in another language, by its braces."""
    depth = 1
    for token in tokens:
        if token.mark and token.text in "{}":
            depth += 1 if token.text == "{" else -1
            if depth == 0:
                return
    raise NotUnderstood(file, line, "the block is not closed")
