"""The wall: the only way from matched bytes to text that may leave the process.

A masked form shows at most the first four and last two characters and never more than two fifths
of a value. A token is HMAC-SHA256 under the fleet key of the epoch, truncated to 128 bits: equal
values meet across hosts, and without the key a NIK (about 5e9 candidates) cannot be guessed back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

from collectors.kinds import Scrubbed
from signatures.identifiers.hiding import hide

SKETCH_SIZE = 64
_LONGEST_MASK = 24

# C0 and C1 controls, line and paragraph separators, zero-width and bidirectional formatting
# (Unicode TR36; "Trojan Source", CVE-2021-42574), tag characters, lone surrogates, backslash.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\\\\\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef\ud800-\udfff]"
)


def mask(value: str) -> str:
    """Return *value* with its middle hidden; values over 24 characters lose their length too."""
    allowed = min(6, len(value) * 2 // 5)
    head = -(-allowed * 2 // 3)
    tail = allowed - head
    hidden = min(len(value), _LONGEST_MASK) - allowed
    return value[:head] + "*" * hidden + (value[-tail:] if tail else "")


def escape(text: str) -> str:
    """Make *text* safe to show on a terminal, in a log, a chat or a page.

    Control, bidirectional and invisible characters and bytes that were not UTF-8 become
    backslash escapes; a backslash is doubled, so that the result is unambiguous.
    """
    return _UNSAFE.sub(_escape_one, text)


def visible(text: str) -> str:
    """As `escape`, for text that may be escaped already: backslashes and tabs stay."""
    return _UNSAFE.sub(
        lambda match: match.group() if match.group() in "\\\t" else _escape_one(match), text
    )


def _escape_one(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    if char == "\\":
        return "\\\\"
    if char in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char]
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte itself
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def mask_found(data: bytes) -> bytes:
    """Return *data* with every identifier in it masked; the same object when there is none."""
    spans = hide(data)
    if not spans:
        return data
    parts: list[bytes] = []
    position = 0
    for start, end in spans:
        parts += (data[position:start], _mask_bytes(data[start:end]))
        position = end
    parts.append(data[position:])
    return b"".join(parts)


def _mask_bytes(raw: bytes) -> bytes:
    # As text: a character of several bytes must not be shown in part.
    return mask(raw.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def mask_text(text: str) -> str:
    """Return *text* with every identifier masked and nothing else changed."""
    # What came through surrogateescape becomes the bytes it was; other surrogates are no bytes.
    for errors in ("surrogateescape", "surrogatepass"):
        try:
            data = text.encode("utf-8", errors)
        except UnicodeEncodeError:
            continue
        masked = mask_found(data)
        return text if masked is data else masked.decode("utf-8", "surrogateescape")
    raise AssertionError("surrogatepass takes everything")


def scrub(text: str) -> Scrubbed:
    """Return *text* with identifiers masked and unsafe characters escaped.

    For text that we report although we did not make it: messages, names, command lines, URLs.
    Cut it afterwards, never before: half an identifier is not seen.
    """
    return Scrubbed(escape(mask_text(text)))


def excerpt(text: str, length: int) -> Scrubbed:
    """Return the first *length* characters of *text*, scrubbed; bounded work for any text."""
    # A value that the end would cut in two is masked first; 600 more characters show it whole.
    return Scrubbed(escape(mask_text(text[: length + 600])[:length]))


def is_scrubbed(text: str) -> bool:
    """Tell whether nothing in *text* would be masked."""
    return mask_text(text) == text


class Redactor:
    """Masks and tokens for matched values. Lives in the bounded child that matched them."""

    def __init__(self, key: bytes, epoch: int) -> None:
        """*key* is the fleet key of *epoch*.

        Raises:
            ValueError: the key is shorter than 32 bytes.
        """
        if len(key) < 32:
            raise ValueError("the fleet key must have 32 bytes or more")
        self._key = key
        self.epoch = epoch

    def mask(self, value: str) -> str:
        """Return the masked and escaped form of *value*."""
        return escape(mask(value))

    def token(self, type_: str, normalised: str) -> str:
        """Return the token of one value: 32 hexadecimal digits."""
        message = type_.encode() + b"\0" + normalised.encode("utf-8", "surrogateescape")
        return hmac.digest(self._key, message, hashlib.sha256)[:16].hex()

    def sketch(
        self, type_: str, normalised: Iterable[str], size: int = SKETCH_SIZE
    ) -> tuple[str, ...]:
        """Return the *size* smallest tokens of the distinct values, in order (bottom-k sketch)."""
        return tuple(sorted({self.token(type_, value) for value in normalised})[:size])
