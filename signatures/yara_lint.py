"""Checks on rule files that YARA itself does not make. Problems are collected, each FILE:LINE."""

from __future__ import annotations

import re
from typing import NamedTuple

from signatures.yara_rules import Source, tables

SHORTEST_ATOM = 3
"""Bytes. YARA looks for literal atoms first; a string without one is tried everywhere."""
_META = ("id", "version", "description", "attack")
_EXCUSE = re.compile(r"//\s*short atom:\s*\S+")
_STRING = re.compile(
    r'^\s*(\$\w*(?:\{\w+\})?)\s*=\s*(?:/(.*)/[is]*|"((?:[^"\\]|\\.)*)"|\{([^{}]*)\}?)'
)
_BYTES = re.compile(r"(?:(?<![~?])\b[0-9A-Fa-f]{2}\b\s*)+")
_TABLE = re.compile(r"\{([a-z_]+)\}")
_QUANTIFIER = re.compile(r"[*?+]|\{(\d*),?\d*\}")


class Problem(NamedTuple):
    """What is wrong, and where."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        """Return it as editors and people expect it."""
        return f"{self.path}:{self.line}: {self.text}"


def lint(source: Source) -> list[Problem]:
    """Return what is wrong with one rule file."""
    problems = [
        Problem(source.path, 1, f"meta has no {name}")
        for name in _META
        if not re.search(rf"(?m)^\s*{name}\s*=", source.text)
    ]
    for number, line in enumerate(source.text.splitlines(), 1):
        match = _STRING.match(line)
        if match is None or _EXCUSE.search(line):
            continue
        longest = longest_atom(match)
        if longest < SHORTEST_ATOM:
            text = f"{match.group(1)}: longest literal is {longest} bytes, {SHORTEST_ATOM} needed"
            problems.append(Problem(source.path, number, text))
    return problems


def longest_atom(match: re.Match[str]) -> int:
    """Return the length of the longest literal that every occurrence of a string holds."""
    _, pattern, text, raw = match.groups()
    if text is not None:
        return len(re.sub(r"\\(?:x[0-9a-fA-F]{2}|.)", "x", text))
    if pattern is None:
        # Alternatives in brackets and what spans lines count as nothing: write whole bytes.
        plain = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "??", raw)
        return max((len(run.split()) for run in _BYTES.findall(plain)), default=0)
    known = tables()
    # A table entry is a literal; all entries of one table have one length.
    filled = _TABLE.sub(lambda table: known.get(table[1], ("",))[0], pattern)
    return _longest_run(filled)


def _longest_run(pattern: str) -> int:
    best = run = position = depth = 0
    while position < len(pattern):
        char = pattern[position]
        width, literal = _element(pattern, position)
        quantifier = _QUANTIFIER.match(pattern, position + width)
        position += width + (len(quantifier.group()) if quantifier else 0)
        if char == "|" and depth == 0:
            return 0  # alternatives: written as strings of their own
        depth += {"(": 1, ")": -1}.get(char, 0)
        if literal and depth == 0:
            run += 1
        best = max(best, run - int(quantifier is not None))
        if not literal or quantifier or depth:
            run = 0
    return best


def _element(pattern: str, position: int) -> tuple[int, bool]:
    """Return the width of the element at *position* and whether it is one literal byte."""
    char = pattern[position]
    if char == "[":
        end = pattern.index("]", position + 2)
        while pattern[end - 1] == "\\" and pattern[end - 2] != "\\":
            end = pattern.index("]", end + 1)
        return end + 1 - position, False
    if char == "\\":
        kind = pattern[position + 1]
        if kind == "x":
            return 4, True
        return 2, kind not in "wWsSdDbB"
    return 1, char not in ".^$()|"
