"""Synthetic values of every identifier, from the definitions of their forms; nobody's own."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.people import FIRST, LAST, nik
from signatures.identifiers.base import luhn

Chance = random.Random

PREFIXES: tuple[str, ...] = (
    "811",
    "812",
    "813",
    "815",
    "817",
    "821",
    "822",
    "831",
    "838",
    "852",
    "853",
    "856",
)
PREFIXES += ("857", "858", "859", "877", "878", "881", "888", "895", "896", "899")
PLATES = ("BH", "B", "D", "BG", "BA", "BM", "AB", "L", "DK", "KT")
BANKS = ("BRI", "BNI", "Mandiri", "BCA", "BSI", "Bank Jambi", "BTN")


def digits(chance: Chance, count: int) -> str:
    """Return *count* digits, the first not zero."""
    return str(chance.randrange(10 ** (count - 1), 10**count))


def checked(digits_: str) -> str:
    """Return *digits_* with a Luhn digit."""
    return next(f"{digits_}{last}" for last in "0123456789" if luhn(f"{digits_}{last}"))


def name(chance: Chance) -> str:
    """Return a person's name."""
    return f"{chance.choice(FIRST)} {chance.choice(LAST)}"


def kk(chance: Chance) -> str:
    """Return one family card number."""
    date = f"{chance.randint(1, 28):02d}{chance.randint(1, 12):02d}{chance.randint(5, 26):02d}"
    return f"{nik(chance)[:6]}{date}{chance.randint(1, 9999):04d}"


def nip(chance: Chance) -> str:
    """Return one civil servant's number."""
    born = chance.randint(1965, 2000)
    dates = f"{born}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}{born + 25}"
    return f"{dates}{chance.randint(1, 12):02d}{chance.choice('12')}{chance.randint(1, 99):03d}"


def npwp(chance: Chance) -> str:
    """Return one taxpayer's number with 15 or 16 digits, as written."""
    value = checked(f"{chance.randint(1, 99):02d}{chance.randint(1, 999999):06d}") + (
        f"{chance.choice(('331', '064', '412'))}{chance.randint(0, 20):03d}"
    )
    form = chance.randrange(3)
    if form == 0:
        return value
    if form == 1:
        return f"0{value}"
    return f"{value[:2]}.{value[2:5]}.{value[5:8]}.{value[8]}-{value[9:12]}.{value[12:]}"


def card(chance: Chance) -> str:
    """Return one payment card number."""
    prefix = chance.choice(("453987", "523467", "234561", "353346", "622143"))
    return checked(f"{prefix}{chance.randint(0, 10**9 - 1):09d}")


def bpjs(chance: Chance) -> str:
    """Return one number of the national health insurance: 13 digits that begin with 000."""
    return f"000{digits(chance, 10)}"


def nisn(chance: Chance) -> str:
    """Return one pupil's number: three digits of the birth year and seven more."""
    year = chance.choice((*range(995, 1000), *range(18)))
    return f"{year:03d}{chance.randrange(10**7):07d}"


def kpj(chance: Chance) -> str:
    """Return one number of the workers' insurance: year, month, serial."""
    return f"{chance.randint(10, 25)}{chance.randint(1, 12):02d}{chance.randrange(10**7):07d}"


def passport(chance: Chance) -> str:
    """Return one passport number: a letter and seven digits, or two letters and six or seven."""
    letters = chance.choice(("A", "B", "C", "E", "X", "AT", "XE"))
    return f"{letters}{digits(chance, 7 if len(letters) == 1 else chance.choice((6, 7)))}"


def phone(chance: Chance) -> str:
    """Return one mobile number in one of its written forms."""
    prefix, rest = chance.choice(PREFIXES), digits(chance, 8)
    form = chance.randrange(6)
    if form < 3:
        return f"{('0', '62', '+62')[form]}{prefix}{rest}"
    if form == 3:
        return f"0{prefix}-{rest[:4]}-{rest[4:]}"
    if form == 4:
        return f"+62 {prefix}-{rest[:4]}-{rest[4:]}"
    return f"0{prefix} {rest[:4]} {rest[4:]}"


def email(chance: Chance) -> str:
    """Return one address."""
    first, last = chance.choice(FIRST).lower(), chance.choice(LAST).lower()
    domain = chance.choice(("gmail.com", "yahoo.co.id", "jambikota.go.id"))
    return f"{first}.{last}{chance.randrange(999)}@{domain}"


def plate(chance: Chance) -> str:
    """Return one vehicle's plate."""
    letters = "".join(chance.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=chance.choice((2, 3))))
    mark = chance.choice((" ", " ", "", "-"))
    return f"{chance.choice(PLATES)}{mark}{chance.randint(1000, 9999)}{mark}{letters}"


def sim(chance: Chance) -> str:
    """Return one driving licence: birth year and month, then serial; 12 or 14 digits."""
    born = f"{chance.randint(60, 99)}{chance.randint(1, 12):02d}"
    return f"{born}{chance.randrange(10**8):08d}{chance.choice(('', digits(chance, 2)))}"


def nop(chance: Chance) -> str:
    """Return one tax object: 18 digits, joined or in groups."""
    parts = (
        chance.choice(("15", "31", "35")),
        f"{chance.randint(1, 79):02d}",
        f"{chance.randint(1, 19) * 10:03d}",
        f"{chance.randint(1, 20):03d}",
        f"{chance.randint(1, 40):03d}",
        f"{chance.randint(1, 9999):04d}",
        chance.choice("01"),
    )
    if chance.random() < 0.6:
        return "".join(parts)
    return f"{'.'.join(parts[:5])}-{parts[5]}.{parts[6]}"


def nib(chance: Chance) -> str:
    """Return one business number: 13 digits."""
    return f"{chance.choice(('9120', '8120', '0220', '1234'))}{chance.randrange(10**9):09d}"


def account(chance: Chance) -> str:
    """Return one bank account of 10 to 15 digits."""
    return digits(chance, chance.choice((10, 10, 13, 15)))


def birth(chance: Chance) -> str:
    """Return a date of birth in one of its written forms."""
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1950, 2020)
    form = chance.randrange(3)
    if form == 0:
        return f"{year}-{month:02d}-{day:02d}"
    return f"{day:02d}{'-/'[form - 1]}{month:02d}{'-/'[form - 1]}{year}"


Maker = Callable[[Chance], str]
NUMBERS: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "nik": (nik, ("nik", "NIK", "no_ktp", "noKtp", "NIK Ibu", "nomor_induk_kependudukan")),
    "kk": (kk, ("no_kk", "NO_KK", "noKK", "nomor_kk", "No. KK")),
    "nip": (nip, ("nip", "NIP", "nip_baru", "NIP Pegawai")),
    "npwp": (npwp, ("npwp", "NPWP", "no_npwp", "npwp_perusahaan")),
    "card": (card, ("no_kartu_kredit", "card_number", "cc")),
}
"""They can be told by themselves, more or less."""

NAMED: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "bpjs": (bpjs, ("no_bpjs", "NOKARTU", "No BPJS", "noKartuBpjs", "no_kartu_jkn")),
    "nisn": (nisn, ("nisn", "NISN", "no_nisn", "NISN Siswa")),
    "kpj": (kpj, ("kpj", "no_kpj", "KPJ")),
    "passport": (passport, ("no_paspor", "paspor", "passport_no", "Nomor Paspor")),
    "phone": (phone, ("telepon", "no_hp", "NOHP", "noTelp", "No. HP", "whatsapp")),
    "plate": (plate, ("nopol", "no_polisi", "plat_nomor", "No Polisi")),
    "sim": (sim, ("no_sim", "nomor_sim", "No SIM")),
    "nop": (nop, ("nop", "NOP", "nop_pbb", "NOP PBB")),
    "nib": (nib, ("nib", "NIB", "nomor_induk_berusaha")),
    "birth": (birth, ("tgl_lahir", "TGL_LHR", "tanggal_lahir", "Tanggal Lahir")),
}
"""They count only where a key or column names them."""
