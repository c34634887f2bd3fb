"""Who logs in, from the client's side of SASL (RFC 4422) and of NTLM, where it can be read."""

from __future__ import annotations

import codecs
import re

from collectors.network.protocols.claims import Claim, base64_bytes

_LONGEST = 256
_MOST_STEPS = 4
_DIGEST_USER = re.compile(rb'username="((?:[^"\\]|\\.)*)')
_SCRAM_USER = re.compile(rb"^[nyp](?:=[^,]*)?,[^,]*,n=([^,]*),")
_TOKEN_USER = re.compile(rb"(?:^|\x01|,)(?:user|a)=([^\x01,]*)")


class Sasl:
    """One exchange: a mechanism, and what the client answered."""

    def __init__(self, mechanism: str) -> None:
        self.mechanism = mechanism.upper()[:32]
        self._steps: list[bytes] = []

    def coded(self, line: bytes) -> None:
        """Take an answer in base64; a lone ``=`` is an empty one, RFC 4954 4."""
        self.step(b"" if line.strip() == b"=" else base64_bytes(line))

    def step(self, answer: bytes) -> None:
        """Take an answer."""
        if len(self._steps) < _MOST_STEPS:
            self._steps.append(answer)

    def claim(self) -> Claim:
        """Return what is known now."""
        method = self.mechanism.lower()
        steps = [*self._steps, b"", b""]
        if self.mechanism == "PLAIN":
            identity, _, rest = steps[0].partition(b"\0")
            user, _, secret = rest.partition(b"\0")
            return _clear(method, user or identity, secret)
        if self.mechanism == "LOGIN":
            return _clear(method, steps[0], steps[1])
        return Claim(method, _text(self._user(steps)), b"", cleartext=False)

    def _user(self, steps: list[bytes]) -> bytes:
        if self.mechanism == "CRAM-MD5":
            return steps[0].rpartition(b" ")[0]
        for pattern in _PATTERNS.get(self.mechanism.partition("-")[0], ()):
            for step in steps:
                found = pattern.search(step)
                if found:
                    return found[1]
        for step in steps:
            user = ntlm_user(step)
            if user:
                return user.encode()
        return b""


_PATTERNS = {
    "DIGEST": (_DIGEST_USER,),
    "SCRAM": (_SCRAM_USER,),
    "XOAUTH2": (_TOKEN_USER,),
    "OAUTHBEARER": (_TOKEN_USER,),
}


def ntlm_user(data: bytes) -> str:
    """Return the name, without its domain, of an AUTHENTICATE message in *data*.

    MS-NLMP 2.2.1.3.
    """
    begin = data.find(b"NTLMSSP\0\3\0\0\0")
    message = data[begin:] if begin >= 0 else b""
    if len(message) < 64:
        return ""
    size = int.from_bytes(message[36:38], "little")
    start = int.from_bytes(message[40:44], "little")
    raw = message[start : start + min(size, _LONGEST * 2)]
    return (wide(raw) if message[60] & 1 else raw.decode("latin-1"))[:_LONGEST]


def wide(raw: bytes) -> str:
    """Return text in UTF-16. A codec by its name would be loaded late, and no file opens then."""
    return codecs.utf_16_le_decode(raw, "replace", True)[0]


def _clear(method: str, user: bytes, secret: bytes) -> Claim:
    return Claim(method, _text(user), secret[:_LONGEST], cleartext=bool(secret))


def _text(raw: bytes) -> str:
    return raw[: _LONGEST * 4].decode("utf-8", "replace")[:_LONGEST]
