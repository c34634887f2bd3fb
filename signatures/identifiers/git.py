"""Tokens of GitHub and GitLab, and what ``.git-credentials`` and ``.netrc`` hold."""

from __future__ import annotations

import re
import zlib

from signatures.identifiers.base import Finder, Identifier, Spans, is_varied

_TOKEN = re.compile(
    rb"(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{82}|glpat-[A-Za-z0-9_-]{20})"
    rb"(?![A-Za-z0-9_-])"
)
_NETRC = re.compile(
    rb"(?m)^\s{0,8}machine\s{1,8}[^\s]{3,200}\s{1,8}login\s{1,8}[^\s]{1,100}\s{1,8}password\s{1,8}"
    rb"([^\s]{6,200})"
)
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _checksum(text: str) -> str:
    rest, found = zlib.crc32(text.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        found = _LETTERS[digit] + found
    return found


def validate(value: str) -> bool:
    """Check GitHub's CRC-32; tell whether others are varied."""
    if value[:2] == "gh" and value[3:4] == "_":
        return _checksum(value[4:34]) == value[34:]
    return is_varied(value.removeprefix("glpat-").removeprefix("github_pat_"), 5)


def find_tokens(data: bytes) -> Spans:
    """Yield begin and end of each token and each password of a ``.netrc``."""
    for match in _TOKEN.finditer(data):
        yield match.span()
    for match in _NETRC.finditer(data):
        if not _TOKEN.fullmatch(match.group(1)):
            yield match.span(1)


GIT_TOKEN = Identifier(
    name="git_token",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("git_token", "github_token", "gitlab_token", "private_token"),
    chance=1e-9,
    weight=65,
    source="GitHub, 2021: new token formats (CRC-32 in base 62); GitLab: token prefixes; netrc(5)",
)

FINDER = Finder(
    "git_token",
    GIT_TOKEN,
    find_tokens,
    0.95,
    (b"ghp_", b"gho_", b"ghs_", b"github_pat_", b"glpat-"),
)
