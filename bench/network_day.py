"""A week and a day of a municipal web server: what the network detections say of it.

``python -m bench.network_day [SEEDS]`` (3) invents eight days of harmless records with the default
settings, then one day more with five things planted in it, and prints as a table what was found,
how long after its beginning, and every finding that nothing planted explains: there must be none.
A clock of its own: a day takes seconds. The last lines are the counters that a collector adds up
over eight servers, and the CPU time per record.

``python -m bench.network_day --packets`` makes one day of real packets instead (two beacons, the
tunnel and a scan planted) and sends them through flows, parsers and all detections.

Harmless: visitors by hour of the day, a delivery network, search engines, updates, NTP every 64 to
1024 s, Zabbix and Prometheus, a load balancer's health checks (some half-open), nightly backups
inside and to an object store, resolvers, reverse look-ups, mail in and out with block lists, SPF,
DKIM and dead hosts, SSH and Ansible by admins, WordPress cron and feeds, certificate renewals,
virus signatures, a weather widget every 15 minutes, calls that visitors cause, stray SYNs.
"""

from __future__ import annotations

import base64
import datetime
import gc
import ipaddress
import itertools
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

from collectors.network.detect.contacts import FirstContacts
from collectors.network.detect.registry import Detectors, make
from collectors.network.detect.settings import DetectSettings
from collectors.network.model import (
    ACK,
    FIN,
    PSH,
    SYN,
    TCP,
    UDP,
    Conn,
    Direction,
    Dns,
    Finding,
    Flow,
    Http,
    Login,
    Seen,
    State,
    Tls,
)

SECOND = 1_000_000_000
HOUR = 3600
DAY = 24 * HOUR
LEARNING_DAYS = 8
US = "10.1.1.5"
RESOLVER = "10.1.1.1"
MONDAY = int(datetime.datetime(2026, 11, 16, tzinfo=datetime.timezone.utc).timestamp())

Maker = Callable[["World", float], Iterator[Seen]]


class World:
    """Dice, keys and the shapes of records."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._keys = itertools.count(1)
        self.visitors = [self.address() for _ in range(4000)]
        self.domains = [
            f"{self.word()}.{self.pick('co.id', 'com', 'go.id', 'net')}" for _ in range(400)
        ]

    def address(self) -> str:
        """Return an address somewhere outside."""
        return f"{self.dice.choice((36, 103, 114, 125, 180, 202))}." + ".".join(
            str(self.dice.randrange(1, 255)) for _ in range(3)
        )

    def word(self) -> str:
        """Return something to pronounce."""
        parts = ("ka", "sa", "di", "ro", "bu", "mi", "ta", "le", "nu", "go", "pra", "ndi", "wan")
        return "".join(self.dice.choices(parts, k=self.dice.randrange(2, 5)))

    def pick(self, *choices: str) -> str:
        """Return one of *choices*."""
        return self.dice.choice(choices)

    def conn(self, client: str, server: str, port: int, proto: int, direction: Direction) -> Conn:
        """Return a conversation."""
        return Conn(
            key=next(self._keys),
            proto=proto,
            client=ipaddress.ip_address(client).packed,
            client_port=self.dice.randrange(32768, 60999),
            server=ipaddress.ip_address(server).packed,
            server_port=port,
            direction=direction,
        )

    def inbound(self, client: str, port: int = 443) -> Conn:
        """Return a conversation that somebody opened with us."""
        return self.conn(client, US, port, TCP, Direction.INBOUND)

    def outbound(self, server: str, port: int = 443, proto: int = TCP) -> Conn:
        """Return a conversation that we opened."""
        return self.conn(US, server, port, proto, Direction.OUTBOUND)

    def flow(
        self,
        conn: Conn,
        at: float,
        sent: float,
        got: float,
        *,
        seconds: float = 0.5,
        state: State = State.SF,
        process: str = "",
        user: str = "",
    ) -> Flow:
        """Return a conversation that ended."""
        answered = state not in (State.S0, State.OTH)
        tcp = conn.proto == TCP
        return Flow(
            conn=conn,
            begin=int(at * SECOND),
            last=int((at + seconds) * SECOND),
            client_packets=2 + int(max(sent, got)) // 1400 if answered else 1,
            client_bytes=int(sent),
            server_packets=(2 + int(max(sent, got)) // 1400) if answered else 0,
            server_bytes=int(got) if answered else 0,
            client_flags=(SYN | ACK | FIN | PSH if answered else SYN) if tcp else 0,
            server_flags=SYN | ACK | FIN if answered and tcp else 0,
            state=state,
            process=process,
            user=user,
        )

    def asked(self, name: str, at: float, kind: int = 1, rcode: int = 0, answer: str = "") -> Dns:
        """Return a question to our resolver."""
        return Dns(
            conn=self.outbound(RESOLVER, 53, UDP),
            at=int(at * SECOND),
            name=name,
            type=kind,
            answered=True,
            rcode=rcode,
            answers=(answer,) if answer else (),
            ttl=300,
            request_bytes=30 + len(name),
            response_bytes=90 + len(name),
        )

    def call(
        self,
        name: str,
        address: str,
        at: float,
        sent: float,
        got: float,
        *,
        process: str = "",
        port: int = 443,
        seconds: float = 0.5,
    ) -> Iterator[Seen]:
        """Yield the question, the handshake and the conversation of a call of ours."""
        yield self.asked(name, at, answer=address)
        conn = self.outbound(address, port)
        if port == 443:
            yield Tls(conn=conn, at=int(at * SECOND), version="1.3", sni=name, cipher=0x1301)
        yield self.flow(conn, at, sent, got, seconds=seconds, process=process)

    def times(self, begin: float, every: float, jitter: float = 0.0) -> Iterator[float]:
        """Yield the times of a day's regular work."""
        at = begin + self.dice.uniform(0, every)
        while at < begin + DAY:
            yield at
            at += every * self.dice.uniform(1 - jitter, 1 + jitter)

    def by_day(self, begin: float, count: int) -> Iterator[float]:
        """Yield times that people choose: many by day, few by night."""
        for _ in range(count):
            hour = self.dice.gauss(12.5, 3.6)  # local time is UTC+7
            yield begin + ((hour - 7) % 24) * HOUR


# --- harmless ---------------------------------------------------------------------------------


def visitors(w: World, day: float) -> Iterator[Seen]:
    """People who read, and who send forms."""
    paths = ("/", "/berita/{n}", "/layanan/ktp", "/cari?q=jadwal+{n}", "/unduh.php?id={n}")
    for at in w.by_day(day, 9000):
        client = w.dice.choice(w.visitors)
        conn = w.inbound(client)
        got = min(60e6, w.dice.lognormvariate(9.5, 1.8))
        yield Tls(conn=conn, at=int(at * SECOND), version="1.3", sni="kota.go.id", cipher=0x1301)
        yield w.flow(
            conn, at, w.dice.lognormvariate(6.5, 0.8), got, seconds=w.dice.uniform(0.1, 60)
        )
        if w.dice.random() < 0.4:
            inner = w.conn("127.0.0.1", "127.0.0.1", 8080, TCP, Direction.INTERNAL)
            yield Http(
                conn=inner,
                at=int(at * SECOND),
                method="GET",
                host="kota.go.id",
                path=w.pick(*paths).format(n=w.dice.randrange(900)),
                user_agent="Mozilla/5.0 (Linux; Android 14) Chrome/130.0",
                status=w.dice.choice((200, 200, 200, 304, 404)),
                forwarded_for=client,
            )


def robots(w: World, day: float) -> Iterator[Seen]:
    """Search engines and a delivery network: regular, but they call us."""
    for client, every in (("66.249.66.1", 20.0), ("157.55.39.4", 45.0), ("172.68.1.9", 10.0)):
        for at in w.times(day, every, 0.6):
            yield w.flow(w.inbound(client), at, 700, w.dice.lognormvariate(9, 1))


def checks(w: World, day: float) -> Iterator[Seen]:
    """Monitoring and health checks."""
    for at in w.times(day, 15):
        yield w.flow(w.inbound("10.1.1.51", 9100), at, 420, 61_000, seconds=0.05)
    for at in w.times(day, 60):
        for _ in range(3):
            yield w.flow(w.inbound("10.1.1.50", 10050), at, 180, 160, seconds=0.01)
        yield w.flow(w.outbound("10.1.1.50", 10051), at, 2200, 300, process="zabbix_agentd")
    for number, client in enumerate(("10.1.1.2", "10.1.1.3")):
        for at in w.times(day, 10):
            state = State.RSTO if number else State.SF
            yield w.flow(w.inbound(client), at, 120, 60, state=state, seconds=0.01)
        for at in w.times(day, 30):
            yield w.flow(w.inbound(client, 22), at, 260, 190, seconds=0.01)


def clocks(w: World, day: float) -> Iterator[Seen]:
    """NTP: each server at its own interval."""
    for server, every in (("162.159.200.1", 64), ("203.114.74.17", 256), ("103.31.225.225", 1024)):
        for at in w.times(day, every, 0.02):
            yield w.flow(w.outbound(server, 123, UDP), at, 76, 76, seconds=0.03)


def updates(w: World, day: float) -> Iterator[Seen]:
    """Packages, snaps, signatures, certificates, WordPress."""
    for at in w.times(day, 12 * HOUR, 0.2):
        for n in range(40):
            yield from w.call(
                "id.archive.ubuntu.com", "91.189.91.81", at + n, 600, 900_000, port=80
            )
        yield from w.call("security.ubuntu.com", "91.189.91.82", at, 900, 3e6, port=80)
        yield from w.call("acme-v02.api.letsencrypt.org", "172.65.32.248", at, 1400, 5000)
        yield from w.call("api.wordpress.org", "198.143.164.251", at, 9000, 8000, process="php-fpm")
    for at in w.times(day, 6 * HOUR, 0.1):
        yield from w.call("api.snapcraft.io", "185.125.188.54", at, 3000, 9000)
        yield from w.call("motd.ubuntu.com", "54.171.230.55", at, 600, 4000)
    for at in w.times(day, HOUR):
        yield from w.call("database.clamav.net", "104.16.218.84", at, 700, 800)
        yield from w.call("e6.o.lencr.org", "23.44.10.9", at, 500, 900, port=80)
    for at in w.times(day, 900):
        yield from w.call("data.bmkg.go.id", "203.210.84.7", at, 620, 14_000, process="php-fpm")


def caused(w: World, day: float) -> Iterator[Seen]:
    """Calls that visitors cause: captcha, maps, messages."""
    for at in w.by_day(day, 700):
        yield from w.call("www.google.com", "142.250.4.99", at, 900, 1500, process="php-fpm")
    for at in w.by_day(day, 250):
        size = w.dice.lognormvariate(7, 0.7)
        yield from w.call("fcm.googleapis.com", "74.125.200.95", at, size, 700, process="php-fpm")


def backups(w: World, day: float) -> Iterator[Seen]:
    """Each night at two, local time: inside and to an object store."""
    at = day + 19 * HOUR + w.dice.uniform(0, 600)
    size = 2e9 * w.dice.uniform(0.93, 1.08)
    for part in range(12):
        begin = at + part * 300
        conn = w.outbound("10.1.1.60", 22)
        yield w.flow(conn, begin, size, 4e6, seconds=299, process="ssh")
    for part in range(24):
        yield from w.call(
            "kota.s3.simpan.co.id",
            "103.28.12.40",
            at + 4000 + part * 60,
            size / 24,
            90_000,
            process="restic",
            seconds=50,
        )


def mail(w: World, day: float) -> Iterator[Seen]:
    """Mail that comes, with its checks, and mail that goes."""
    for at in w.by_day(day, 900):
        client = w.address()
        turned = ".".join(reversed(client.split(".")))
        domain = w.dice.choice(w.domains)
        yield w.asked(f"{turned}.in-addr.arpa", at, 12, w.dice.choice((0, 3)))
        for zone in ("zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org"):
            yield w.asked(f"{turned}.{zone}", at, 1, 0 if w.dice.random() < 0.2 else 3)
        yield w.asked(f"{domain}.dbl.spamhaus.org", at, 1, 3)
        yield w.asked(domain, at, 16)
        yield w.asked(f"s{w.dice.randrange(9)}._domainkey.{domain}", at, 16)
        yield w.asked(f"_dmarc.{domain}", at, 16, w.dice.choice((0, 3)))
        conn = w.inbound(client, 25)
        yield w.flow(conn, at, w.dice.lognormvariate(9, 1.5), 900, seconds=8)
    for at in w.by_day(day, 300):
        domain = w.dice.choice(w.domains)
        dead = w.dice.random() < 0.04
        yield w.asked(domain, at, 15, 3 if dead and w.dice.random() < 0.5 else 0)
        conn = w.outbound(w.address(), 25)
        if dead:
            yield w.flow(conn, at, 60, 0, state=State.S0)
        else:
            size = min(2e7, w.dice.lognormvariate(9, 1.6))
            yield w.flow(conn, at, size, 1200, process="smtp")


def admins(w: World, day: float) -> Iterator[Seen]:
    """Work by hand, mistakes included, and by Ansible."""
    for at in w.by_day(day, 8):
        for n in range(w.dice.randrange(3)):
            conn = w.inbound("10.1.2.9", 22)
            stamp = int((at + n * 5) * SECOND)
            yield Login(conn=conn, at=stamp, protocol="ssh", user="budi", outcome="failure")
            yield w.flow(conn, at + n * 5, 2600, 3300, seconds=4)
        conn = w.inbound("10.1.2.9", 22)
        stamp = int((at + 30) * SECOND)
        yield Login(conn=conn, at=stamp, protocol="ssh", user="budi", outcome="success")
        yield w.flow(conn, at + 30, 40_000, 160_000, seconds=1500)
    for n in range(60):
        at = day + 3 * HOUR + n * 7
        yield w.flow(w.inbound("10.1.2.10", 22), at, 9000, 12_000, seconds=3)


def questions(w: World, day: float) -> Iterator[Seen]:
    """What resolvers are asked besides: reverse look-ups, search suffixes, typing mistakes."""
    for at in w.by_day(day, 1500):
        turned = ".".join(reversed(w.dice.choice(w.visitors).split(".")))
        yield w.asked(f"{turned}.in-addr.arpa", at, 12, w.dice.choice((0, 3, 3)))
    for at in w.times(day, 300, 0.5):
        yield w.asked("api.wordpress.org.kota.go.id", at, 1, 3)
        yield w.asked(w.dice.choice(w.domains), at, w.dice.choice((1, 28)))


def strays(w: World, day: float) -> Iterator[Seen]:
    """One SYN each: the noise of the internet."""
    for at in w.times(day, 40, 0.9):
        port = w.dice.choice((23, 445, 3389, 5555, 8088, 6379))
        yield w.flow(w.inbound(w.address(), port), at, 60, 0, state=State.S0, seconds=0)


HARMLESS: tuple[Maker, ...] = (
    visitors,
    robots,
    checks,
    clocks,
    updates,
    caused,
    backups,
    mail,
    admins,
    questions,
    strays,
)

# --- planted ----------------------------------------------------------------------------------


def fast_beacon(w: World, day: float) -> Iterator[Seen]:
    """Each minute, 20 % sooner or later, behind a name."""
    for at in w.times(day, 60, 0.2):
        size = w.dice.choice((512, 512, 512, 530, 1900))
        yield from w.call("cdn-telemetry.example", "203.0.113.66", at, size, 700)


def slow_beacon(w: World, day: float) -> Iterator[Seen]:
    """Each quarter of an hour, to an address without a name."""
    for at in w.times(day, 900, 0.1):
        yield w.flow(w.outbound("203.0.113.77", 8443), at, 640, 410)


def dns_tunnel(w: World, day: float) -> Iterator[Seen]:
    """One byte a second: sixteen in each name."""
    for at in w.times(day, 16, 0.3):
        code = base64.b32encode(w.dice.randbytes(16)).decode().rstrip("=").lower()
        yield w.asked(f"{code}.t.sync-update.example", at, 1)


def slow_sweep(w: World, day: float) -> Iterator[Seen]:
    """One probe in five minutes over eight servers, of which this is one."""
    for at in itertools.islice(w.times(day, 8 * 300), 24):
        port = w.dice.choice((23, 445, 3389))
        yield w.flow(w.inbound("203.0.113.99", port), at, 60, 0, state=State.S0, seconds=0)


def night_theft(w: World, day: float) -> Iterator[Seen]:
    """Four gigabytes at three in the night, to a peer that nobody knew."""
    for part in range(8):
        yield from w.call(
            "drop.berkas-cepat.example",
            "203.0.113.55",
            day + 20 * HOUR + 600 + part * 300,
            5e8,
            6e6,
            seconds=290,
        )


PLANTED: dict[str, tuple[Maker, str, str]] = {
    "beacon, 60 s +-20 %": (fast_beacon, "beacon", "cdn-telemetry.example:443"),
    "beacon, 15 min": (slow_beacon, "beacon", "203.0.113.77:8443"),
    "DNS tunnel, 1 B/s": (dns_tunnel, "dns.tunnel", "sync-update.example"),
    "exfiltration by night": (night_theft, "exfil.first_seen", "berkas-cepat.example"),
}


def ended(record: Seen) -> int:
    """Return when the sensor would have the record."""
    return record.last if isinstance(record, Flow) else record.at


def a_day(world: World, day: float, makers: tuple[Maker, ...]) -> list[Seen]:
    """Return the records of one day in the order in which they come."""
    return sorted((record for maker in makers for record in maker(world, day)), key=ended)


def run(seed: int) -> tuple[list[Finding], list[FirstContacts], int, float]:
    """Return the findings, the counters, the number of records and the CPU seconds they took."""
    world = World(seed)
    settings = DetectSettings()
    detectors = Detectors(make(settings), settings)
    found: list[Finding] = []
    contacts: list[FirstContacts] = []
    count, spent = 0, 0.0
    for number in range(LEARNING_DAYS + 1):
        makers = HARMLESS
        if number == LEARNING_DAYS:
            makers += (*(maker for maker, _, _ in PLANTED.values()), slow_sweep)
        records = a_day(world, MONDAY + number * DAY, makers)
        count += len(records)
        gc.freeze()  # the day's records are not what the detectors have to keep
        before = time.process_time()
        for begin in range(0, len(records), 4096):
            found += detectors.many(records[begin : begin + 4096])
            contacts += detectors.contacts()
        spent += time.process_time() - before
    found += detectors.finish()
    contacts += detectors.contacts()
    if detectors.faults():
        raise RuntimeError("a detector failed")
    return found, contacts, count, spent


def others(seed: int) -> list[FirstContacts]:
    """Return what seven more servers counted of the slow sweep and of strays."""
    told: list[FirstContacts] = []
    settings = DetectSettings()
    for server in range(7):
        world = World(seed * 100 + server)
        detectors = Detectors(make(settings), settings)
        day = MONDAY + LEARNING_DAYS * DAY
        for record in a_day(world, day, (strays, slow_sweep)):
            if detectors.see(record):
                raise RuntimeError("one server alone sees the sweep")
            told += detectors.contacts()
        detectors.finish()
        told += detectors.contacts()
    return told


def packets(seed: int = 1) -> bool:
    """Send a day of packets through all parts; print what was found and the speed."""
    from tests.collectors.network.detect.wire import Wire, beacon, harmless, judged
    from tests.collectors.network.detect.wire import dns_tunnel as tunnel

    quiet, full = Wire(seed), Wire(seed)
    expected = {
        ("beacon", "198.51.100.7:8443"),
        ("beacon", "198.51.100.8:8443"),
        ("dns.tunnel", "sync.example"),
        ("scan.vertical", "203.0.113.9"),
    }
    harmless(quiet, 24)
    harmless(full, 24)
    beacon(full, 24)
    beacon(full, 24, 900, "198.51.100.8")
    tunnel(full, 24)
    for port in range(1, 101):
        full.probe(40_000 + port, "203.0.113.9", US, port)
    right = True
    for title, wire, wanted in (("harmless", quiet, set()), ("planted", full, expected)):
        settings = DetectSettings()
        blocks = list(wire.blocks())
        count = sum(map(len, blocks))
        before = time.process_time()
        found = judged(iter(blocks), Detectors(make(settings), settings), local=[US])
        spent = time.process_time() - before
        told = {(one.rule, one.entity) for one in found}
        right = right and told == wanted
        print(f"{title}: {count:,} packets, {count / spent:,.0f} a second; told {sorted(told)}")
    return right


def main() -> None:
    """Print the table."""
    if sys.argv[1:] == ["--packets"]:
        sys.exit(not packets())
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    planted_at = MONDAY + LEARNING_DAYS * DAY
    failed = False
    for seed in range(1, seeds + 1):
        found, contacts, count, spent = run(seed)
        left = list(found)
        print(f"seed {seed}: {count:,} records of {LEARNING_DAYS + 1} days")
        for title, (_, rule, entity) in PLANTED.items():
            hits = [one for one in left if (one.rule, one.entity) == (rule, entity)]
            left = [one for one in left if one not in hits]
            if not hits:
                failed = True
                print(f"  MISSED  {title}")
                continue
            hours = (hits[0].at / SECOND - planted_at) / HOUR
            print(
                f"  found   {title:24} {rule:18} after {hours:5.1f} h"
                f"  score {hits[0].score:.2f}  told {len(hits)}x"
            )
        print(f"  harmless things told: {len(left)} {dict(Counter(one.rule for one in left))}")
        failed = failed or bool(left)
        sums: Counter[bytes] = Counter()
        for one in contacts + others(seed):
            sums[one.source] += one.failed
        sweep = ipaddress.ip_address("203.0.113.99").packed
        rest = max((n for source, n in sums.items() if source != sweep), default=0)
        print(
            f"  slow sweep, added up over 8 servers: {sums[sweep]} first contacts failed,"
            f" no other source more than {rest} (four decide: "
            f"ratio {math.pow(4, min(sums[sweep], 20)):.1e})"
        )
        print(f"  {spent / count * 1e6:.2f} us of CPU per record")
    sys.exit(failed)


if __name__ == "__main__":
    main()
