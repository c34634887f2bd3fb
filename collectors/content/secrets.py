"""Where a line of configuration holds a secret. Pure, and wide: masking in vain costs little.

Wider than `signatures.identifiers.assignment`, which counts credentials and so must be sure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from signatures.identifiers.assignment import find_app_keys, find_passwords
from signatures.identifiers.private_key import find_keys

Span = tuple[int, int]

_NAME = (
    rb"(?i:pass(?:w(?:or)?d|phrase|code)?|pwd|passwort|sandi|secret|token|credentials?|salt|psk"
    rb"|preshared|community|bearer|authorization|api[_.-]?key|access[_.-]?key|private[_.-]?key"
    rb"|(?:[a-z0-9][_.-]|(?<=[a-z])(?=K))keys?|\bkey|dsn|connection[_.-]?string|database[_.-]?url"
    rb"|nonce|signature|cookie|session[_.-]?id|otp|totp|\bpin)"
)
# A name, what may follow it inside the same word, and what parts it from its value.
_ASSIGNED = re.compile(
    _NAME + rb"[A-Za-z0-9_.\-\]\[]{0,40}['\"]?\]?[ \t]{0,20}(?:=>|:=|[=:,>])[ \t]{0,20}([^\r\n]*)"
)
_STATED = re.compile(
    rb"(?i)\b(?:[a-z_-]{0,20}(?:passw(?:or)?d|passphrase|secret|token|community)|requirepass|masterauth"
    rb"|identified[ \t]+by)[ \t]+([^\s][^\r\n]*)"
)
_HARMLESS = re.compile(
    rb"['\"]?(?:|yes|no|on|off|true|false|none|null|nil|all|required?|optional|enabled?|disabled?"
    rb"|default|prohibit-password|without-password|forced-commands-only|[0-9]{1,3}"
    rb"|/(?:bin|dev|etc|home|lib|mnt|opt|root|run|sbin|srv|tmp|usr|var)/[A-Za-z0-9_./@%*+-]*"
    rb"|\$\{[A-Z_][A-Z0-9_]{0,40}\})['\"]?[ \t;,)\]}]*",
    re.IGNORECASE,
)
_CONTINUED = re.compile(rb"['\"]?[ \t]*(?:[|>][+-]?|\\|\(|\[|\{|\"\"\"|''')?[ \t]*")

_SHAPES = re.compile(
    rb"\$(?:[0-9a-zA-Z-]{1,20})\$[^\s:'\",;]{8,}"  # crypt(5), also of applications
    rb"|\{[A-Z0-9._-]{3,24}\}[A-Za-z0-9+/=$.,-]{8,}"  # RFC 2307, dovecot
    rb"|\bmd5[0-9a-f]{32}\b|\*[0-9A-F]{40}\b"  # PostgreSQL, MySQL
    rb"|SCRAM-SHA-[0-9]{1,3}\$\S+"
    rb"|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+"  # JWT
    rb"|\b(?:gh[a-z]|github|glpat|xox[a-z]|sk|pk|rk|whsec|shpat|npm|pypi|dop|SG)[_-]"
    rb"[A-Za-z0-9_.-]{12,}"
    rb"|\b(?:AKIA|ASIA|AIza|ya29\.)[A-Za-z0-9_-]{12,}"
    rb"|\b[0-9]{8,10}:[A-Za-z0-9_-]{30,}"  # Telegram
    rb"|(?i:\b(?:basic|bearer|digest)[ \t]+)[A-Za-z0-9+/=._~-]{8,}"
    rb"|(?<=:)[^\s:][^\s]{0,127}(?=@[A-Za-z0-9\[])"  # user:password@host without a scheme
    rb"|(?<=\s-p)\S{4,}|\bsshpass[ \t]+-p[ \t]*\S+|\s(?:-u|--user)[ =]['\"]?\S+:\S+"
    rb"|\b[0-9A-Fa-f]{32,}\b"
)
_RUN = re.compile(rb"[A-Za-z0-9+/_.-]{20,}={0,2}")
_KINDS = (re.compile(rb"[a-z]"), re.compile(rb"[A-Z]"), re.compile(rb"[0-9]"))


def hidden(data: bytes, *, names: bool) -> list[Span]:
    """Return what is to be shown as ``****`` in *data*, unsorted; spans may overlap.

    *names*: whether the name before a value makes it a secret.
    """
    spans = [*find_keys(data), *_pem(data)]
    spans += find_passwords(data)
    spans += find_app_keys(data)
    spans += (match.span() for match in _SHAPES.finditer(data))
    if names:
        spans += _named(data)
        spans += _random(data)
    return spans


def _pem(data: bytes) -> Iterator[Span]:
    """Yield the bodies of private keys, also of damaged ones."""
    for match in re.finditer(
        rb"-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE KEY|SECRET)[A-Z ]{0,20}-----(.*?)(?:-----END|\Z)",
        data,
        re.DOTALL,
    ):
        yield match.span(1)


def _named(data: bytes) -> Iterator[Span]:
    for pattern in (_ASSIGNED, _STATED):
        for match in pattern.finditer(data):
            value = match[1].strip()
            if _CONTINUED.fullmatch(value):
                yield from _following(data, match.end(1))
            if not _HARMLESS.fullmatch(value):
                yield match.span(1)


def _following(data: bytes, end: int) -> Iterator[Span]:
    """Yield the value that begins on the line after *end*: lines that are indented deeper."""
    start = data.rfind(b"\n", 0, end) + 1
    depth = _depth(data[start:end])
    position = data.find(b"\n", end) + 1
    for _ in range(64):
        if not position or position >= len(data):
            return
        stop = data.find(b"\n", position)
        line = data[position : stop if stop >= 0 else len(data)]
        if not line.strip() or _depth(line) <= depth:
            return
        yield position + _depth(line), position + len(line)
        position = stop + 1


def _depth(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" \t"))


def _random(data: bytes) -> Iterator[Span]:
    """Yield long runs that look drawn by lot: all kinds of characters, and no words."""
    for match in _RUN.finditer(data):
        run = match.group()
        if not all(kind.search(run) for kind in _KINDS):
            continue
        # Paths and host names have dots and slashes between words.
        longest = max(len(part) for part in re.split(rb"[/._-]", run))
        if longest >= 16 or (len(run) >= 40 and longest >= 12):
            yield match.span()
