"""Logins over HTTP: the Authorization field (RFC 7617, RFC 7616), forms, and how they went.

What a form means is a guess from the names of its fields; they are those of common software, in
English and Indonesian.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from collectors.network.protocols.claims import Claim, base64_bytes
from collectors.network.protocols.sasl import ntlm_user

MOST_FORM = 8192
_MOST_FIELDS = 64
_LONGEST = 256

_SECRET = re.compile(r"passw|passphrase|pwd|sandi|^psw$|^pass$|^pw$|^passwd$|[a-z]pass$|_pass\b")
_NO_SECRET = re.compile(r"passport|passage|passenger|token|hint|remember|show|lost|forgot|expir")
_USERS = (
    "username", "user", "login", "email", "user_login", "userid", "user_id", "uname", "usr",
    "log", "account", "nip", "nik", "namauser", "nama_pengguna", "pengguna", "identity", "name",
)  # fmt: skip
_USER = re.compile(r"user|login|mail|account|pengguna")
_DIGEST_USER = re.compile(r'username\*?="?((?:[^"\\]|\\.)*)', re.IGNORECASE)
_AGAIN = re.compile(rb"type\s*=\s*[\"']?password", re.IGNORECASE)
_GOOD = re.compile(
    rb'"(?:access_?token|token|jwt|id_token|session_?id)"\s*:\s*"[^"]'
    rb'|"(?:success|ok|authenticated|logged_?in)"\s*:\s*(?:true|1)\b'
    rb'|"status"\s*:\s*(?:"(?:ok|success)"|true)',
    re.IGNORECASE,
)
_BAD = re.compile(
    rb'"(?:success|ok|authenticated|logged_?in|status)"\s*:\s*(?:false|0\b|"(?:error|fail))'
    rb'|"(?:error|errors)"\s*:\s*(?:"[^"]|\{|\[\s*[{"]|true)|invalid (?:user|login|pass|cred)'
    rb"|login failed|gagal (?:login|masuk)|salah",
    re.IGNORECASE,
)
_BACK = re.compile(r"log_?in|sign_?in|masuk|err|fail|gagal|invalid|denied", re.IGNORECASE)


def authorization(value: bytes) -> Claim | None:
    """Read an Authorization field; None where it is empty. Other schemes have no user here."""
    scheme, _, rest = value.strip().partition(b" ")
    if not scheme:
        return None
    name = scheme[:32].decode("ascii", "replace").lower()
    if name == "basic":
        pair = base64_bytes(rest)
        user, colon, secret = pair.partition(b":")
        if colon:
            return Claim(name, _text(user), secret[:_LONGEST], cleartext=True)
    if name == "digest":
        found = _DIGEST_USER.search(rest[:4096].decode("utf-8", "replace"))
        return Claim(name, found[1][:_LONGEST] if found else "", b"", cleartext=False)
    if name in {"ntlm", "negotiate"}:
        return Claim(name, ntlm_user(base64_bytes(rest)), b"", cleartext=False)
    return Claim(name, "", b"", cleartext=False)


def form(data: bytes, content_type: str) -> Claim | None:
    """Find user and password in a body: a form or a JSON object."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json"):
        return _claim("form", _json_fields(data))
    if kind in {"", "application/x-www-form-urlencoded"}:
        return _claim("form", _fields(data))
    return None


def query(target: str) -> Claim | None:
    """Find user and password in the query of a target."""
    _, mark, rest = target.partition("?")
    if not mark or not _SECRET.search(rest.lower()):
        return None
    return _claim("query", _fields(rest.encode("utf-8", "replace")))


def outcome(method: str, status: int, location: str, body: bytes | None) -> str:
    """Tell how a login went: ``success``, ``failure``, or empty where nobody can tell.

    *body* is the beginning of the response, None before it is known: the answer may then be empty
    where it is not with the body.
    """
    if status in {401, 407}:
        return "failure"
    if method in {"basic", "digest", "ntlm", "negotiate"}:
        return "success" if 200 <= status < 400 or status == 404 else ""
    if status in {400, 403, 422, 429}:
        return "failure"
    if status in {302, 303, 307, 301}:
        return "failure" if _BACK.search(location) else "success"
    if not 200 <= status < 300 or body is None:
        return ""
    if _AGAIN.search(body) or _BAD.search(body):
        return "failure"
    return "success" if _GOOD.search(body) else ""


def _fields(data: bytes) -> Iterable[tuple[str, str]]:
    try:
        return parse_qsl(data[:MOST_FORM].decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:  # too many fields: no login
        return ()


def _json_fields(data: bytes) -> Iterable[tuple[str, str]]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return ()
    found = value.items() if isinstance(value, dict) else ()
    return [(name, text) for name, text in found if isinstance(text, str)][:_MOST_FIELDS]


def _claim(method: str, fields: Iterable[tuple[str, str]]) -> Claim | None:
    named = [(name.lower(), value) for name, value in fields]
    secret = next(
        (value for name, value in named if value and _is_secret(name)),
        None,
    )
    if secret is None:
        return None
    known = dict(reversed(named))
    user = next((known[name] for name in _USERS if known.get(name)), None)
    if user is None:
        user = next(
            (value for name, value in named if _USER.search(name) and not _is_secret(name)), ""
        )
    raw = secret.encode("utf-8", "replace")
    name = user[:_LONGEST].encode("utf-8", "replace")  # JSON may hold halves of characters
    return Claim(method, name.decode(), raw[:_LONGEST], cleartext=True)


def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(name)) and not _NO_SECRET.search(name)


def _text(raw: bytes) -> str:
    return raw[:_LONGEST].decode("utf-8", "replace")
