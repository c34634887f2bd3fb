"""What must not happen: a form that is no login taken for one, or an outcome made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.protocols.claims import Claim
from collectors.network.protocols.http_login import (
    authorization,
    form,
    outcome,
    query,
)

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"name=budi&comment=password", FORM),
        (b"passport=A123&passengers=2", FORM),
        (b"csrf_password_token=abc&user=x", FORM),
        (b"password=&user=x", FORM),
        (b"password=x", "text/plain"),
        (b'{"note": "password"}', "application/json"),
        (b'["password", "x"]', "application/json"),
        (b'{"password": 5}', "application/json"),
        (b"[" * 8000, "application/json"),
        (b"&".join(b"a=1" for _ in range(100)) + b"&password=x", FORM),
    ],
)
def test_no_login(body: bytes, kind: str) -> None:
    assert form(body, kind) is None


@pytest.mark.parametrize(
    ("body", "kind", "user", "secret"),
    [
        (b"log=admin&pwd=a+b%21", FORM, "admin", b"a b!"),
        (b"user%5Bemail%5D=a%40b.id&user%5Bpassword%5D=x", FORM, "a@b.id", b"x"),
        (b"nip=1987&kata_sandi=rahasia", FORM + "; charset=utf-8", "1987", b"rahasia"),
        (b"token=1&email=a&username=b&passwd=c", FORM, "b", b"c"),
        (b"password=alone", FORM, "", b"alone"),
        (b'{"username": "a", "password": "b"}', "application/json", "a", b"b"),
        (b'{"login": "a\\ud800", "pass": "\\udfff"}', "application/json", "a?", b"?"),
        (b'{"login": "a", "pass": "b"}', "application/vnd.api+json", "a", b"b"),
    ],
)
def test_a_login(body: bytes, kind: str, user: str, secret: bytes) -> None:
    assert form(body, kind) == Claim("form", user, secret, cleartext=True)


def test_a_query() -> None:
    assert query("/cgi?user=a&pwd=b") == Claim("query", "a", b"b", cleartext=True)
    assert query("/find?q=passwords") is None
    assert query("/password=x") is None


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"", None),
        (b"Basic YTpiOmM=", Claim("basic", "a", b"b:c", cleartext=True)),
        (b"basic YTpi", Claim("basic", "a", b"b", cleartext=True)),
        (b"Basic !!", Claim("basic", "", b"", cleartext=False)),
        (b"Bearer abc.def", Claim("bearer", "", b"", cleartext=False)),
        (b'Digest username="a b", realm="x"', Claim("digest", "a b", b"", cleartext=False)),
    ],
)
def test_the_field(field: bytes, expected: Claim | None) -> None:
    assert authorization(field) == expected


@pytest.mark.parametrize(
    ("status", "location", "body", "expected"),
    [
        (200, "", None, ""),
        (200, "", b"<h1>Selamat datang</h1>", ""),
        (200, "", b'{"token": "abc"}', "success"),
        (200, "", b'{"success": false}', "failure"),
        (200, "", b'{"error": null, "status": "ok"}', "success"),
        (200, "", b"<input type='password'>", "failure"),
        (302, "/dasbor", None, "success"),
        (303, "/masuk?gagal", None, "failure"),
        (401, "", None, "failure"),
        (500, "", b"", ""),
        (0, "", b"", ""),
    ],
)
def test_how_it_went(status: int, location: str, body: bytes | None, expected: str) -> None:
    assert outcome("form", status, location, body) == expected


@given(st.binary(max_size=200), st.sampled_from([FORM, "application/json", ""]))
def test_anything(data: bytes, kind: str) -> None:
    form(data, kind)
    authorization(data)
    query(data.decode("latin-1"))
    outcome("form", 200, "", data)
