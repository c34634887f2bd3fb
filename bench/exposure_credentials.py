"""Synthetic documents that hold credentials, from the definitions of their forms."""

from __future__ import annotations

import base64
import json
import random
import string
import zlib
from collections.abc import Callable

from bench.exposure_documents import Document

Chance = random.Random
ALNUM = string.ascii_letters + string.digits


def text(chance: Chance, count: int, letters: str = ALNUM) -> str:
    """Return *count* random characters."""
    return "".join(chance.choices(letters, k=count))


def word(chance: Chance) -> str:
    """Return a password that a person would choose, or a program."""
    strange = text(chance, chance.choice((8, 14, 20)), ALNUM + "!@%^&*-_+.")
    return chance.choice(
        (f"{chance.choice(('Jambi', 'Simpeg', 'r4hasia'))}{text(chance, 5)}", f"a{strange}1")
    )


def _dsn(chance: Chance) -> tuple[str, str]:
    scheme = chance.choice(("mysql", "postgres", "mongodb+srv", "redis", "amqp"))
    url = f"{scheme}://aplikasi:{text(chance, 14)}@10.1.2.3:3306/data"
    return "env", f"APP_ENV=production\nDATABASE_URL={url}\n"


def _password(chance: Chance) -> tuple[str, str]:
    secret = word(chance)
    return chance.choice(
        (
            ("env", f"APP_ENV=x\nDB_PASSWORD={secret}\n"),
            ("env", f'MAIL_HOST=smtp\nMAIL_PASSWORD="{secret}"\n'),
            ("php", f"<?php\ndefine( 'DB_PASSWORD', '{secret}' );\n"),
            ("yml", f"services:\n  db:\n    environment:\n      MYSQL_ROOT_PASSWORD: {secret}\n"),
            (
                "php",
                (
                    "<?php\n$db['default'] = array(\n\t'dsn' => '',\n\t'hostname' => 'localhost',\n"
                    f"\t'username' => 'simpeg',\n\t'password' => '{secret}',\n"
                    "\t'database' => 'simpeg',\n\t'dbdriver' => 'mysqli',\n);\n"
                ),
            ),
            (
                "php",
                (
                    "<?php\n$db['default']['hostname'] = 'localhost';\n"
                    "$db['default']['username'] = 'root';\n"
                    f"$db['default']['password'] = '{secret}';\n"
                ),
            ),
            (
                "php",
                (
                    "<?php\n    public array $default = [\n        'hostname' => 'localhost',\n"
                    "        'username' => 'x',\n"
                    f"        'password' => '{secret}',\n        'DBDriver' => "
                    "'MySQLi',\n    ];\n"
                ),
            ),
        )
    )


def _app_key(chance: Chance) -> tuple[str, str]:
    key = base64.b64encode(chance.randbytes(32)).decode()
    return "env", f"APP_NAME=x\nAPP_KEY=base64:{key}\nAPP_DEBUG=false\n"


def _private_key(chance: Chance) -> tuple[str, str]:
    body = base64.encodebytes(chance.randbytes(600)).decode()
    label = chance.choice(("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "))
    if chance.random() < 0.15:
        return "ppk", (
            "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: server\nPublic-Lines: 2\n"
            f"{text(chance, 64)}\n{text(chance, 30)}==\nPrivate-Lines: 3\n{text(chance, 64)}\n"
            f"{text(chance, 64)}\n{text(chance, 40)}==\nPrivate-MAC: {chance.randbytes(32).hex()}\n"
        )
    return "key", f"-----BEGIN {label}PRIVATE KEY-----\n{body}-----END {label}PRIVATE KEY-----\n"


def _aws(chance: Chance) -> tuple[str, str]:
    # IAM user guide, "IAM identifiers": AKIA for long-term keys; 20 characters of base 32.
    key = f"AKIA{text(chance, 16, string.ascii_uppercase + '234567')}"
    secret = text(chance, 40, ALNUM + "/+")
    return chance.choice(
        (
            ("env", f"AWS_ACCESS_KEY_ID={key}\nAWS_DEFAULT_REGION=ap-southeast-3\n"),
            ("ini", f"[default]\naws_access_key_id = {key}\nregion = ap-southeast-3\n"),
            ("js", f"AWS.config.update({{accessKeyId: '{key}', region: 'ap-southeast-3'}});\n"),
            ("ini", f"[default]\naws_secret_access_key = {secret}\n"),
        )
    )


def _gcp(chance: Chance) -> tuple[str, str]:
    if chance.random() < 0.5:
        return "js", f"const key = 'AIza{text(chance, 35, ALNUM + '-_')}';\n"
    body = base64.b64encode(chance.randbytes(600)).decode()
    account = {
        "type": "service_account",
        "project_id": "simpeg-1",
        "private_key_id": chance.randbytes(20).hex(),
        "private_key": f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n",
        "client_email": "x@simpeg-1.iam.gserviceaccount.com",
    }
    return "json", json.dumps(account, indent=2)


def _azure(chance: Chance) -> tuple[str, str]:
    key = base64.b64encode(chance.randbytes(64)).decode()
    return "env", (
        "AZURE_STORAGE=DefaultEndpointsProtocol=https;AccountName=simpeg;"
        f"AccountKey={key};EndpointSuffix=core.windows.net\n"
    )


def _jwt(chance: Chance) -> tuple[str, str]:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    head = part({"alg": chance.choice(("HS256", "RS256")), "typ": "JWT"})
    body = part({"sub": str(chance.randrange(10**6)), "iat": chance.randrange(10**9, 2 * 10**9)})
    sign = base64.urlsafe_b64encode(chance.randbytes(32)).decode().rstrip("=")
    return chance.choice(
        (
            ("log", f"GET /api HTTP/1.1\nAuthorization: Bearer {head}.{body}.{sign}\n"),
            ("env", f"API_BEARER={head}.{body}.{sign}\nX=1\n"),
        )
    )


def _telegram(chance: Chance) -> tuple[str, str]:
    # Bot API, "Authorizing your bot": id, colon, 35 characters, of which the first are AA today.
    token = f"{chance.randrange(10**8, 10**10)}:AA{text(chance, 33, ALNUM + '-_')}"
    return chance.choice(
        (
            ("php", f"<?php $url = 'https://api.telegram.org/bot{token}/sendMessage';\n"),
            ("env", f"TELEGRAM_BOT_TOKEN={token}\nCHAT=1\n"),
        )
    )


def _payment(chance: Chance) -> tuple[str, str]:
    return chance.choice(
        (
            ("env", f"MIDTRANS_SERVER_KEY=Mid-server-{text(chance, 24, ALNUM + '-_')}\nX=1\n"),
            ("php", f"<?php Config::$serverKey = 'SB-Mid-server-{text(chance, 24)}';\n"),
            ("env", f"XENDIT_KEY=xnd_production_{text(chance, 60)}\nX=1\n"),
            ("js", f"new Xendit({{secretKey: 'xnd_development_{text(chance, 60)}'}})\n"),
            (
                "env",
                f"DOKU_CLIENT_ID=BRN-0239-1736742088036\nDOKU_SECRET_KEY=SK-{text(chance, 20)}\n",
            ),
        )
    )


def _hash(chance: Chance) -> tuple[str, str]:
    crypt = string.ascii_letters + string.digits + "./"
    return chance.choice(
        (
            ("htpasswd", f"admin:$apr1${text(chance, 8, crypt)}${text(chance, 22, crypt)}\n"),
            ("htpasswd", f"opd:$2y$05${text(chance, 53, crypt)}\n"),
            (
                "txt",
                f"root:$6${text(chance, 16, crypt)}${text(chance, 86, crypt)}:19700:0:99999:7:::\n",
            ),
            (
                "txt",
                (
                    f"budi:$y$j9T${text(chance, 22, crypt)}${text(chance, 43, crypt)}"
                    ":19700:0:99999:7:::\n"
                ),
            ),
            ("htpasswd", f"web:{{SHA}}{base64.b64encode(chance.randbytes(20)).decode()}\n"),
        )
    )


def _git(chance: Chance) -> tuple[str, str]:
    # GitHub blog, 2021-04-05: 30 characters and a CRC-32 of them in base 62.
    letters = string.digits + string.ascii_uppercase + string.ascii_lowercase
    body = text(chance, 30)
    sum_, check = zlib.crc32(body.encode()), ""
    for _ in range(6):
        sum_, rest = divmod(sum_, 62)
        check = letters[rest] + check
    token = chance.choice((f"ghp_{body}{check}", f"glpat-{text(chance, 20, ALNUM + '-_')}"))
    return chance.choice(
        (
            ("env", f"GIT_TOKEN={token}\nX=1\n"),
            ("txt", f"machine github.com login opd password {token}\n"),
        )
    )


def _secret(chance: Chance) -> tuple[str, str]:
    name = chance.choice(("JWT_SECRET", "PUSHER_APP_SECRET", "API_SECRET_KEY", "SSO_CLIENT_SECRET"))
    return "env", f"APP_ENV=production\n{name}={text(chance, chance.choice((24, 40, 64)))}\n"


KINDS: dict[str, Callable[[Chance], tuple[str, str]]] = {
    "dsn": _dsn,
    "password": _password,
    "app_key": _app_key,
    "private_key": _private_key,
    "aws_key": _aws,
    "gcp_key": _gcp,
    "azure_key": _azure,
    "jwt": _jwt,
    "telegram_token": _telegram,
    "payment_key": _payment,
    "password_hash": _hash,
    "git_token": _git,
    "secret": _secret,
}


def credential(chance: Chance) -> Document:
    """Make a document with one credential; what it is called may be a type more."""
    if chance.random() < 0.05:
        magic = bytes.fromhex("03d9a29a67fb4bb5") + chance.randbytes(2000)
        return Document("sandi.kdbx", magic, {"keepass": 1})
    kind = chance.choice(tuple(KINDS))
    extension, body = KINDS[kind](chance)
    file = f"x.{extension}"
    # A service account holds a private key; a name may announce any of them as a secret.
    return Document(file, body.encode(), {kind: 1}, frozenset({"secret", "private_key"} - {kind}))
