"""Canaries: made-up records that nobody has a reason to touch, and what they look like.

A person: real districts of one regency, an ordinary date of birth, a serial from 9000 on. The last
four digits of a NIK count the people of one district, sex and date of birth in the order of their
registration from 0001 (Perpres 25/2008 article 37): nine thousand of them on one day do not exist
in a district of at most a few hundred thousand people. Days that stand for "unknown" (1 January,
1 July, 31 December) are left out. So the number passes every check of form, ours and a thief's,
and belongs to nobody. It is improbable by construction, not impossible by law.
"""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Iterator
from typing import NamedTuple

from collectors.knowledge import Mark, value_token
from signatures.edm.scalar import hash_number, value_key
from signatures.identifiers.finders import FINDERS
from signatures.identifiers.nik import validate
from signatures.identifiers.regions import districts

KINDS = ("nik", "database", "aws", "app_key", "telegram")
_VALUES = {"nik": 1, "database": 2, "aws": 2, "app_key": 1, "telegram": 1}
"""How many values of each kind have to be found again."""
FIRST_SERIAL = 9000
DEFAULT_REGENCY = "1571"
"""Kota Jambi."""
_UNKNOWN_DAYS = {(1, 1), (1, 7), (31, 12)}
_GIVEN = "Ahmad Bayu Citra Dewi Eko Fitri Gilang Hesti Indra Joko Kartika Lestari Maya Nanda Putri"
_FAMILY = "Anggraini Firmansyah Gunawan Hidayat Kurniawan Lubis Maulana Nasution Pratama Saputra"
_WORD = string.ascii_letters + string.digits
_BASE32 = string.ascii_uppercase + "234567"


class Made(NamedTuple):
    """A new canary."""

    id: str
    kind: str
    forms: dict[str, str]
    """Ready to paste: ``csv``, ``sql``, ``env`` ..., by name."""
    shown: str
    """Masked, for lists."""
    marks: tuple[Mark, ...]


def make(kind: str, key: bytes, regency: str = DEFAULT_REGENCY) -> Made:
    """Return a new canary of *kind*, with its marks under the fleet key.

    Raises:
        ValueError: *kind* or *regency* is not known.
    """
    makers = {
        "nik": lambda: _person(regency),
        "database": _database,
        "aws": _aws,
        "app_key": _app_key,
        "telegram": _telegram,
    }
    if kind not in makers:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    marks: tuple[Mark, ...] = ()
    while len(marks) < _VALUES[kind]:  # by chance a value may look like a sample to the finders
        forms, shown = makers[kind]()
        marks = tuple(_marks(forms, key))
    return Made(f"c{secrets.token_hex(5)}", kind, forms, shown, marks)


def _person(regency: str) -> tuple[dict[str, str], str]:
    known = districts().get(regency, "")
    if not known:
        raise ValueError(f"there is no regency {regency[:20]!r} with known districts")
    pick = secrets.SystemRandom()
    district = pick.choice([known[at : at + 2] for at in range(0, len(known), 2)])
    while True:
        day, month, year = pick.randint(1, 28), pick.randint(1, 12), pick.randint(1960, 1999)
        woman = pick.random() < 0.5
        serial = pick.randint(FIRST_SERIAL, 9999)
        nik = f"{regency}{district}{day + 40 * woman:02d}{month:02d}{year % 100:02d}{serial}"
        if (day, month) not in _UNKNOWN_DAYS and validate(nik):
            break
    name = f"{pick.choice(_GIVEN.split())} {pick.choice(_FAMILY.split())}".upper()
    born = f"{year}-{month:02d}-{day:02d}"
    sex = "P" if woman else "L"
    return (
        {
            "csv header": "nik,nama,tgl_lahir,jenis_kelamin",
            "csv": f"{nik},{name},{born},{sex}",
            "sql": (
                "INSERT INTO penduduk (nik, nama, tgl_lahir, jenis_kelamin)"  # noqa: S608 - to paste
                f" VALUES ('{nik}', '{name}', '{born}', '{sex}');"
            ),
            "json": f'{{"nik": "{nik}", "nama": "{name}", "tgl_lahir": "{born}"}}',
        },
        f"{nik[:4]}**********{nik[-2:]}",
    )


def _word(length: int, alphabet: str = _WORD) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _database() -> tuple[dict[str, str], str]:
    user, password = f"svc_{_word(5, string.ascii_lowercase)}", _word(20)
    base = f"arsip_{_word(3, string.ascii_lowercase)}"
    return {
        "url": f"DATABASE_URL=mysql://{user}:{password}@10.20.30.40:3306/{base}",
        "env": f"DB_PASSWORD={password}",
        "php": f"define('DB_PASSWORD', '{password}');",
    }, f"mysql://{user[:4]}****"


def _aws() -> tuple[dict[str, str], str]:
    name = "AKIA" + _word(16, _BASE32)
    secret = _word(40, _WORD + "/+")
    return {
        "env": f"AWS_ACCESS_KEY_ID={name}\nAWS_SECRET_ACCESS_KEY={secret}",
        "ini": f"[default]\naws_access_key_id = {name}\naws_secret_access_key = {secret}",
    }, f"{name[:4]}****{name[-2:]}"


def _app_key() -> tuple[dict[str, str], str]:
    value = base64.b64encode(secrets.token_bytes(32)).decode()
    return {"env": f"APP_KEY=base64:{value}"}, f"base64:{value[:4]}****"


def _telegram() -> tuple[dict[str, str], str]:
    value = f"{secrets.randbelow(9 * 10**8) + 10**9}:AA{_word(33)}"
    return {"env": f"TELEGRAM_BOT_TOKEN={value}"}, f"{value[:4]}****"


def _marks(forms: dict[str, str], key: bytes) -> Iterator[Mark]:
    """Yield what the agents' own finders see in the forms: each value once."""
    data = "\n".join(forms.values()).encode()
    found: set[tuple[str, str]] = set()
    for finder in FINDERS:
        for start, end in finder.find(data):
            value = finder.identifier.normalise(data[start:end].decode())
            if finder.identifier.validate(value) and finder.telling(value):
                found.add((finder.identifier.name, value))
    for type_, value in sorted(found):
        if type_ not in {"marking", "dukcapil", "bpjs_dump"}:
            yield Mark(type=type_, token=value_token(key, type_, value))
    nik = forms.get("csv", "").partition(",")[0]
    if nik:
        hashed = hash_number(value_key(key, "nik"), int(nik))
        yield Mark(type="nik", token=value_token(key, "nik", nik), hash=hashed)
