"""What the sections of an Apache configuration say together about one file. Pure.

Sections are merged in Apache's order: directories from the outside in, each with its .htaccess,
then patterns of directories, files, locations. What a module's later section says replaces what
its earlier ones said. Source: Apache 2.4 "Configuration Sections", "How Directory, Location and
Files sections work", mod_authz_core, mod_access_compat, mod_mime.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Iterator, Sequence

from collectors.exposure.web.lines import is_everybody
from collectors.exposure.web.model import Directive
from collectors.exposure.web.patterns import Unclear

OPEN, DENIED, BY_ADDRESS, LOGIN = "", "denied", "restricted_by_address", "needs_login"
_REQUIRE = frozenset({"require", "requireall", "requireany", "requirenone"})
_COMPAT = frozenset({"order", "allow", "deny"})
_DECISIVE = _REQUIRE | _COMPAT | {"sethandler", "redirect", "rewriterule", "addhandler"}
_RUNS = re.compile(r"php(?!.*source)|fcgi|fastcgi|proxy:|cgi-script|lua-script|wsgi|perl|lsapi")
_TYPES = mimetypes.MimeTypes(()).types_map[True]
CATEGORIES = {
    **dict.fromkeys(_REQUIRE, "authconfig"),
    **dict.fromkeys(("authtype", "authname", "authuserfile", "satisfy"), "authconfig"),
    **dict.fromkeys(_COMPAT, "limit"),
    **dict.fromkeys(("options", "xbithack", "php_flag", "php_value"), "options"),
    **dict.fromkeys(("directoryindex", "indexignore", "indexoptions"), "indexes"),
    **dict.fromkeys(("addhandler", "addtype", "sethandler", "forcetype", "redirect"), "fileinfo"),
    **dict.fromkeys(("removehandler", "removetype", "redirectmatch", "errordocument"), "fileinfo"),
    **dict.fromkeys(("rewriteengine", "rewriterule", "rewritecond", "rewritebase"), "fileinfo"),
}
"""Directive to the class of AllowOverride that lets a .htaccess say it."""
_NOT_HERE = frozenset(
    b"php_admin_flag php_admin_value documentroot alias scriptalias listen servername proxypass"
    b" allowoverride virtualhost directory location directorymatch locationmatch".decode().split()
)
"""What breaks a .htaccess: every answer from its folder is an error then."""


class Merged:
    """The sections that apply to one file, merged one after the other."""

    def __init__(self) -> None:
        self.require: Sequence[Directive] = ()
        self.compat: Sequence[Directive] = ()
        self.satisfy = "all"
        self.merges = False
        """Whether a section adds to the Require lines around it (AuthMerging)."""
        self.options = {"followsymlinks"}
        self.index: tuple[str, ...] = ("index.html",)
        self.hidden: list[str] = []
        self.handler = ""
        self.engine_off = False
        self.handlers: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self.redirects: list[Directive] = []
        self.override: frozenset[str] = frozenset()
        """Classes that a .htaccess below may use."""

    def add(self, section: Iterable[Directive]) -> None:
        """Merge one section."""
        own = list(_for_get(section))
        required = [one for one in own if one.name in _REQUIRE]
        if required:
            self.require = required
        compat = [one for one in own if one.name in _COMPAT or one.name == "satisfy"]
        if compat:  # this module does not merge: what it said before is forgotten
            self.compat = [one for one in compat if one.name != "satisfy"]
            self.satisfy = "all"
        for one in own:
            self._set(one)

    def _set(self, one: Directive) -> None:
        handler = getattr(self, f"_on_{one.name}", None) if one.name.isalpha() else None
        if one.name in ("php_flag", "php_admin_flag", "php_value", "php_admin_value"):
            if [arg.lower() for arg in one.args[:1]] == ["engine"] and len(one.args) > 1:
                self.engine_off = one.args[1].lower() in ("off", "0", "false")
        elif handler is not None:
            handler(one)

    def _on_options(self, one: Directive) -> None:
        words = [arg.lower() for arg in one.args]
        if not all(word[:1] in "+-" for word in words):
            self.options = set()
        for word in words:
            plain = word.lstrip("+-")
            names = {"all": {"indexes", "followsymlinks", "execcgi", "includes"}}.get(
                plain, {plain}
            )
            self.options = self.options - names if word[0] == "-" else self.options | names

    def _on_satisfy(self, one: Directive) -> None:
        self.satisfy = one.args[0].lower() if one.args else "all"

    def _on_authmerging(self, one: Directive) -> None:
        self.merges = one.args[:1] != () and one.args[0].lower() in ("and", "or")

    def _on_directoryindex(self, one: Directive) -> None:
        self.index = () if one.args[:1] == ("disabled",) else one.args

    def _on_indexignore(self, one: Directive) -> None:
        self.hidden += one.args

    def _on_sethandler(self, one: Directive) -> None:
        name = one.args[0].lower() if one.args else ""
        self.handler = "" if name in ("none", '"none"') else name

    def _on_forcetype(self, one: Directive) -> None:
        self._on_sethandler(one)

    def _on_addhandler(self, one: Directive) -> None:
        for ending in one.args[1:]:
            self.handlers[ending.lstrip(".").lower()] = one.args[0].lower()

    def _on_addtype(self, one: Directive) -> None:
        for ending in one.args[1:]:
            self.types[ending.lstrip(".").lower()] = one.args[0].lower()

    def _on_removehandler(self, one: Directive) -> None:
        for ending in one.args:
            self.handlers[ending.lstrip(".").lower()] = ""

    def _on_removetype(self, one: Directive) -> None:
        for ending in one.args:
            self.types[ending.lstrip(".").lower()] = ""

    def _on_redirect(self, one: Directive) -> None:
        self.redirects.append(one)

    def _on_redirectmatch(self, one: Directive) -> None:
        self.redirects.append(one)

    def _on_allowoverride(self, one: Directive) -> None:
        words = {arg.lower().partition("=")[0] for arg in one.args}
        every = frozenset(CATEGORIES.values())
        self.override = every if "all" in words else frozenset(words - {"none"})

    @property
    def refusal(self) -> str:
        """Why somebody from outside does not get it; empty when he does."""
        if self.merges:
            raise Unclear("depends_on_other_sections")
        new, old = _required(self.require), _compat(self.compat)
        if self.satisfy == "any" and OPEN in (new, old) and (self.require or self.compat):
            return OPEN
        return new or old

    def runs(self, name: str) -> bool:
        """Tell whether a program runs the file called *name*.

        Raises:
            Unclear: never at present; for callers that treat all answers alike.
        """
        handler = self.handler or self._by_ending(name)
        if not handler or not _RUNS.search(handler):
            return False
        return not (self.engine_off and "proxy:" not in handler and "php" in handler)

    def _by_ending(self, name: str) -> str:
        endings = name.lower().split(".")[1:]
        # mod_mime looks at every ending: config.php.bak is run where .php is.
        for ending in reversed(endings):
            if self.handlers.get(ending):
                return self.handlers[ending]
        for ending in reversed(endings):
            if ending in self.types:
                return self.types[ending] if "php" in self.types[ending] else ""
            if f".{ending}" in _TYPES:
                return ""
        return ""


def _for_get(section: Iterable[Directive]) -> Iterator[Directive]:
    """Yield the directives, with those that stand in a Limit and hold for GET."""
    for one in section:
        methods = {arg.upper() for arg in one.args}
        if one.name in ("limit", "limitexcept"):
            if ("GET" in methods) == (one.name == "limit"):
                yield from _for_get(one.block or ())
        else:
            yield one


def decides(section: Iterable[Directive]) -> bool:
    """Tell whether a section can forbid a file, or give it to a program."""
    return any(
        one.name in _DECISIVE or (one.block is not None and decides(one.block)) for one in section
    )


def breaks(directives: Iterable[Directive], allowed: frozenset[str]) -> bool:
    """Tell whether a .htaccess says what it may not say: the server answers with an error."""
    for one in directives:
        if one.name in _NOT_HERE:
            return True
        needed = CATEGORIES.get(one.name)
        if needed is not None and needed not in allowed:
            return True
        if one.block is not None and one.name not in _REQUIRE and breaks(one.block, allowed):
            return True
    return False


def _required(rules: Sequence[Directive]) -> str:
    """Return why the Require lines refuse a stranger; several lines are "any of them"."""
    if not rules:
        return OPEN
    return _any([_one(rule) for rule in rules if not _is_not(rule)] or [DENIED])


def _is_not(rule: Directive) -> bool:
    return rule.name == "require" and rule.args[:1] == ("not",)


def _any(answers: Sequence[str]) -> str:
    order = (OPEN, LOGIN, BY_ADDRESS, DENIED)
    return min(answers, key=order.index, default=DENIED)


def _one(rule: Directive) -> str:
    inner = rule.block or ()
    if rule.name == "requireany":
        return _any([_one(one) for one in inner])
    if rule.name == "requirenone":
        return OPEN  # shuts out those that it names
    if rule.name == "requireall":
        answers = [_one(one) for one in inner if not _is_not(one)]
        refused = [answer for answer in answers if answer != OPEN]
        return refused[0] if refused else OPEN
    kind = " ".join(rule.args[:2]).lower()
    if kind == "all granted":
        return OPEN
    if kind == "all denied":
        return DENIED
    first = rule.args[0].lower() if rule.args else ""
    if first == "ip" and any(is_everybody(arg) for arg in rule.args[1:]):
        return OPEN
    if first in ("ip", "local", "host", "forward-dns"):
        return BY_ADDRESS
    if first == "method":
        methods = {arg.upper() for arg in rule.args[1:]}
        return OPEN if "GET" in methods else DENIED
    if first in ("valid-user", "user", "group", "ldap-user", "ldap-group", "file-owner"):
        return LOGIN
    raise Unclear("depends_on_request")  # expr, env


def _compat(rules: Sequence[Directive]) -> str:
    """Return why Order, Allow and Deny refuse a stranger."""
    order = [" ".join(one.args).lower().replace(" ", "") for one in rules if one.name == "order"]
    deny_first = not order or order[-1] in ("deny,allow", "mutual-failure")
    allow_all = _says_all(rules, "allow")
    deny_all = _says_all(rules, "deny")
    if any(arg.lower().startswith("env=") for one in rules for arg in one.args[1:]):
        raise Unclear("depends_on_request")
    some = any(one.name == "allow" for one in rules) and not allow_all
    refused = deny_all and not allow_all if deny_first else not allow_all or deny_all
    if not refused:
        return OPEN
    return BY_ADDRESS if some else DENIED


def _says_all(rules: Sequence[Directive], name: str) -> bool:
    return any(
        one.name == name and any(arg.lower() == "all" or is_everybody(arg) for arg in one.args[1:])
        for one in rules
    )
