"""Where text has to be masked: every identifier, however it is written.

Wider than `signatures.identifiers.find`, which counts and so must be sure: here a number may be
glued to others (``<NIK><time>.jpg``), grouped anyhow, percent-encoded, escaped, in base64, in
digits of other scripts. What is masked in vain costs little; what is not masked is out.

A number that only its name makes one (a pupil's, a telephone, an account, a passport) is masked
where the name stands before it, as in ``nisn=0051234567`` or ``hp_081234567890.jpg``, and nowhere
else: masking every ten digits would hide times, sizes and offsets, and with them the log.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Iterator

from signatures.identifiers import NAMED, find, nik, nip, npwp, private_key
from signatures.identifiers.dsn import GATE
from signatures.identifiers.finders import FINDERS

Span = tuple[int, int]

_FEWEST_DIGITS = 15
_NOT_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte <= 57)
_RUN = re.compile(rb"[0-9]+")
_SEQUENCE = re.compile(rb"[0-9]+(?:[ ._-]{1,3}[0-9]+)*")
_LONGEST_RUN = 256
"""Digits in one run that are looked at one by one (a name has 255); longer runs go whole."""
_GROUPED_NPWP = (2, 3, 3, 1, 3, 3)

# Unlike the finder's, the password may hold what belongs percent-encoded; a port is none.
_CREDENTIALS = re.compile(
    rb"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@'\"<>?]{0,64}:"
    rb"(?![0-9]{1,5}(?:[^0-9A-Za-z@]|\Z))[^\s@][^\s]{0,255}@[A-Za-z0-9\[][^\s'\"<>,;)\\]{0,253}"
)
_FEWEST_NAMED = 7
_TOKENS = frozenset(finder.identifier.name for finder in FINDERS if finder.gates)
# In small letters: a search without regard to case takes five times as long.
_NAMED = re.compile(
    rb"(?<![a-z])(?:"
    + b"|".join(
        key.encode().replace(b"_", b"[ ._-]?")
        for key in sorted({key for kind in NAMED for key in kind.keys}, key=len, reverse=True)
    )
    + rb")(?:[ ._-](?:siswa|peserta|pegawai|ibu|ayah|anak|baru|lama))?[^0-9a-z]{1,12}"
    rb"((?:[0-9](?:[ ._-]?[0-9]){8,19}|[a-z]{1,2}[0-9]{6,7})(?![0-9]))"
)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|\\x([0-9A-Fa-f]{2})|\\u00([0-9A-Fa-f]{2})")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{20,}|[A-Za-z0-9_-]{20,}")
_ORDINARY = bytes(byte for byte in range(32, 127) if not 48 <= byte <= 57 and byte not in b"%\\")
"""Of a text of these and fewer than `_FEWEST_NAMED` digits, only a word can be telling."""
_WORDS = re.compile(
    b"|".join(
        [
            *(re.escape(gate) for finder in FINDERS for gate in finder.gates),
            *(re.escape(gate) for gate in (GATE, private_key.GATE)),
        ]
    )
)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def hide(data: bytes) -> list[Span]:
    """Return what has to be masked in *data*, in order and apart from each other."""
    if len(data) < _FEWEST_DIGITS:
        return []
    digits = data.translate(None, _ORDINARY)
    few = len(digits) < _FEWEST_NAMED and (not digits or digits.isdigit())
    if few and not _WORDS.search(data):
        # Nearly every name ends here: what follows would find no more.
        return _merged([*_encoded(data)])
    spans = _plain(data)
    if b"%" in data or b"\\" in data:
        spans += _escaped(data)
    if not data.isascii() or data.translate(None, b"\0\t\n\v\f\r\x1b\x7f") != data:
        spans += _other_scripts(data)
    spans += _encoded(data)
    return _merged(spans)


def _plain(data: bytes, *, tokens: bool = True) -> list[Span]:
    """Return what stands in *data* as it is; without *tokens*, numbers and URLs alone."""
    spans = [(hit.start, hit.end) for hit in find(data) if tokens or hit.type not in _TOKENS]
    digits = len(data.translate(None, _NOT_DIGITS))
    if digits >= _FEWEST_DIGITS:
        for match in _SEQUENCE.finditer(data):
            spans += _numbers(match.group(), match.start())
    if digits >= _FEWEST_NAMED:
        spans += [match.span(1) for match in _NAMED.finditer(data.lower())]
    if GATE in data:
        spans += [match.span() for match in _CREDENTIALS.finditer(data)]
    return spans


def _numbers(sequence: bytes, offset: int) -> Iterator[Span]:
    """Yield the numbers that any neighbouring groups of *sequence* make, and parts of long ones."""
    groups = [(run.start(), run.end()) for run in _RUN.finditer(sequence)]
    for first, (start, end) in enumerate(groups):
        if end - start > _LONGEST_RUN:
            yield offset + start, offset + end
            continue
        for at in range(start, end - 15):
            for size in (16, 18):
                if at + size <= end and _is_number(sequence[at : at + size]):
                    yield offset + at, offset + at + size
        digits = b""
        for number, (begin, stop) in enumerate(groups[first : first + 18], 1):
            digits += sequence[begin:stop]
            if len(digits) > 18:
                break
            lengths = (last - before for before, last in groups[first : first + number])
            if _is_number(digits) or (
                number == 6 and tuple(lengths) == _GROUPED_NPWP and npwp.validate(digits.decode())
            ):
                yield offset + start, offset + stop


def _is_number(digits: bytes) -> bool:
    if len(digits) == 16:
        return nik.validate(digits.decode("ascii"))
    return len(digits) == 18 and nip.validate(digits.decode("ascii"))


def _escaped(data: bytes) -> list[Span]:
    """Look behind ``%20``, ``\\x20`` and ``\\u0020``."""
    plain = bytearray()
    places: list[int] = []
    position = 0
    for match in _ESCAPE.finditer(data):
        plain += data[position : match.start()]
        places += range(position, match.start())
        plain.append(int(match.group(match.lastindex or 0), 16))
        places.append(match.start())
        position = match.end()
    plain += data[position:]
    places += range(position, len(data) + 1)
    return [(places[start], places[end]) for start, end in _plain(bytes(plain))]


def _other_scripts(data: bytes) -> list[Span]:
    """Look at digits of any script, and over dashes, spaces and characters that do not show."""
    plain = bytearray()
    places: list[int] = []
    position = 0
    for char in data.decode("utf-8", "surrogateescape"):
        plain.append(_simple(char))
        places.append(position)
        position += len(char.encode("utf-8", "surrogateescape"))
    places.append(position)
    # Line ends are dashes here: a password would go on over them.
    return [(places[start], places[end]) for start, end in _plain(bytes(plain), tokens=False)]


def _simple(char: str) -> int:
    code = ord(char)
    if 32 <= code < 127:
        return code
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return 48 + int(digit)
    # Controls, formats, marks, separators and dashes may stand between digits; others end them.
    category = unicodedata.category(char)
    return 45 if category[0] in "MZ" or category in ("Cc", "Cf", "Pd") else 63


def _encoded(data: bytes) -> Iterator[Span]:
    for match in _BASE64.finditer(data):
        # Names join words by "_", which base64 for URLs uses, too: both readings are tried.
        for start, token in ((match.start(), match.group()), *_words(match)):
            whole = token.translate(_URL_SAFE)[: len(token) - (len(token) % 4 == 1)]
            try:
                plain = binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))
            except binascii.Error:
                continue
            if len(plain) >= _FEWEST_DIGITS and _promising(plain) and _plain(plain):
                yield start, start + len(token)


def _promising(data: bytes) -> bool:
    """Tell whether `_plain` may find something; False is certain."""
    return len(data.translate(None, _NOT_DIGITS)) >= _FEWEST_NAMED or bool(_WORDS.search(data))


def _words(match: re.Match[bytes]) -> Iterator[tuple[int, bytes]]:
    start = match.start()
    for word in match.group().replace(b"-", b"_").split(b"_"):
        if 20 <= len(word) < len(match.group()):
            yield start, word
        start += len(word) + 1


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged
