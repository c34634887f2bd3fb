"""Alerts as people read them: title, what happened, why it matters, what to do now.

Pure. Facts come from agents, so they are cleaned again here: a control or bidi character
must reach no terminal, phone or chat, whatever an agent sends.
"""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from server.alerts.catalog import N_, translate
from server.alerts.network_text import LABELS as NETWORK_LABELS
from server.alerts.sentences import ABSENT, fill, fill_rule, say
from signatures.network_names import NAMES

MAX_TEXT = 300
"""Characters of one fact; the middle of a longer one is left out."""

LABELS: Mapping[str, str] = {
    "host": N_("Server"),
    "opd": N_("Agency"),
    "path": N_("File"),
    "token": N_("Token for ronda-agent locate"),
    "url": N_("Web address"),
    "served": N_("The web server"),
    "counts": N_("Holds"),
    "canaries": N_("Canary"),
    "canary_opd": N_("Canary of"),
    "canary_place": N_("Planted at"),
    "registered": N_("Registered citizens"),
    "registers": N_("Register"),
    "reachable": N_("Reachable"),
    "size": N_("Size in bytes"),
    "mode": N_("Mode"),
    "previous_mode": N_("Mode before"),
    "capabilities": N_("Capabilities"),
    "owner": N_("Owner (uid)"),
    "accounts": N_("Accounts"),
    "sha256": N_("SHA-256"),
    "cause": N_("Cause"),
    "reason": N_("Details"),
    "sensor": N_("Sensor"),
    "restarts": N_("Restarts"),
    "dropped": N_("Events dropped"),
    "hosts": N_("Machines"),
    "addresses": N_("Addresses"),
    **NETWORK_LABELS,
    "role": N_("Role of the file"),
    "program": N_("Changed by program"),
    "who": N_("User (uid)"),
    "login": N_("Logged in as (uid)"),
    "window": N_("Change window"),
    "paths": N_("Places"),
    "git": N_("In the git checkout"),
    "entries": N_("Entries"),
    "package": N_("Package"),
    "begin": N_("From"),
    "end": N_("Until"),
}
WORDS: Mapping[str, str] = {
    "created": N_("created"),
    "modified": N_("modified"),
    "attributes": N_("changed in its attributes"),
    "deleted": N_("deleted"),
    "crashed": N_("crashed"),
    "given_up": N_("given up"),
    "committed": N_("as committed"),
    "untracked": N_("not under version control"),
    "web_root": N_("from the internet, unless the web server forbids it"),
    "world_readable": N_("by every account of the server, not through the web"),
    "private": N_("by its owner only"),
    "downloadable": N_("hands it out"),
    "listed": N_("hands it out, and shows its name in the list of the folder"),
    "forbidden": N_("refuses it"),
    "not_served": N_("does not hand it out"),
    "executed": N_("runs it"),
    "unknown": N_("not known"),
    "queue_overflow": N_("too many changes at once"),
    "watch_limit": N_("limit of watches reached"),
    "permission": N_("no permission"),
    "unmounted": N_("file system removed"),
    "mounted_over": N_("file system mounted over it"),
    "packets_dropped": N_("more packets than could be read"),
    "interface_gone": N_("network interface removed"),
    "child_died": N_("the process that reads packets ended"),
    "disk_warning": N_("disk filling up"),
    "disk_full": N_("disk full"),
    "role_crashed": N_("a part crashed"),
    "corrupt": N_("damaged"),
    "missing": N_("missing"),
    "rolled_back": N_("older than what was already received"),
}
TYPES: Mapping[str, str] = {
    "nik": N_("citizens' identity numbers (NIK)"),
    "kk": N_("family card numbers (KK)"),
    "npwp": N_("tax numbers (NPWP)"),
    "nip": N_("civil servant numbers (NIP)"),
    "card": N_("payment card numbers"),
    "private_key": N_("private keys"),
    "dsn": N_("service addresses with passwords"),
    "password": N_("passwords"),
    "app_key": N_("application keys"),
    "bpjs": N_("health insurance numbers (BPJS)"),
    "kpj": N_("workers' insurance numbers (KPJ)"),
    "nisn": N_("pupil numbers (NISN)"),
    "passport": N_("passport numbers"),
    "sim": N_("driving licence numbers (SIM)"),
    "bank_account": N_("bank account numbers"),
    "phone": N_("telephone numbers"),
    "email": N_("e-mail addresses"),
    "birth": N_("dates of birth with names"),
    "plate": N_("number plates"),
    "nop": N_("land tax numbers (NOP)"),
    "nib": N_("business numbers (NIB)"),
    "aws_key": N_("keys of Amazon Web Services"),
    "gcp_key": N_("keys of Google Cloud"),
    "azure_key": N_("keys of Azure"),
    "jwt": N_("session tokens (JWT)"),
    "telegram_token": N_("tokens of Telegram bots"),
    "payment_key": N_("keys of payment gateways"),
    "git_token": N_("tokens of source code services"),
    "password_hash": N_("password hashes"),
    "secret": N_("assigned secrets"),
    "keepass": N_("password databases (KeePass)"),
    "marking": N_("classification marks"),
    "dukcapil": N_("columns of the population register"),
    "bpjs_dump": N_("columns of the health insurance"),
}
LEVEL_WORDS: Mapping[str, str] = {
    "informational": N_("informational"),
    "low": N_("low"),
    "medium": N_("medium"),
    "high": N_("high"),
    "critical": N_("critical"),
}
AT_LEAST = N_("at least {number}")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_SPACE = re.compile(r"\s+")


def render_title(row: Mapping[str, Any], language: str) -> str:
    """Return the title of a row of table ``alert`` in *language*."""
    return clean(translate(str(row["title"]), language))


def render_text(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return the texts of a row of table ``alert``.

    ``summary`` what happened; ``explanation`` that and why it matters, a line each; ``facts`` a
    list of label and value; ``evidence`` masked examples; ``next_steps`` a list of sentences.
    """
    fields = json.loads(row["fields"])
    facts = _facts(row, fields)
    shown = {name: show(name, value, language) for name, value in facts.items()}
    summary = fill_rule(translate(str(fields.get("summary", "")), language), shown)
    why = fill_rule(translate(str(fields.get("explanation", "")), language), shown)
    return {
        "summary": summary,
        "explanation": "\n".join(text for text in (summary, why) if text),
        "facts": [
            {"label": translate(label, language), "value": shown[name]}
            for name, label in LABELS.items()
            if name in facts and not _says_nothing(name, facts)
        ],
        "evidence": [clean(str(sample)) for sample in facts.get("samples", [])],
        "next_steps": [
            fill_rule(translate(str(step), language), shown)
            for step in fields.get("next_steps", [])
        ],
    }


def _says_nothing(name: str, facts: Mapping[str, Any]) -> bool:
    if name == "registered":  # without a register 0 would say that somebody had looked
        return not facts[name]
    if facts[name] == []:
        return True
    return name == "reason" and bool(facts["reason"] == facts.get("cause"))


def _facts(row: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    facts = dict(fields.get("facts", {}))
    facts["alert"] = row["id"]
    facts["host"] = row["host"] or facts.get("host", "")
    facts["opd"] = row["opd"] or facts.get("opd", "")
    return facts


def show(name: str, value: Any, language: str) -> str:
    """Return one fact as text, clean and in *language*."""
    if name == "counts" and isinstance(value, list):
        return ", ".join(_count(entry, language) for entry in value)
    if name in {"begin", "end", "known"} and isinstance(value, int):
        return moment(value)
    if name == "alert" or (name == "port" and isinstance(value, int)):
        return str(value)
    if isinstance(value, list):
        if name == "texts":
            value = [text for text in dict.fromkeys(map(str, value)) if text]
        return ", ".join(clean(str(item)) for item in value)
    if isinstance(value, (int, float)):
        return number(value, language)
    text = str(value)
    if name == "finding" and text in NAMES:
        return translate(NAMES[text], language)
    if text in WORDS:
        return translate(WORDS[text], language)
    return clean(say(text, language) if name == "reason" else text)


def _count(entry: Any, language: str) -> str:
    try:
        type_, count, exact = entry
    except (TypeError, ValueError):
        return ABSENT
    name = translate(TYPES.get(str(type_), str(type_)), language)
    amount = number(count, language)
    if not exact:
        amount = fill(translate(AT_LEAST, language), {"number": amount})
    return f"{amount} {clean(name)}"


def number(value: Any, language: str) -> str:
    """Return a number with the language's separator of thousands."""
    text = f"{value:,}" if isinstance(value, (int, float)) else clean(str(value))
    return text.replace(",", ".") if language == "id" and isinstance(value, int) else text


def moment(ns: int) -> str:
    """Return ns since 1970 as ``2026-11-24 07:30:12 UTC``."""
    try:
        when = datetime.datetime.fromtimestamp(ns // 10**9, tz=datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return ABSENT
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def clean(text: str) -> str:
    """Return *text* on one line, without control and bidi characters, at most `MAX_TEXT` long."""
    flat = _SPACE.sub(" ", text)
    visible = "".join(
        c if unicodedata.category(c) not in _HIDDEN else "\N{REPLACEMENT CHARACTER}" for c in flat
    )
    if len(visible) <= MAX_TEXT:
        return visible
    half = MAX_TEXT // 2 - 2
    return f"{visible[:half]} … {visible[-half:]}"
