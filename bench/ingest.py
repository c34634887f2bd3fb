"""How fast the collector takes events: mutual TLS to committed, against bare executemany.

Both use the same schema, synchronous=FULL and batches of 500 in the same run, so the ratio means
something on any machine: ``python -P -m bench.ingest [EVENTS]``.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collectors import wire
from collectors.event import seal
from collectors.kinds import FileChange, Scrubbed
from collectors.sighting import Sighting
from server.config import ServerConfig, load
from server.fleet import agents, tokens
from server.fleet.ca import Authority
from server.fleet.init import initialise
from server.ingest.batch import open_batch
from server.roles import COMMAND, READY_FD
from server.store import days
from server.store.state import StateStore
from tests.server.ingest.rig import free_port

BATCH = 500
SENDERS = 4
AHEAD = 20
"""Batches made before the clock runs, sent round and round with other sequences."""


def bodies(agent: str, count: int) -> list[bytes]:
    """Return *count* request bodies with sequences 1, 2, 3 ..."""
    result = []
    for first in range(1, count * BATCH + 1, BATCH):
        events = []
        for sequence in range(first, first + BATCH):
            record = FileChange(
                action="modified",
                path=Scrubbed(f"/srv/www/upload/{sequence}/index.php"),
                sha256=f"{sequence:064x}",
                size=sequence,
                mode="0644",
                uid="33",
                gid="33",
                inode=str(sequence),
                mtime=time.time_ns(),
            )
            sighting = Sighting(record=record, observed=time.time_ns(), module="files")
            events.append(wire.encode_event(seal(sighting, sequence=sequence, created=1)))
        header = wire.Header(
            version=1, agent=agent, epoch=1, first=first, last=first + BATCH - 1, sent=1,
            host="web1", host_id="h", boot_id="b", agent_version="0.1.0",
        )  # fmt: skip
        result.append(wire.encode_batch(header, events))
    return result


def bare(directory: Path, batches: list[bytes]) -> float:
    """Return events per second of nothing but executemany and COMMIT."""
    standing = agents.Standing("bare", "dinkes")
    rows = []
    for body in batches:
        new = open_batch(body, standing, b"k" * 32, 1).new
        rows.append([(new.agent, 1, *event[:2], 1, *event[2:4], "dinkes", "web1", event.fields)
                     for event in new.events])  # fmt: skip
    connection = days.open_writer(directory / "bare.db")
    began = time.perf_counter()
    for batch in rows:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(days.INSERT, batch)
        connection.execute("COMMIT")
    spent = time.perf_counter() - began
    connection.close()
    return len(batches) * BATCH / spent


def identity(config: ServerConfig, directory: Path) -> tuple[str, ssl.SSLContext]:
    """Register an agent directly and return its id and TLS context."""
    state = StateStore.open(config.state_db)
    authority = Authority.load(config.ca_dir)
    text = tokens.create(
        state, url="x", fingerprint="x", opd="dinkes", host=None, ttl=60, by="bench",
        now=time.time_ns(),
    )  # fmt: skip
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    pem = csr.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    new = agents.enroll(
        state, authority, secret=tokens.parse_token(text).secret, csr=pem, host="web1",
        host_id="h", boot_id="b", version="0", address="", now=time.time_ns(),
    )  # fmt: skip
    state.close()
    path = directory / f"{new.agent}.pem"
    path.write_bytes(
        new.issued.pem.encode()
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(cafile=config.ca_dir / "ca.crt")
    context.load_cert_chain(path)
    return new.agent, context


def send(port: int, context: ssl.SSLContext, batches: list[bytes]) -> None:
    """Send all batches over one connection, each after the acknowledgement of the one before."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
    for number, body in enumerate(batches, 1):
        connection.request("POST", "/v1/batch", body)
        answer = connection.getresponse()
        got = json.loads(answer.read())
        if got.get("acknowledged") != number * BATCH:
            raise SystemExit(f"not acknowledged: {answer.status} {got}")
    connection.close()


def through_tls(config: ServerConfig, directory: Path, count: int) -> tuple[float, float]:
    """Return events per second from several agents, and the collector's CPU us per event."""
    read, write = os.pipe()
    collector = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "ingest", str(config.path)],
        pass_fds=[write],
        env=os.environ | {READY_FD: str(write)},
    )
    os.close(write)
    os.read(read, 1)
    os.close(read)
    try:
        work = []
        for _ in range(SENDERS):
            agent, context = identity(config, directory)
            arguments = (config.agent_listen.port, context, bodies(agent, count // SENDERS))
            work.append(threading.Thread(target=send, args=arguments))
        before, began = cpu(collector.pid), time.perf_counter()
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        spent, used = time.perf_counter() - began, cpu(collector.pid) - before
    finally:
        collector.terminate()
        collector.wait()
    events = count // SENDERS * SENDERS * BATCH
    return events / spent, used / events * 1e6


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print both rates and their ratio."""
    count = int(sys.argv[1]) // BATCH if len(sys.argv) > 1 else 400
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path = directory / "server.toml"
        path.write_text(
            f'names = ["127.0.0.1"]\nstate_dir = "{name}/state"\n'
            f'agent_listen = "127.0.0.1:{free_port()}"\n'
            f'enroll_listen = "127.0.0.1:{free_port()}"\n[store]\nwarn_percent = 99\n'
            "stop_percent = 99.9\n"
        )
        config = load(path)
        initialise(config)
        whole, cost = through_tls(config, directory, count)
        alone = bare(directory, bodies("bare", count))
    print(f"bare executemany, same schema: {alone:,.0f} events/s")
    print(f"mutual TLS to committed:       {whole:,.0f} events/s, {cost:.1f} us of CPU per event")
    print(f"ratio: {whole / alone:.2f}")


if __name__ == "__main__":
    main()
