"""Containers and documents, made at test time."""

from __future__ import annotations

import io
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Rows = Sequence[Sequence[str]]


def make_zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def make_tar(members: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    """Return a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def make_docx(lines: Sequence[str], rows: Rows = ()) -> bytes:
    """Return a text document; numbers are cut into two runs, as word processors do."""
    body = "".join(f"<w:p>{_runs(line)}</w:p>" for line in lines)
    table = "".join(
        "<w:tr>" + "".join(f"<w:tc><w:p>{_runs(cell)}</w:p></w:tc>" for cell in row) + "</w:tr>"
        for row in rows
    )
    return make_zip(
        {
            "[Content_Types].xml": b"<Types/>",
            "word/document.xml": (
                '<?xml version="1.0"?><w:document xmlns:w="w"><w:body>'
                f"{body}<w:tbl>{table}</w:tbl></w:body></w:document>"
            ).encode(),
        }
    )


def _runs(text: str) -> str:
    return "".join(f"<w:r><w:t>{escape(part)}</w:t></w:r>" for part in (text[:9], text[9:]) if part)


def make_pptx(lines: Sequence[str]) -> bytes:
    """Return slides."""
    body = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in lines)
    slide = f'<p:sld xmlns:p="p" xmlns:a="a">{body}</p:sld>'
    return make_zip(
        {"ppt/presentation.xml": b"<p/>", "ppt/slides/slide1.xml": slide.encode()},
    )


def make_xlsx(sheets: dict[str, Rows], *, shared: bool = True) -> bytes:
    """Return a workbook."""
    strings: dict[str, int] = {}
    members: dict[str, bytes] = {"[Content_Types].xml": b"<Types/>"}
    listed = relations = ""
    for number, (name, rows) in enumerate(sheets.items(), 1):
        cells = ""
        for at, row in enumerate(rows, 1):
            cells += f'<row r="{at}">'
            for column, text in enumerate(row):
                if not text:
                    continue
                place = f"{chr(65 + column)}{at}"
                if shared:
                    index = strings.setdefault(text, len(strings))
                    cells += f'<c r="{place}" t="s"><v>{index}</v></c>'
                else:
                    cells += f'<c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'
            cells += "</row>"
        members[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="m"><sheetData>{cells}</sheetData></worksheet>'.encode()
        )
        listed += f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>'
        relations += f'<Relationship Id="rId{number}" Target="worksheets/sheet{number}.xml"/>'
    members["xl/workbook.xml"] = (
        f'<workbook xmlns="m" xmlns:r="r"><sheets>{listed}</sheets></workbook>'.encode()
    )
    members["xl/_rels/workbook.xml.rels"] = f"<Relationships>{relations}</Relationships>".encode()
    texts = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
    members["xl/sharedStrings.xml"] = f'<sst xmlns="m">{texts}</sst>'.encode()
    return make_zip(members)


def make_odf(kind: str, body: str, *, encrypted: bool = False) -> bytes:
    """Return an OpenDocument file of *kind* (``text``, ``spreadsheet``)."""
    manifest = "<m:file-entry><m:encryption-data/></m:file-entry>" if encrypted else ""
    content = (
        f'<office:document-content xmlns:office="o" xmlns:text="t" xmlns:table="b">{body}'
        "</office:document-content>"
    )
    return make_zip(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
            "content.xml": content.encode(),
            "META-INF/manifest.xml": f'<m:manifest xmlns:m="m">{manifest}</m:manifest>'.encode(),
        }
    )


def make_ods(rows: Rows) -> bytes:
    """Return a spreadsheet."""
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f"<table:table-cell><text:p>{escape(text)}</text:p></table:table-cell>" for text in row
        )
        + '<table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
        for row in rows
    )
    empty = '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/>'
    return make_odf("spreadsheet", f"<table:table>{cells}{empty}</table:table-row></table:table>")


def make_odt(lines: Sequence[str]) -> bytes:
    """Return a text document."""
    return make_odf("text", "".join(f"<text:p>{escape(line)}</text:p>" for line in lines))


def make_pdf(pages: Sequence[Sequence[str]], *, encrypt: str = "") -> bytes:
    """Return a PDF with one line of text below the other; *encrypt* is its trailer's entry."""
    objects: list[bytes] = [b"<</Type/Catalog/Pages 2 0 R>>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode())
    objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    for number, lines in enumerate(pages):
        text = "BT /F1 10 Tf 40 800 Td 14 TL " + "".join(f"({line}) Tj T* " for line in lines)
        stream = zlib.compress((text + "ET").encode())
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {5 + 2 * number} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>".encode()
        )
        objects.append(
            f"<</Length {len(stream)}/Filter/FlateDecode>>stream\n".encode()
            + stream
            + b"\nendstream"
        )
    out = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    out += f"trailer<</Size {len(objects) + 1}/Root 1 0 R{encrypt}>>\n".encode()
    return out + f"startxref\n{table}\n%%EOF\n".encode()


ENCRYPTED = (
    "/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -44/O<" + "41" * 32 + ">/U<" + "42" * 32
    + ">>>/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]"
)  # fmt: skip


def make_database(path: Path, statements: Sequence[str], rows: dict[str, Rows]) -> bytes:
    """Return a SQLite file; *rows* are inserted by table."""
    connection = sqlite3.connect(path)
    try:
        for statement in statements:
            connection.execute(statement)
        for table, values in rows.items():
            marks = ",".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.commit()
    finally:
        connection.close()
    return path.read_bytes()


def make_mail(text: str, files: dict[str, bytes]) -> bytes:
    """Return a mail with attachments; the text is quoted-printable."""
    from email.message import EmailMessage

    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.go.id", "b@example.go.id", "Data"
    mail["Date"] = "Tue, 04 Nov 2025 08:00:00 +0700"
    mail.set_content(text, cte="quoted-printable")
    for name, data in files.items():
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes()


def make_xls(rows: Rows, *, encrypted: bool = False) -> bytes:
    """Return a sheet of Excel 97 (MS-XLS, MS-CFB): labels, and numbers where a cell is short.

    *encrypted*: with the record that says so, for the RC4 of then; the rest is left in clear.
    """

    def record(kind: int, *fields: bytes) -> bytes:
        body = b"".join(fields)
        return struct.pack("<HH", kind, len(body)) + body

    def cell(row: int, column: int, text: str) -> bytes:
        place = struct.pack("<HHH", row, column, 0)
        if text.isdigit() and len(text) < 16:
            return record(0x203, place, struct.pack("<d", float(text)))
        raw = text.encode("latin-1")
        return record(0x204, place, struct.pack("<HB", len(raw), 0), raw)

    def begin(kind: int) -> bytes:
        return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 0x07CC, 0, 6))

    end = record(0x0A)
    locked = record(0x2F, struct.pack("<HHH", 1, 1, 1), bytes(48)) if encrypted else b""
    name = b"\x05\x00Warga"
    # The place of the sheet is told in what stands before it: of a known length.
    length = len(begin(5) + locked + record(0x85, bytes(6), name) + end)
    book = begin(5) + locked + record(0x85, struct.pack("<IH", length, 0), name) + end
    book += begin(0x10)
    book += record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, max(map(len, rows)), 0))
    for number, row in enumerate(rows):
        book += b"".join(cell(number, column, text) for column, text in enumerate(row))
    return make_ole({"Workbook": book + end})


def make_ole(streams: dict[str, bytes]) -> bytes:
    """Return a compound file (MS-CFB, version 3) that holds *streams*; each is padded."""
    sectors: list[bytes] = []
    chains: list[int] = []  # the table of sectors, 32 bits each
    entries = []
    for name, data in streams.items():
        padded = data.ljust(max(4096, -(-len(data) // 512) * 512), b"\0")  # no mini stream
        first = len(sectors)
        sectors += [padded[at : at + 512] for at in range(0, len(padded), 512)]
        chains += [*range(first + 1, len(sectors)), 0xFFFFFFFE]
        entries.append((name, 2, first, len(padded)))
    root = ("Root Entry", 5, 0xFFFFFFFE, 0)
    directory = b""
    for number, (name, kind, first, size) in enumerate([root, *entries]):
        raw = name.encode("utf-16-le") + b"\0\0"
        child = 1 if kind == 5 else 0xFFFFFFFF
        right = number + 1 if 0 < number < len(entries) else 0xFFFFFFFF
        directory += raw.ljust(64, b"\0") + struct.pack("<HBB", len(raw), kind, 1)
        directory += struct.pack("<III", 0xFFFFFFFF, right, child) + bytes(36)
        directory += struct.pack("<IQ", first, size)
    directory = directory.ljust(-(-len(directory) // 512) * 512, b"\0")
    at_directory = len(sectors)
    sectors += [directory[at : at + 512] for at in range(0, len(directory), 512)]
    chains += [*range(at_directory + 1, len(sectors)), 0xFFFFFFFE]
    tables = 1
    while (len(sectors) + tables) > tables * 128:
        tables += 1
    at_table = len(sectors)
    chains += [0xFFFFFFFD] * tables
    chains += [0xFFFFFFFF] * (tables * 128 - len(chains))
    table = struct.pack(f"<{len(chains)}I", *chains)
    places = [*range(at_table, at_table + tables), *([0xFFFFFFFF] * (109 - tables))]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack(
        "<IIIIIIIII", 0, tables, at_directory, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0
    )
    header += struct.pack("<109I", *places)
    return header + b"".join(sectors) + table
