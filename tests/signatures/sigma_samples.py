"""A small rule to vary."""

from __future__ import annotations

import textwrap

ID = "11111111-1111-4111-8111-111111111111"


def rule_text(detection: str, head: str = "", logsource: str = "") -> str:
    """Return the text of a rule with *detection* (YAML, any indentation)."""
    body = textwrap.indent(textwrap.dedent(detection).strip(), "  ")
    source = logsource or "product: ronda\ncategory: file_event"
    return (
        f"title: A rule\nid: {ID}\nstatus: test\nlevel: high\n{head}logsource:\n"
        f"{textwrap.indent(source, '  ')}\ndetection:\n{body}\n"
    )
