"""The wall, whole: no planted value anywhere behind the child, in 2,000 generated documents.

The files are real, in the web root of a real agent; afterwards every byte that agent and collector
keep, log, send as notification or print is searched for every planted value.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bench.latency import Receiver
from tests.collectors.content.citizens import cards, niks, nips
from tests.patience import until
from tests.system.deployment import Deployment

EXAMPLES = int(os.environ.get("RONDA_WALL_EXAMPLES", "2000"))


@st.composite
def dsns(draw: st.DrawFn) -> tuple[str, str]:
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    # The end is one that no word has: hypothesis likes to try constants of the source, and a
    # password "certificates" stands in many places.
    password = draw(st.text(letters, min_size=9, max_size=17)) + "Zq9"
    return f"mysql://aplikasi:{password}@127.0.0.1/db", password


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, str, list[str]]:
    """A file name, a content, and what must not be seen again."""
    people = draw(st.lists(niks(), min_size=1, max_size=6, unique=True))
    staff = draw(st.lists(nips(), max_size=2))
    plastic = draw(st.lists(cards(), max_size=2))
    secrets = [*people, *staff, *plastic]
    lines = draw(st.sampled_from([csv, sql, jsonl, prose]))(people, staff, plastic)
    if draw(st.booleans()):
        dsn, password = draw(dsns())
        lines.append(f"DATABASE_URL={dsn}")
        secrets.append(password)
    text = "\n".join(lines) + draw(st.text(max_size=40)) + "\n"
    name = draw(st.sampled_from(["data", "dump \u202e", "a\\b", "catatan\n"]))
    if draw(st.booleans()):
        owner = draw(niks())
        separator = draw(st.sampled_from(["", "-", "."]))
        secrets.append(owner)
        name = f"{name}_{separator.join([owner[:6], owner[6:12], owner[12:]])}"
    return os.fsencode(name), text, secrets


def csv(people: list[str], staff: list[str], plastic: list[str]) -> list[str]:
    rows = [f"{number},{nik},Warga" for number, nik in enumerate(people)]
    return ["id,nik,nama", *rows, *[f"x,{nip},Pegawai" for nip in staff], *plastic]


def sql(people: list[str], staff: list[str], plastic: list[str]) -> list[str]:
    values = ",".join(f"({i},'{value}','a')" for i, value in enumerate([*people, *staff, *plastic]))
    return [
        "CREATE TABLE `p` (\n `id` int,\n `nik` varchar(20),\n `x` text\n);",
        f"INSERT INTO `p` VALUES {values};",
    ]


def jsonl(people: list[str], staff: list[str], plastic: list[str]) -> list[str]:
    return [
        f'{{"nik": "{nik}", "nip": "{(staff or [""])[0]}", "kartu": "{(plastic or [""])[0]}"}}'
        for nik in people
    ]


def prose(people: list[str], staff: list[str], plastic: list[str]) -> list[str]:
    return (
        [f"Atas nama warga dengan NIK {nik} dan lainnya" for nik in people]
        + [f"NIP: {nip}" for nip in staff]
        + [f"kartu kredit {card}" for card in plastic]
    )


DIGITS = re.compile(rb"[0-9](?:[0-9]|[ ._-](?=[0-9])){11,}")


def leaks(data: bytes, numbers: set[bytes], words: Iterable[bytes]) -> Iterator[bytes]:
    """Yield every planted value in *data*, also with separators between its digits."""
    for match in DIGITS.finditer(data):
        for run in {match.group(), re.sub(rb"[^0-9]", b"", match.group())}:
            for length in (16, 18):
                for start in range(len(run) - length + 1):
                    if run[start : start + length] in numbers:
                        yield run[start : start + length]
    yield from (word for word in words if word in data)


def kept(here: Deployment) -> dict[str, bytes]:
    """Everything that both sides keep, with all that SQLite has not folded in yet."""
    found = {}
    for base in (here.agent_state, here.server_state):
        found.update({str(path): path.read_bytes() for path in base.rglob("*") if path.is_file()})
    found.update({str(path): path.read_bytes() for path in here.root.glob("*.log")})
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_planted_value_gets_past_the_child(tmp_path: Path) -> None:
    planted: list[str] = []
    receiver = Receiver()
    channel = f'[[notify.channels]]\nname = "t"\nurl = "json://127.0.0.1:{receiver.port}/"\n'
    try:
        with Deployment(tmp_path / "d", server=channel) as here:
            here.install()
            here.start_agent()
            until(lambda: here.agent_status().get("healthy"), "healthy agent")
            plant(here, planted)
            found = until(lambda: findings(here), "findings for nearly all documents", seconds=300)
            assert found
            register(here, tmp_path, planted)
            printed = {
                f"ronda {words}": here.ronda(*words.split(), check=False).encode()
                for words in (
                    "alerts list --limit 5000",
                    "alerts list --limit 5000 -o json",
                    "alerts show 1",
                    "events search --limit 100000 -o jsonl",
                    "exposure list --limit 100000",
                    "exposure list --all -o json",
                    f"exposure show {here.ronda_json('exposure', 'list')[0]['id']}",
                    "exposure overlap --by file --all -o json",
                    "canary list --all -o json",
                    "edm list -o json",
                    "events search --limit 100000 -o csv",
                    "hosts list",
                    "delivery",
                )
            }
            printed["status"] = here.ronda_agent("status", "-o", "json", check=False).encode()
            here.stop_agent(signal.SIGKILL)
            here.stop_server(signal.SIGKILL)
            places = kept(here) | printed
    finally:
        receiver.close()
    places["notifications"] = "\n".join(body for _, body in receiver.bodies).encode()
    numbers = {value.encode() for value in planted if value.isdigit()}
    words = [value.encode() for value in planted if not value.isdigit()]
    told = {name: sorted(set(leaks(data, numbers, words)))[:3] for name, data in places.items()}
    assert {name: values for name, values in told.items() if values} == {}
    size = sum(map(len, places.values()))
    print(f"{len(planted)} planted values, {len(places)} places, {size} bytes, 0 leaks")
    assert size > 1_000_000
    assert receiver.bodies


def register(here: Deployment, folder: Path, planted: list[str]) -> None:
    """Give the agent a register of the planted people; the table goes away again."""
    table, built = folder / "people.csv", folder / "people.edm"
    table.write_text("nik\n" + "\n".join(one for one in planted if len(one) == 16) + "\n")
    here.ronda("edm", "build", str(table), "--out", str(built), "--column", "nik=nik")
    here.ronda("edm", "add", str(built), "--name", "planted")
    here.ronda("canary", "create", "--opd", "x", "--planted-at", "web1:/srv/")
    known = here.agent_state / "knowledge"
    until(lambda: list(known.glob("*.edm")), "the register on the agent")
    until(
        lambda: any(row["registered"] for row in here.ronda_json("exposure", "list")),
        "people",
        seconds=120,
    )


def plant(here: Deployment, planted: list[str]) -> None:
    """Write the documents."""
    number = 0

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(documents())
    def write(document: tuple[bytes, str, list[str]]) -> None:
        nonlocal number
        number += 1
        name, text, secrets = document
        folder = here.web / f"d{number % 20}"
        folder.mkdir(exist_ok=True)
        path = os.fsencode(folder) + b"/%d_" % number + name
        with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        planted.extend(secrets)

    write()


def findings(here: Deployment) -> int:
    """Return how many documents have a finding, once nothing is pending any more."""
    if here.agent_status().get("pending"):
        return 0
    count = sum(1 for event in here.events() if event.kind == "exposure.finding")
    return count if count >= EXAMPLES * 0.9 else 0
