"""Credentials and markings: what is none of them first, then each kind and its mutations."""

from __future__ import annotations

import base64
import json
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.identifiers import find
from signatures.identifiers.finders import FINDERS

ALNUM = string.ascii_letters + string.digits
PLAIN = "aB3dE5gH7jK9mN2pQ4sT6vW8yZ1cF0hJ5kL7nR9tU3wX2bD4gM6qS8vY1zC"
"""Varied text, so that no sample's word stands in it."""


def seen(data: str | bytes) -> dict[str, list[str]]:
    """Return type to the normalised valid values."""
    raw = data.encode() if isinstance(data, str) else data
    found: dict[str, list[str]] = {}
    for finder in FINDERS:
        identifier = finder.identifier
        for start, end in finder.find(raw):
            value = identifier.normalise(raw[start:end].decode("utf-8", "surrogateescape"))
            if identifier.validate(value) and finder.telling(value):
                found.setdefault(identifier.name, []).append(value)
    return found


def jwt(head: object, claims: object, signature: str = PLAIN[:43]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in (head, claims)
    ]
    return ".".join([*parts, signature])


def github(body: str) -> str:
    rest, check = zlib.crc32(body.encode()), ""
    letters = string.digits + string.ascii_uppercase + string.ascii_lowercase
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        check = letters[digit] + check
    return f"ghp_{body}{check}"


HS = {"alg": "HS256", "typ": "JWT"}


@pytest.mark.parametrize(
    "data",
    [
        "",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "XAKIA" + "QZ7B2C3D4E5F6G7H",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
        "aws_secret_access_key = ${SECRET}",
        "AIza" + "x" * 35,
        '"private_key_id": ""',
        (
            "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KB"
            "HBeksoGMGw=="
        ),
        jwt({"alg": "none"}, {"sub": "42"}),
        jwt(HS, {"sub": "1234567890", "name": "John Doe"}),
        jwt(HS, {"some": "payload"}),
        "AIzaSyDdI0hCZtE6vySjMm-WEfRq3CPzqKqqsHI",
        jwt([], {"sub": "42"}),
        "eyJhbGciOiJIUzI1NiJ9.eyJhbGciOiJIUzI1NiJ9." + "?" * 30,
        "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11",
        "00:AA:00:62:C6:09",
        "Mid-server-" + "x" * 24,
        "xnd_development_your_key_here",
        f"SK-{PLAIN[:20]} of something else",
        f"ghp_{'x' * 36}",
        f"ghp_{PLAIN[:36]}",
        "machine example.org login user",
        "root:*:19000:0:99999:7:::",
        "root:x:0:0:root:/root:/bin/bash",
        "x = '$2y$10$' . $salt",
        "JWT_SECRET=",
        "JWT_SECRET=your-secret-key-goes-here-123",
        "API_KEY=/usr/share/keys/of/the/server/1",
        "SECRET_KEY = get_random_secret_key_from_settings()",
        "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 1\n...\n",
        "$this->form->password = ['password' => 'required|min:6'];",
        "'hostname' => 'localhost', 'password' => ''",
        "'hostname' => 'FTP_HOST', 'password' => 'FTP_PASS'",
        b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5",
        b"x\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5" + bytes(200),
        "Dokumen ini RAHASIA\n\nNomor: 1\nPerihal: x\n",
        "BAB IV\nRAHASIA\nPasal 1\n",
        "rahasia\n\nNomor: 1\nPerihal: x\n",
        "RAHASIA DAPUR\n\nNomor: 1\nPerihal: x\n",
        "Nomor: 1\nPerihal: x\n" + "isi surat ini biasa saja\n" * 200 + "RAHASIA\n",
        "nik,no_kk,nama,alamat",
        "NIK_IBU;" + "x" * 3000 + ";NIK_AYAH;NAMA_LGKP;TGL_LHR",
    ],
)
def test_nothing(data: str | bytes) -> None:
    assert seen(data) == {}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("aws_access_key_id = AKIA" + "QZ7B2C3D4E5F6G7H", "aws_key"),
        (f"AWS_SECRET_ACCESS_KEY={PLAIN[:40]}", "aws_key"),
        (f"key: 'AIza{PLAIN[:35]}'", "gcp_key"),
        (f'"private_key_id": "{"0a1b2c3d4e5f60718293" * 2}"', "gcp_key"),
        (f"AccountName=x;AccountKey={(PLAIN * 2)[:86]}==;", "azure_key"),
        (f"{PLAIN[:3]}8Q~{PLAIN[:34]}", "azure_key"),
        (f"Bearer {jwt(HS, {'sub': '42'})}", "jwt"),
        (f"bot110201543:AA{PLAIN[:33]}/getMe", "telegram_token"),
        (f"Mid-server-{PLAIN[:24]}", "payment_key"),
        (f"SB-Mid-server-{PLAIN[:10]}_{PLAIN[:10]}_x", "payment_key"),
        (f"xnd_production_{PLAIN[:50]}", "payment_key"),
        (f"DOKU_ID=SK-{PLAIN[:20]}", "payment_key"),
        (github(PLAIN[:30]), "git_token"),
        (f"glpat-{PLAIN[:20]}", "git_token"),
        (f"machine git.go.id\n  login opd\n  password {PLAIN[:10]}\n", "git_token"),
        (f"admin:$apr1$abcdefgh${PLAIN[:22]}\n", "password_hash"),
        (f"root:$6$rounds=5000$abcdefgh${(PLAIN * 2)[:86]}:19700:0:99999:7:::", "password_hash"),
        (f"budi:$y$j9T${PLAIN[:22]}${PLAIN[:43]}:19700:0:99999:7:::", "password_hash"),
        (f"opd:$2y$05${PLAIN[:53]}\r\n", "password_hash"),
        (f"web:{{SHA}}{PLAIN[:27]}=\n", "password_hash"),
        (b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5" + bytes(200), "keepass"),
        (f"APP_SECRET={PLAIN[:32]}\n", "secret"),
        (f"X_API_KEY: {PLAIN[:32]}", "secret"),
        (
            (
                "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPrivate-Lines: 2\n"
                f"{PLAIN}\n{PLAIN}\nPrivate-MAC: 00\n"
            ),
            "private_key",
        ),
        ("$db['default']['hostname'] = 'x';\n$db['default']['password'] = 'S1mpeg#9';", "password"),
        ("array('dbdriver' => 'mysqli', 'password' => \"S1mpeg#9\")", "password"),
        ("SANGAT RAHASIA\n\nPEMERINTAH KOTA\n\nNomor : 1\nPerihal : x\n", "marking"),
        ("PEMERINTAH KOTA\n\nSifat : TERBATAS\nNomor : 1\nPerihal : x\n", "marking"),
        ("NIK,NO_KK,NAMA_LGKP,TGL_LHR,NIK_IBU", "dukcapil"),
        ("PSNOKA;NOKARTU;NAMA;NIK", "bpjs_dump"),
    ],
)
def test_each_kind(data: str | bytes, kind: str) -> None:
    assert list(seen(data)) == [kind]


@given(st.text(ALNUM, min_size=30, max_size=30), st.integers(4, 39), st.sampled_from(ALNUM))
def test_one_wrong_character_of_a_github_token(body: str, place: int, char: str) -> None:
    token = github(body)
    wrong = token[:place] + char + token[place + 1 :]
    assert ("git_token" in seen(wrong)) == (wrong == token)


@given(st.text(ALNUM, min_size=33, max_size=33).filter(lambda text: len(set(text)) > 20))
def test_telegram_tokens(secret: str) -> None:
    lowered = secret.lower()
    if any(word in lowered for word in ("xxxx", "your", "0000000", "1234567", "abcdef")):
        return
    assert seen(f"987654321:AA{secret}") == {"telegram_token": [f"987654321:AA{secret}"]}
    assert seen(f"987654321:AB{secret}") == {}
    assert seen(f"9876543:AA{secret}") == {}
    assert seen(f"987654321:AA{secret}x") == {}


@given(st.binary(max_size=600))
def test_any_bytes_are_survived(data: bytes) -> None:
    seen(data)
    find(data)


@pytest.mark.parametrize(
    "bait",
    [
        b"eyJ" + b"a" * 60_000,
        b"eyJaaaaaaaaaaaa." * 4_000,
        b"machine " * 8_000,
        b"PuTTY-User-Key-File-2: ssh-rsa\n" * 2_000,
        b"_SECRET" * 10_000,
        b"A" * 60_000 + b"SECRET=",
        b"a@" * 30_000,
        b"'password' => " * 4_000,
        b" " * 60_000,
        b"xnd_production_" * 4_000,
    ],
)
def test_bait_takes_no_longer_than_its_length(bait: bytes) -> None:
    import time

    def spent(data: bytes) -> float:
        began = time.process_time()
        seen(data)
        return time.process_time() - began

    half = min(spent(bait[: len(bait) // 2]) for _ in range(2))
    assert spent(bait) < 8 * half + 0.3
