"""Shapes of attacks in requests: a cheap gate of words, then a pattern.

Knowledge from OWASP's description of the classes and from the CVE entries named at each. Text is
decoded twice and lower case before it is looked at; ``+`` is a space.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Shape(NamedTuple):
    """One class of attack."""

    rule: str
    technique: str
    gate: tuple[str, ...]
    """One of these stands in each text that the pattern can match."""
    pattern: re.Pattern[str]
    severity: str
    """Of a try."""
    answered: str
    """Of one that got a 2xx status."""


def _shape(  # noqa: PLR0917
    rule: str, technique: str, gate: str, pattern: str, severity: str, answered: str
) -> Shape:
    return Shape(rule, technique, tuple(gate.split(" ")), re.compile(pattern), severity, answered)


SHAPES = (
    _shape(
        "web.log4shell",  # CVE-2021-44228; nested look-ups hide the word
        "T1190",
        "${",
        r"\$\{(?:jndi|[^}]{0,40}\$\{[^}]{0,20}\}|(?:lower|upper|env|sys|date)?:[^}]{0,40}:?-?j)",
        "medium",
        "medium",  # whether it worked is not in the answer
    ),
    _shape(
        "web.sqli",
        "T1190",
        "select union sleep( benchmark( waitfor information_schema extractvalue( updatexml( "
        "xp_cmdshell load_file( outfile dumpfile order ' pg_sleep( dbms_",
        r"\bunion(?:\s|/\*.{0,40}?\*/)+(?:all(?:\s|/\*.{0,40}?\*/)+)?select\b"
        r"|\bselect\b.{1,200}?\bfrom\s+(?:information_schema|mysql\.|pg_catalog|sysobjects|dual\b)"
        r"|(?:\b(?:and|or|if|case|xor)\b|[;,(]|\|\|).{0,40}?\b(?:pg_)?sleep\s*\(\s*\d"
        r"|\bbenchmark\s*\(\s*\d+\s*,|\bwaitfor\s+delay\s*'"
        r"|\b(?:extractvalue|updatexml)\s*\(.{0,80}?(?:concat|0x)"
        r"|\bxp_cmdshell\b|\bload_file\s*\(|\binto\s+(?:out|dump)file\b"
        r"|['\")]\s*(?:or|and)\s+['\"(]?(\w{1,20})['\")]?\s*(?:=|like)\s*['\"(]?\1\b"
        r"|['\")]\s*(?:--|#|;\s*(?:drop|insert|update|delete|shutdown)\b)"
        r"|'\s*\)?\s*order\s+by\s+\d+\s*(?:--|#)|\bdbms_(?:pipe|ldap|lock)\b",
        "low",
        "medium",
    ),
    _shape(
        "web.traversal",
        "T1190",
        "../ ..\\ /etc/ win.ini /proc/ php:// file:// expect:// phar:// ..;/ .env .git/ wp-config",
        r"(?:\.\.[/\\]){2,}|\.\.[/\\](?:etc|proc|windows|var|boot|home)[/\\]"
        r"|[=/\\](?:etc[/\\](?:passwd|shadow|hosts)|proc[/\\]self[/\\]|(?:windows|winnt)[/\\]win\.ini)"
        r"|=(?:php|phar|expect|file|zip|data)://|/\.\.;/"
        r"|/\.env(?:\.\w+)?(?:$|\?)|/\.git/(?:config|head|index)\b"
        r"|wp-config\.php(?:\.(?:bak|old|save|swp|txt|orig)|~)",
        "low",
        "high",
    ),
    _shape(
        "web.remote_file",
        "T1190",
        "=http:// =https:// =ftp://",
        r"=(?:https?|ftp)://[^&\s]{1,200}\.(?:txt|php|phtml|dat|jpg|gif|png|sh)\?{1,2}(?:$|&|\s)"
        r"|[?&](?:page|include|inc|file|path|template|dir|root|abspath|mosconfig_absolute_path)"
        r"=(?:https?|ftp)://[^&\s]{1,200}\.(?:txt|php|phtml|sh)\b",
        "low",
        "medium",
    ),
    _shape(
        "web.command",
        "T1190",
        "; | ` $( && %0a",
        # Not the languages of a translation: langpair=en|id
        r"(?:[;|`\n]|\$\(|&&)(?!(?<=\b\w\w\|)id\b)\s*(?:/(?:usr/)?s?bin/)?(?:wget|curl|nc|ncat|bash|sh|id|whoami|uname"
        r"|cat|ls|ping|nslookup|chmod|powershell|perl|python[23]?|busybox|tftp|rm|echo|sleep"
        r"|cd)\b(?:\s+[-/\w$'\"{.]|[`);|]|\s*$)|\$\{ifs\}|/dev/tcp/",
        "medium",
        "high",
    ),
    _shape(
        "web.php",  # CVE-2018-20062, CVE-2024-4577, CVE-2017-9841, CVE-2012-1823
        "T1190",
        "invokefunction think\\ allow_url_include auto_prepend_file eval-stdin call_user_func "
        "base64_decode( <?php assert( system( phpinfo( passthru( shell_exec(",
        r"invokefunction|think\\(?:app|request|container|view)|allow_url_include\s*=|"
        r"auto_prepend_file\s*=|/phpunit/.{0,80}?eval-stdin\.php|call_user_func(?:_array)?\b"
        r"|<\?php|[?&=;](?:[^&]{0,60}?)\b(?:eval|assert|system|passthru|shell_exec|phpinfo)\s*\("
        r"|(?:eval|assert)\s*\(\s*base64_decode",
        "medium",
        "high",
    ),
    _shape(
        "web.shell",
        "T1505.003",
        ".php .phtml .phar .jsp .asp .aspx .ashx",
        r"/(?:c99|r57|wso\d*|b374k|alfa(?:shell|_data)?|indoxploit|mini(?:shell)?|marijuana"
        r"|gel4y|p0wny|weevely|cmd|webshell|shell\d*|backdoor|idx|antichat|chopper|behinder"
        r"|godzilla|tiny(?:filemanager)?|priv8|leaf|anonsec|0byt3m1n1)\.(?:php\d?|phtml|phar|jspx?"
        r"|aspx?|ashx)(?:$|[?/])"
        r"|\.(?:php\d?|jspx?|aspx?)\?(?:.{0,60}&)?(?:cmd|exec|command|c|x|e|pass|0)="
        r"(?:id|whoami|uname|ls|cat|pwd|wget|curl|net|dir|ipconfig|systeminfo)\b",
        "low",
        "high",
    ),
    _shape(
        "web.script",
        "T1505.003",
        ".php .phtml .phar .jsp .asp .aspx",
        r"/(?:uploads?|images?|img|gambar|tmp|cache)/(?:[\w.-]+/){0,5}"
        r"(?!(?:index|(?:kode_?)?captcha\w*|securimage\w*|thumb\w*|timthumb|phpthumb|resize\w*"
        r"|browse|upload|connector|config)\.)[\w.-]+\.(?:php\d?|phtml|phar|jspx?|aspx?)(?:$|[?/])",
        "low",
        "high",
    ),
    _shape(
        "web.script",  # often a part of the application itself
        "T1505.003",
        ".php .phtml .phar .jsp .asp .aspx",
        r"/(?:media|files?|assets|berkas|foto|dokumen)/(?:[\w.-]+/){0,5}[\w.-]+"
        r"\.(?:php\d?|phtml|phar|jspx?|aspx?)(?:$|[?/])",
        "low",
        "low",
    ),
    _shape(
        "web.xss",
        "T1059.007",
        "<script onerror onload javascript: <svg <img <iframe document.cookie",
        r"<script\b[^>]{0,80}>|<(?:svg|img|body|iframe|details)\b[^>]{0,120}?\bon\w{3,15}\s*="
        r"|[=\"']\s*javascript:\s*\w|document\.cookie",
        "low",
        "low",
    ),
)

SCANNERS = re.compile(
    r"sqlmap|nikto|nmap scripting|masscan|zgrab|nuclei|wpscan|dirbuster|gobuster|feroxbuster"
    r"|ffuf|wfuzz|acunetix|nessus|openvas|netsparker|arachni|havij|w3af|zmeu|morfeus|jorgee"
    r"|commix|dirsearch|joomscan|whatweb|httpx - |fuzz faster|burpcollaborator|xsser"
    r"|jndi:|\(\)\s*\{\s*:;"
)
"""User agents of tools, and Shellshock (CVE-2014-6271)."""

SUSPECT = re.compile(
    r"[%'\"<>()\\;|`${}\n]|\.\.|/\.(?:env|git)|://"
    r"|wp-config|(?:union|select|sleep|order)[\s+/*]|\.(?:php\d?|phtml|phar|jspx?|aspx?|ashx)\b"
    r"|invokefunction|/etc/|/proc/|auto_prepend|allow_url",
    re.IGNORECASE,
)
"""What a request without any of these holds is no attack of the shapes above."""
