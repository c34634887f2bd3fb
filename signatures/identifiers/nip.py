"""NIP: the number of a civil servant, 18 digits."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only, is_date

# Fixed years, not the clock: a validator gives the same answer every day. Both leave room.
BORN = range(1935, 2011)
_LAST_APPOINTMENT = 2035
_AGE = range(16, 47)


def validate(value: str) -> bool:
    """Check date of birth, month of appointment (21 for PPPK), age at it, sex and serial."""
    if len(value) != 18:
        return False
    born, appointed, month = int(value[:4]), int(value[8:12]), int(value[12:14])
    return (
        born in BORN
        and appointed <= _LAST_APPOINTMENT
        and appointed - born in _AGE
        and (1 <= month <= 12 or month == 21)
        and value[14] in "12"
        and value[15:] != "000"
        and is_date(int(value[6:8]), int(value[4:6]), born)
    )


NIP = Identifier(
    name="nip",
    shapes=(
        "(?:19|20)[0-9]{16}",
        "(?:19|20)[0-9]{6}[ ._-][0-9]{6}[ ._-][12][ ._-][0-9]{3}",
    ),
    normalise=digits_only,
    validate=validate,
    keys=("nip", "nip_baru", "nomor_induk_pegawai", "induk_pegawai", "nonip"),
    chance=0.0006,
    weight=25,
    source="Peraturan Kepala BKN 22/2007",
)
