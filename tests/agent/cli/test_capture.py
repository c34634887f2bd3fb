"""The command ``capture``: wrong files are one clear line, and nothing raw is shown."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scapy.layers.inet import IP, TCP

from agent.cli.root import agent
from bench.network_packets import connections, frames
from tests.collectors.content.citizens import make_niks
from tests.collectors.network.test_replay import NIK, packed, question


def run(tmp_path: Path, *words: str) -> Result:
    """Call the command with a configuration of its own."""
    config = tmp_path / "agent.toml"
    config.write_text(f'state_dir = "{tmp_path / "state"}"\n')
    return CliRunner().invoke(agent, ["--config", str(config), "capture", *words])


def written(tmp_path: Path, data: bytes) -> str:
    """Write a file and return its name."""
    path = tmp_path / "a.pcap"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ((), 2, "either --pcap FILE or --interface NAME"),
        (("--pcap", "a", "--interface", "b"), 2, "either --pcap FILE"),
        (("--pcap", "/nowhere/a.pcap"), 1, "No such file"),
        (("--interface", "nowhere0"), 1, "no interface nowhere0"),
        (("--pcap", "/dev/null", "--local", "here"), 2, "--local"),
    ],
)
def test_what_cannot_work_is_said(
    tmp_path: Path, words: tuple[str, ...], code: int, text: str
) -> None:
    done = run(tmp_path, *words)
    assert done.exit_code == code
    assert text in done.output
    assert "Traceback" not in done.output


def test_a_file_that_is_no_capture(tmp_path: Path) -> None:
    done = run(tmp_path, "--pcap", written(tmp_path, b"hello, I am a text"))
    assert done.exit_code == 1
    assert "no capture file" in done.stderr


def test_what_came_before_the_damage_is_shown(tmp_path: Path) -> None:
    data = packed([question("a.example.org")] * 3)[:-5]
    done = run(tmp_path, "--pcap", written(tmp_path, data))
    assert done.exit_code == 1
    assert "dns a.example.org A" in done.stdout


def test_lines_of_json(tmp_path: Path) -> None:
    path = written(tmp_path, packed([*frames(200, connections(4)), question(f"{NIK}.org")]))
    done = run(tmp_path, "--pcap", path, "--json", "--local", "10.9.0.1")
    assert done.exit_code == 0
    assert NIK not in done.output
    *records, total = [json.loads(line) for line in done.stdout.splitlines()]
    assert total["total"]["packets"] == 201
    flows = [one for one in records if one["ronda.kind"] == "network.flow"]
    assert {one["network.direction"] for one in flows} >= {"inbound"}
    assert all(one["event.severity"] == 0 and one["@timestamp"] for one in flows)


def test_texts_in_both_languages(tmp_path: Path) -> None:
    path = written(tmp_path, packed(frames(200, connections(30))))
    english = run(tmp_path, "--pcap", path, "--lang", "en")
    assert "CLIENT" in english.stdout
    assert "and 10 more" in english.stdout
    assert "200 packets" in english.stderr
    indonesian = run(tmp_path, "--pcap", path, "--lang", "id")
    assert "KLIEN" in indonesian.stdout
    assert "200 paket" in indonesian.stderr


def download(body: bytes) -> list[bytes]:
    """A download by HTTP, from SYN to FIN, as frames."""
    client, server = bytes([203, 0, 113, 9]), bytes([10, 0, 0, 7])
    found: list[bytes] = []
    sequence = [1000, 5000]

    def say(who: int, flags: int, data: bytes = b"") -> None:
        ports = (40_000, 80) if who == 0 else (80, 40_000)
        ends = client + server if who == 0 else server + client
        tcp = struct.pack(
            "!HHIIBBHHH", *ports, sequence[who], sequence[1 - who], 5 << 4, flags, 9000, 0, 0
        )
        size = 20 + len(tcp) + len(data)
        head = struct.pack("!BBHHHBBH", 0x45, 0, size, 1, 0, 64, 6, 0)
        found.append(bytes(12) + b"\x08\x00" + head + ends + tcp + data)
        sequence[who] += len(data) + (flags & 3 != 0)

    say(0, 2)
    say(1, 18)
    say(0, 24, b"GET /export.csv HTTP/1.1\r\nHost: opd.example\r\n\r\n")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = head + body
    for start in range(0, len(answer), 1400):
        say(1, 24, answer[start : start + 1400])
    say(1, 17)
    say(0, 17)
    return found


def test_what_crossed_in_clear(tmp_path: Path) -> None:
    people = make_niks(300, seed=4)
    body = "nik,nama\n" + "".join(f"{nik},Budi\n" for nik in people)
    path = written(tmp_path, packed([*frames(50, connections(4)), *download(body.encode())]))
    done = run(tmp_path, "--pcap", path, "--local", "10.0.0.7", "--lang", "en")
    assert done.exit_code == 0
    found = " ".join(done.stdout.split())
    assert "critical 300 nik 203.0.113.9 -> 10.0.0.7, GET opd.example/export.csv" in found
    assert not any(nik[4:14] in done.output for nik in people)
    harmless = written(tmp_path, packed(download(b"selamat datang\n" * 500)))
    assert "CROSSED" not in run(tmp_path, "--pcap", harmless).stdout


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", "low       search for open ports (scan.vertical)"),
        ("id", "rendah  pencarian port terbuka"),
    ],
)
def test_findings_have_names(tmp_path: Path, lang: str, words: str) -> None:
    probes = [
        bytes(IP(src="203.0.113.9", dst="10.9.0.1") / TCP(sport=4000 + n, dport=n, flags="S"))
        for n in range(100, 130)
    ]
    path = written(tmp_path, packed([b"\2" * 12 + b"\x08\0" + one for one in probes]))
    done = run(tmp_path, "--pcap", path, "--local", "10.9.0.1", "--lang", lang)
    assert words in done.stdout
    assert "203.0.113.9, 203.0.113.9" not in done.stdout


def test_known_bad_names_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, packed([question("www.evil.example"), question("a.example.org")]))
    assert "ioc" not in run(tmp_path, "--pcap", path).stdout
    bad = tmp_path / "bad.csv"
    bad.write_text("\ufeffvalue,type,source,severity\nevil.example\nnonsense,url,x,low\n")
    listed = run(tmp_path, "--pcap", path, "--indicators", str(bad), "--lang", "en")
    assert listed.exit_code == 0
    assert "www.evil.example" in listed.stdout.partition("NAMES")[0]
    assert f"{bad}:3: unknown type 'url'; there are ip, " in listed.stderr
    assert "1 line refused" in listed.stderr
    assert "2 packets, 1 conversation, 1 finding\n" in listed.stderr
    # As made by `ronda-agent indicators`, and as agent.toml names it.
    table = tmp_path / "table"
    assert CliRunner().invoke(agent, ["indicators", str(bad), "--to", str(table)]).exit_code == 1
    assert "1 finding\n" in run(tmp_path, "--pcap", path, "--indicators", str(table)).stderr
    config = tmp_path / "own.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n[sensors.network]\nindicators = "{table}"\n')
    done = CliRunner().invoke(agent, ["--config", str(config), "capture", "--pcap", path])
    assert "1 finding\n" in done.stderr


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "tidak berisi satu indikator pun"),
        (b"RONDAIOC1\n\0\0\0\0\0\0" + bytes(60), "bukan tabel indikator"),
    ],
)
def test_a_list_that_is_none_stops_it(tmp_path: Path, data: bytes, said: str) -> None:
    path, bad = written(tmp_path, packed([question("a.example.org")])), tmp_path / "bad"
    bad.write_bytes(data)
    done = run(tmp_path, "--pcap", path, "--indicators", str(bad), "--lang", "id")
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    nowhere = run(tmp_path, "--pcap", path, "--indicators", "/nowhere", "--lang", "id")
    assert "/nowhere: Berkas atau folder tidak ada" in nowhere.stderr


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello, I am a text", "ini bukan berkas rekaman paket: awalnya 68656c6c"),
        (packed([question("a.example.org")])[:-5], "berakhir di tengah paket, pada byte ke-"),
    ],
)
def test_what_is_wrong_is_said_in_indonesian(tmp_path: Path, data: bytes, said: str) -> None:
    done = run(tmp_path, "--pcap", written(tmp_path, data), "--lang", "id")
    assert done.exit_code == 1
    assert said in done.stderr
    none = run(tmp_path, "--pcap", "/nowhere.pcap", "--lang", "id")
    assert "tidak bisa membaca /nowhere.pcap: Berkas atau folder tidak ada" in none.stderr
    usage = run(tmp_path, "--lang", "id")
    assert "sebutkan salah satu: --pcap BERKAS" in usage.stderr


def test_packets_that_nobody_reads_are_no_silence(tmp_path: Path) -> None:
    path = written(tmp_path, packed([bytes(12) + b"\x88\xcc" + bytes(60)]))
    done = run(tmp_path, "--pcap", path, "--lang", "en")
    assert "ronda-agent dissect" in done.stdout
