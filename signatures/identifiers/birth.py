"""Dates of birth, which beside names tell who somebody is."""

from __future__ import annotations

import re

from signatures.identifiers.base import DIGITS, Identifier, is_date, shaped

_DATE = re.compile(
    rb"[0-9][0-9](?:(?<=19|20)[0-9]{2}([-/.])[0-9]{2}\1[0-9]{2}|([-/.])[0-9]{2}\2(?:19|20)[0-9]{2})"
    rb"(?![0-9])"
)
_FORMS = (b"0000-00-00", b"00-00-0000")
NAME = re.compile(
    rb"(?i)(?<![a-z])(?:nama|nama_lengkap|nama_lgkp|namalengkap|nm_lengkap|fullname|full_name|name)"
    rb"(?![a-z])"
)
"""A column or key with people's names: without one a date of birth is nobody's."""
_BORN = range(1900, 2031)


def normalise(text: str) -> str:
    """Return year, month and day: ``1990-12-31``."""
    parts = re.split("[-/.]", text)
    return "-".join(parts if len(parts[0]) == 4 else parts[::-1])


def validate(value: str) -> bool:
    """Tell whether somebody who lives can be born then."""
    year, month, day = (int(part) for part in value.split("-"))
    return year in _BORN and is_date(day, month, year)


find_births = shaped(
    _DATE,
    tuple(form.replace(b"-", sign) for form in _FORMS for sign in (b"-", b"/", b".")),
    apart_from=DIGITS,
)
"""Finds whatever is written as a date."""

BIRTH = Identifier(
    name="birth",
    shapes=(),
    normalise=normalise,
    validate=validate,
    keys=(
        *("lahir", "tgl_lahir", "tanggal_lahir", "tgllahir", "tgl_lhr", "tgllhr", "lhr", "dob"),
        *("birthdate", "birth_date", "date_of_birth", "birthday"),
    ),
    chance=0.0006,
    weight=15,
    source="UU 23/2006 with UU 24/2013, art. 58: personal data of citizens",
    named=True,
)
