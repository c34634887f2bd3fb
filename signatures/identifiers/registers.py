"""Tables that have the columns of the population register or of the health insurance."""

from __future__ import annotations

import re
from collections.abc import Iterator

from signatures.identifiers.base import Finder, Identifier

_LEAST = 4
_SPREAD = 2000
"""Bytes within which the names stand: a header, a list of columns, one record."""


def _names(*names: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?i)(?<![a-z0-9_])(?:" + "|".join(names).encode() + rb")(?![a-z0-9_])")


_DUKCAPIL = _names(
    *("nik", "no_ktp", "no_kk", "nama_lgkp", "tgl_lhr", "tmpt_lhr", "nik_ibu", "nik_ayah"),
    *("jenis_klmin", "stat_kwn", "stat_hbkel", "nama_lgkp_ibu", "nama_lgkp_ayah", "gol_drh"),
)
_DUKCAPIL_OWN = frozenset(
    ["nama_lgkp", "tgl_lhr", "tmpt_lhr", "nik_ibu", "nik_ayah", "jenis_klmin", "stat_hbkel"]
)
_BPJS = _names(
    *("psnoka", "nokartu", "nohp", "nik", "nama", "tgllahir", "kdppk", "nmppk", "kelas", "pisat"),
    *("noka", "kdprovider", "nmprovider", "jnspeserta", "kdjnspeserta", "tglcetakkartu"),
)
_BPJS_OWN = frozenset(
    ["psnoka", "nokartu", "kdppk", "nmppk", "pisat", "noka", "kdprovider", "jnspeserta"]
)


def _find(
    data: bytes, pattern: re.Pattern[bytes], own: frozenset[str]
) -> Iterator[tuple[int, int]]:
    """Yield the first stretch of *data* with enough different names, some of them its own."""
    seen: list[tuple[int, str]] = []
    for match in pattern.finditer(data):
        name = match.group().decode("ascii").lower()
        seen = [one for one in seen if match.start() - one[0] < _SPREAD and one[1] != name]
        seen.append((match.start(), name))
        names = {one[1] for one in seen}
        if len(names) >= _LEAST and len(names & own) >= 2:
            yield seen[0][0], match.end()
            return


def find_dukcapil(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the columns of the population register stand."""
    yield from _find(data, _DUKCAPIL, _DUKCAPIL_OWN)


def find_bpjs(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the columns of the health insurance stand."""
    yield from _find(data, _BPJS, _BPJS_OWN)


def normalise(text: str) -> str:
    """Return nothing of *text*: where the names stand says enough, and data may stand between."""
    return "columns" if text else ""


DUKCAPIL = Identifier(
    name="dukcapil",
    shapes=(),
    normalise=normalise,
    validate=bool,
    keys=("dukcapil",),
    chance=0.0,
    weight=70,
    source="Columns of SIAK exports that leaked dumps show",
)

BPJS_DUMP = Identifier(
    name="bpjs_dump",
    shapes=(),
    normalise=normalise,
    validate=bool,
    keys=("bpjs",),
    chance=0.0,
    weight=65,
    source="Columns of P-Care and VClaim exports",
)

FINDERS = (
    Finder("dukcapil", DUKCAPIL, find_dukcapil, 0.9),
    Finder("bpjs_dump", BPJS_DUMP, find_bpjs, 0.9),
)
