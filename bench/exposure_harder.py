"""More documents that look like identifiers, credentials or classified letters and are none."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

from bench.exposure_lookalikes import column, number

Chance = random.Random
Text = tuple[str, str]


def school(chance: Chance) -> Text:
    """Numbers of schools and classes, postal codes, landlines."""
    key, make = chance.choice(
        (
            ("npsn", lambda: number(chance, 8)),
            ("nis", lambda: number(chance, 5)),
            ("kode_pos", lambda: number(chance, 5)),
            ("telp_kantor", lambda: f"0741-{number(chance, 6)}"),
            ("created", lambda: str(1_700_000_000 + chance.randrange(10**7))),
            ("id_kunjungan", lambda: number(chance, 13)),
            ("barcode", lambda: f"899{number(chance, 10)}"),
            ("no_polis", lambda: number(chance, 10)),
            ("kode_barang", lambda: f"{chance.choice('ABCX')}{number(chance, 7)}"),
            ("stok", lambda: f"0{number(chance, 9)}"),
            ("tgl_berangkat", lambda: f"{chance.randint(10, 28)}-0{chance.randint(1, 9)}-2026"),
        )
    )
    return column(chance, key, make)


def wrong(chance: Chance) -> Text:
    """Columns with the right name whose values are none: empty, masked, cut, hashed."""
    key = chance.choice(("nisn", "no_bpjs", "no_hp", "paspor", "nopol", "no_sim", "npwp", "kpj"))
    make = chance.choice(
        (
            lambda: "-",
            lambda: chance.randbytes(16).hex().replace("0", "g"),
            lambda: f"{chance.randrange(1000):03d}",
            lambda: f"08**-****-*{chance.randrange(100):02d}",
            lambda: "0" * chance.choice((10, 11, 13)),
        )
    )
    return column(chance, key, make)


def prose(chance: Chance) -> Text:
    """Laws and announcements that speak of secrets and limits."""
    lines = [
        "BAB IV\nRAHASIA JABATAN\n\nPasal 12\n",
        "PT MAJU JAYA PERSEROAN TERBATAS\n",
        "Informasi ini bersifat rahasia dan terbatas.\n",
        "Dokumen SANGAT RAHASIA disimpan dalam lemari besi.\n",
        "Klasifikasi: SANGAT RAHASIA, RAHASIA, TERBATAS dan BIASA.\n",
        "NISN terdiri atas 10 digit, BPJS 13 digit, paspor satu huruf dan 7 angka.\n",
        "Hubungi kami di (0741) 60123 atau 1500-400.\n",
        "Kendaraan dengan nomor polisi BH ... ditilang.\n",
    ]
    chance.shuffle(lines)
    return chance.choice(("txt", "md", "html")), "Pengumuman\n\n" + "\n".join(lines)


def samples(chance: Chance) -> Text:
    """Documentation of services, with the samples that they print."""
    jwt = (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwi"
        "aWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
    )
    return chance.choice(
        (
            (
                "md",
                (
                    "AWS_ACCESS_KEY_ID=AKIA"
                    "IOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCY"
                    "EXAMPLEKEY\n"
                ),
            ),
            ("md", f"Authorization: Bearer {jwt}\n"),
            ("md", "https://api.telegram.org/bot123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11/getMe\n"),
            (
                "env",
                "MIDTRANS_SERVER_KEY=\nMIDTRANS_SERVER_KEY=Mid-server-" + "x" * 24,
            ),
            (
                "env",
                "XENDIT_KEY=xnd_development_your_key_here\nDOKU_SECRET_KEY=SK-xxxxxxxxxxxxxxxx\n",
            ),
            (
                "md",
                f"git clone with ghp_{'x' * 36} or glpat-{'x' * 20}\n",
            ),
            (
                "env",
                "JWT_SECRET=\nAPI_SECRET_KEY=your-secret-key-goes-here\nPUSHER_APP_SECRET=${X}\n",
            ),
            (
                "php",
                (
                    "<?php\n$db['default'] = array('hostname' => 'localhost', 'username' => '',\n"
                    "'password' => '', 'database' => '', 'dbdriver' => 'mysqli');\n"
                ),
            ),
            (
                "php",
                (
                    "<?php\ndefine( 'DB_PASSWORD', 'password_here' );\n"
                    "define( 'AUTH_KEY', 'put your unique phrase here' );\n"
                ),
            ),
            (
                "php",
                (
                    "<?php\n$password = $_POST['password'];\n"
                    "if (password_verify($password, $row['password'])) {}\n"
                ),
            ),
            (
                "js",
                (
                    "const headers = {Authorization: 'Bearer ' + token, "
                    "'X-API-KEY': process.env.API_KEY}\n"
                ),
            ),
            (
                "txt",
                "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n",
            ),
            ("txt", "root:*:19000:0:99999:7:::\ndaemon:!:19000:0:99999:7:::\n"),
            (
                "json",
                '{"type": "service_account", "private_key": "<your key>", "client_email": ""}\n',
            ),
            ("txt", "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 1\n...\n"),
            (
                "txt",
                (
                    "AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50u"
                    "SRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;\n"
                ),
            ),
            ("txt", f"data:image/png;base64,{base64.b64encode(chance.randbytes(3000)).decode()}\n"),
        )
    )


def code(chance: Chance) -> Text:
    """Programs that name the columns of a register and hold no data."""
    names = ["NIK", "NO_KK", "NAMA_LGKP", "TGL_LHR", "NIK_IBU", "NIK_AYAH", "PSNOKA", "NOKARTU"]
    chance.shuffle(names)
    listed = ", ".join(f"'{name}'" for name in names)
    columns = ",\n".join(f"  `{name}` varchar(32)" for name in names)
    return chance.choice(
        (
            (
                "php",
                f"<?php\nclass Penduduk extends Model {{ protected $fillable = [{listed}]; }}\n",
            ),
            ("sql", f"CREATE TABLE `penduduk` (\n{columns}\n);\n"),
            ("csv", ";".join(names) + "\n"),
            ("py", f"COLUMNS = [{listed}]\nfor name in COLUMNS: print(name)\n"),
            ("html", "<form><input name='nik'><input name='no_hp'><label>NISN</label></form>\n"),
        )
    )


HARDER: tuple[Callable[[Chance], Text], ...] = (
    school,
    school,
    wrong,
    wrong,
    prose,
    samples,
    samples,
    code,
)
