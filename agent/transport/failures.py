"""What went wrong on the way to the collector, in one line that says what to do. Pure."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

# Numbers of X509_V_ERR_*: openssl-verification-options(1).
_NOT_YET_VALID, _EXPIRED, _HOSTNAME, _IP_ADDRESS = 9, 10, 62, 64

_RE_ENROL = "re-enrol with 'ronda-agent enroll STRING'"


class Problem(NamedTuple):
    """One failure, explained."""

    text: str
    unreachable: bool = True
    """True when there may be nothing wrong but the line."""
    auth: bool = False
    """True when only a new enrolment helps."""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and all that it wraps; urllib3 keeps causes in ``args`` and ``reason``."""
    queue: list[object] = [error]
    seen: set[int] = set()
    while queue and len(seen) < 32:
        item = queue.pop(0)
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        queue += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]


def explain(error: BaseException, url: str) -> Problem:
    """Return what *error*, raised while talking to *url*, means for the operator."""
    parts = urlsplit(url)
    where = parts.netloc
    for item in _chain(error):
        if isinstance(item, ssl.SSLCertVerificationError):
            return _explain_certificate(item, where, parts.hostname or where)
        if isinstance(item, ssl.SSLError):
            return _explain_tls(item, where)
        if isinstance(item, socket.gaierror):
            return Problem(f"the name {parts.hostname} cannot be resolved: check DNS or /etc/hosts")
        if isinstance(item, TimeoutError) or "Timeout" in type(item).__name__:
            return Problem(f"collector {where} does not answer: check network and firewall")
        if isinstance(item, OSError) and item.errno is not None:
            return _explain_socket(item, where)
    return Problem(f"connection to collector {where} broke: {type(error).__name__}")


def _explain_certificate(error: ssl.SSLCertVerificationError, where: str, name: str) -> Problem:
    if error.verify_code == _EXPIRED:
        text = (
            f"the certificate of collector {where} has expired: renew it there,"
            " or correct the clock of this host"
        )
    elif error.verify_code == _NOT_YET_VALID:
        text = f"the certificate of collector {where} is not valid yet: correct this host's clock"
    elif error.verify_code in (_HOSTNAME, _IP_ADDRESS):
        text = (
            f"the certificate of collector {where} does not name {name}:"
            " add it to 'names' in server.toml and restart ronda-server"
        )
    else:
        text = (
            f"{where} shows a certificate of another authority: wrong address, intercepted TLS,"
            f" or a collector that was set up anew (then {_RE_ENROL})"
        )
    return Problem(text, unreachable=False)


_CLIENT_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_REVOKED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "DECRYPT_ERROR",
    "ACCESS_DENIED",
)


def _explain_tls(error: ssl.SSLError, where: str) -> Problem:
    reason = (error.reason or str(error)).upper().replace(" ", "_")
    if "ALERT" in reason and any(alert in reason for alert in _CLIENT_ALERTS):
        text = f"collector {where} does not accept this agent's certificate: {_RE_ENROL}"
        return Problem(text, unreachable=False, auth=True)
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER" in reason:
        text = f"{where} does not speak TLS: check the address"
    elif "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        text = f"{where} does not speak TLS 1.3: check what stands between agent and collector"
    elif "EOF" in reason:
        text = f"{where} closed the connection during TLS: check what stands between"
        return Problem(f"{text}; if it goes on, {_RE_ENROL}")
    else:
        text = f"TLS with {where} failed ({reason.lower()})"
    return Problem(text, unreachable=False)


def _explain_socket(error: OSError, where: str) -> Problem:
    if error.errno == errno.ECONNREFUSED:
        return Problem(f"collector {where} refuses connections: is ronda-server running there?")
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return Problem(f"no route to collector {where}: check the network")
    if error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
        return Problem(f"collector {where} dropped the connection")
    return Problem(f"cannot reach collector {where}: {error.strerror}")
