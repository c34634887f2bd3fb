"""LDAP, RFC 4511: binds and their results; StartTLS (4.14) hands on."""

from __future__ import annotations

from typing import NamedTuple

from collectors.network.model import Conn, Login
from collectors.network.protocols.cutting import Frames
from collectors.network.protocols.sasl import Sasl, ntlm_user
from collectors.network.protocols.talk import ALONE, Around, CutTalk, text

_BIND, _BIND_RESULT, _EXTENDED, _EXTENDED_RESULT = 0x60, 0x61, 0x77, 0x78
_SIMPLE, _SASL = 0x80, 0xA3
_SICILY = 0x8B
"""The last step of NTLM as Active Directory has it, MS-ADTS 5.1.1.1.3."""
_START_TLS = b"1.3.6.1.4.1.1466.20037"
_LONGEST = 16 << 20
_GOES_ON = 14
"""saslBindInProgress"""


def _measure(head: bytes) -> int:
    if head[0] != 0x30:
        return -1
    if len(head) < 2:
        return 0
    if head[1] < 0x80:
        return 2 + head[1]
    width = head[1] & 0x7F
    if not 1 <= width <= 4:
        return -1
    if len(head) < 2 + width:
        return 0
    size = int.from_bytes(head[2 : 2 + width], "big")
    return 2 + width + size if size <= _LONGEST else -1


class _Element(NamedTuple):
    tag: int
    value: bytes
    rest: bytes


def _element(data: bytes) -> _Element | None:
    """Return the first element of BER in *data*, as far as it is there."""
    if len(data) < 2:
        return None
    size, start = data[1], 2
    if size & 0x80:
        width = size & 0x7F
        if not 1 <= width <= 4 or len(data) < 2 + width:
            return None
        size, start = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    return _Element(data[0], data[start : start + size], data[start + size :])


class LdapTalk(CutTalk):
    """One connection."""

    protocol = "ldap"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around, Frames(_measure), Frames(_measure))
        self._sasl: Sasl | None = None
        self._bind = b""
        self._asked = b""

    def _command(self, frame: bytes, at: int) -> None:
        number, operation = _message(frame)
        if operation is None:
            return
        if operation.tag == _BIND:
            self._bind_request(number, operation.value, at)
        elif operation.tag == _EXTENDED:
            name = _element(operation.value)
            if name is not None and name.tag == 0x80 and name.value == _START_TLS:
                self._asked = number
                self._wait()

    def _bind_request(self, number: bytes, value: bytes, at: int) -> None:
        version = _element(value)
        name = _element(version.rest) if version else None
        proof = _element(name.rest) if name else None
        if name is None or proof is None:
            return
        self._bind = number
        user = text(name.value)
        if proof.tag == _SIMPLE:
            self._sasl = None
            secret = proof.value[:256]
            method = "simple" if user or secret else "anonymous"
            self._tried(self._made(at, user, secret, method, bool(secret)))
        elif proof.tag == _SICILY:
            self._sasl = None
            self._tried(self._made(at, ntlm_user(proof.value) or user, b"", "ntlm", False))
        elif proof.tag == _SASL:
            self._sasl_bind(proof.value, user, at)

    def _sasl_bind(self, value: bytes, user: str, at: int) -> None:
        mechanism = _element(value)
        if mechanism is None:
            return
        name = text(mechanism.value, 32).upper()
        if self._sasl is None or self._sasl.mechanism != name:
            self._settle("")
            self._sasl = Sasl(name)
        answer = _element(mechanism.rest)
        if answer is not None:
            self._sasl.step(answer.value)
        claim = self._sasl.claim()
        made = self._made(at, claim.user or user, claim.secret, claim.method, claim.cleartext)
        self._login = made

    def _made(self, at: int, user: str, secret: bytes, method: str, clear: bool) -> Login:
        return Login(
            conn=self.conn,
            at=at,
            protocol="ldap",
            user=user,
            secret=secret,
            cleartext=clear,
            method=method,
        )

    def _reply(self, frame: bytes, at: int) -> None:
        number, operation = _message(frame)
        if operation is None:
            return
        code = _element(operation.value)
        result = code.value[-1] if code is not None and code.value else -1
        if self._asked and operation.tag == _EXTENDED_RESULT and number == self._asked:
            self._asked = b""
            if result == 0:
                self._go_over("tls")
            else:
                self._go_on(at)
        elif operation.tag == _BIND_RESULT and number == self._bind and result != _GOES_ON:
            ciphered = result == 0 and self._sasl is not None
            self._sasl = None
            self._settle("failure" if result else "success")
            if ciphered:  # what follows may be sealed; without it there is little more to see
                self.over = True

    def _give_up_waiting(self, at: int) -> None:  # noqa: ARG002
        self._go_over("tls")


def _message(frame: bytes) -> tuple[bytes, _Element | None]:
    """Return the number and the operation of an LDAPMessage."""
    whole = _element(frame)
    number = _element(whole.value) if whole else None
    if number is None or number.tag != 2:
        return b"", None
    return number.value, _element(number.rest)
