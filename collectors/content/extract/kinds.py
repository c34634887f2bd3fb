"""What bytes are, by how they begin. Pure."""

from __future__ import annotations

from collectors.content.extract import database, legacy, mail
from collectors.content.extract.archive_tar import is_tar
from collectors.content.extract.squeeze import MAGIC

PLAIN = "plain"
SKIP = "skip"
"""Pictures, sound, programs: nothing that we can read stands in them."""
SQUEEZED = frozenset(MAGIC)
ANYWHERE = frozenset({"zip", "pdf", "sqlite", "ole"})
"""Read back and forth: inside another container they have to be held in memory."""
UNREAD = "unread"
"""Archives and dumps that nobody takes apart here."""
HEAD = 4096

_BEGIN = (
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"PK\7\x08PK\3\4", "zip"),
    (b"%PDF-", "pdf"),
    (database.MAGIC, "sqlite"),
    (legacy.MAGIC, "ole"),
    (b"7z\xbc\xaf\x27\x1c", UNREAD),
    (b"Rar!\x1a\x07", UNREAD),
    (b"MSCF\0\0\0\0", UNREAD),
    (b"PGDMP", UNREAD),
    (b"\x04\x22\x4d\x18", UNREAD),  # lz4
    (b"LZIP", UNREAD),
    (b"\x89PNG", SKIP),
    (b"\xff\xd8\xff", SKIP),
    (b"GIF8", SKIP),
    (b"RIFF", SKIP),
    (b"OggS", SKIP),
    (b"\x7fELF", SKIP),
    (b"wOF", SKIP),
)

_ANY = (*MAGIC.values(), *(magic for magic, _ in _BEGIN))


def kind_of(head: bytes) -> str:
    """Return ``plain``, ``skip``, ``unread`` or the container that begins with *head*."""
    if head.startswith(_ANY):
        for name, magic in MAGIC.items():
            if head.startswith(magic):
                if name == "bzip2" and head[4:10] not in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"):
                    continue
                return name
        for magic, name in _BEGIN:
            if head.startswith(magic):
                return name
    if is_tar(head[:512]):
        return "tar"
    return "mail" if mail.is_mail(head) else PLAIN


def inner_name(name: str) -> str:
    """Return the name of what a compressed file *name* holds."""
    stem, dot, extension = name.rpartition(".")
    if dot and extension.lower() in ("gz", "bz2", "xz", "zst", "lzma", "z"):
        return stem
    if extension.lower() in ("tgz", "tbz2", "txz", "tzst"):
        return stem + ".tar"
    return name
