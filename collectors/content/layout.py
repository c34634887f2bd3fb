"""Which format a file has, from its name and its first bytes."""

from __future__ import annotations

import re

from collectors.content.delimited import Delimited, sniff
from collectors.content.groups import Layout
from collectors.content.keyed import Keyed
from collectors.content.markup import Markup
from collectors.content.sql import Sql, looks_like_sql

_ASSIGNMENT = re.compile(rb"(?m)^(?:export )?[A-Z][A-Z0-9_]{1,60}=")
_TAGS = ((b"<?php", "php"), (b"<!doctype html", "html"), (b"<html", "html"), (b"<", "xml"))
_BY_EXTENSION = {
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "geojson": "json",
    "env": "env",
    "php": "php",
    "xml": "xml",
    "html": "html",
    "htm": "html",
    "yml": "yaml",
    "yaml": "yaml",
    "log": "log",
    "ini": "ini",
    "conf": "ini",
}


def choose(head: bytes, extension: str) -> Layout:
    """Return the layout of a file that begins with *head* (some kilobytes, UTF-8)."""
    if looks_like_sql(head):
        return Sql()
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"{", b"["):
        return Keyed("json")
    lowered = text[:64].lower()
    for tag, name in _TAGS:
        if lowered.startswith(tag):
            return Markup() if name == "html" or b"<table" in head.lower() else Keyed(name)
    if extension in ("html", "htm", "xls"):
        return Markup()
    if extension not in _BY_EXTENSION:
        delimiter = sniff(head)
        if delimiter is not None:
            return Delimited(delimiter, head)
    if len(_ASSIGNMENT.findall(head[:4096])) >= 2:
        return Keyed("env")
    return Keyed(_BY_EXTENSION.get(extension, "text"))
