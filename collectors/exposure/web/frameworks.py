"""Which application a web root holds, and which version. Pure; for the bounded child."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from collectors.exposure.web.model import Identified, Identify

MAX_BYTES = 2 << 20
"""Of each file; a composer.lock of a large application has about one."""


class _Framework(NamedTuple):
    name: str
    shows: tuple[str, ...]
    """Files of which one is enough to recognise it."""
    version: str = ""
    """File that tells the version."""
    pattern: str = ""
    """Its first group is the version."""
    content: str = ""
    """What the first file must hold."""


_QUOTED = r"\s*=>?\s*['\"]([\w.+ -]{1,40})['\"]"
_FRAMEWORKS = (
    _Framework(
        "WordPress",
        ("wp-includes/version.php", "wp-config.php"),
        "wp-includes/version.php",
        r"\$wp_version" + _QUOTED,
    ),
    _Framework(
        "OJS",
        ("lib/pkp/includes/bootstrap.inc.php", "lib/pkp/includes/bootstrap.php", "dbscripts/xml"),
        "dbscripts/xml/version.xml",
        r"<release>([\d.]{1,20})</release>",
    ),
    _Framework(
        "Moodle", ("lib/moodlelib.php",), "version.php", r"\$release\s*=\s*['\"]([\d.]{1,20}\+?)"
    ),
    _Framework(
        "Joomla",
        ("libraries/src/Version.php", "administrator/manifests/files/joomla.xml"),
        "administrator/manifests/files/joomla.xml",
        r"<version>([\w.-]{1,30})</version>",
    ),
    _Framework(
        "Drupal",
        ("core/lib/Drupal.php", "includes/bootstrap.inc"),
        "core/lib/Drupal.php",
        r"const VERSION" + _QUOTED,
    ),
    _Framework(
        "Drupal",
        ("modules/system/system.info",),
        "modules/system/system.info",
        r"^version\s*=\s*\"([\w.-]{1,20})\"",
    ),
    _Framework(
        "CodeIgniter",
        ("system/core/CodeIgniter.php",),
        "system/core/CodeIgniter.php",
        r"CI_VERSION['\"]?\s*,\s*['\"]([\w.-]{1,20})|const CI_VERSION" + _QUOTED,
    ),
    _Framework(
        "CodeIgniter",
        ("system/CodeIgniter.php",),
        "system/CodeIgniter.php",
        r"const CI_VERSION" + _QUOTED,
    ),
    _Framework(
        "phpMyAdmin",
        ("libraries/classes/Version.php", "libraries/vendor_config.php"),
        "libraries/classes/Version.php",
        r"VERSION" + _QUOTED,
    ),
)
_PACKAGES = {
    "laravel/framework": "Laravel",
    "codeigniter4/framework": "CodeIgniter",
    "symfony/framework-bundle": "Symfony",
    "yiisoft/yii2": "Yii",
    "cakephp/cakephp": "CakePHP",
    "drupal/core": "Drupal",
    "slim/slim": "Slim",
}
WANTED = tuple(
    dict.fromkeys(
        (
            *(name for one in _FRAMEWORKS for name in (*one.shows, one.version) if name),
            "composer.lock",
            "composer.json",
            "artisan",
            "storage/framework/down",
            "storage/framework/maintenance.php",
            ".maintenance",
            "configuration.php",
            "maintenance.html",
            "package.json",
        )
    )
)
"""What is to be read, seen from the root and, for a root named public, from the folder above."""
_VERSION = re.compile(r"[\w.+ -]{1,40}\Z")


def identify(request: Identify) -> Identified:
    """Return the framework and its version, as far as the files tell."""
    files = request.files
    texts = {name: data.decode("latin-1") for name, data in files.items()}
    for find in (_named, _composed, _artisan, _plain):
        found = find(texts, request.names)
        if found is not None:
            name, version = found
            version = version if _VERSION.match(version) else ""
            return Identified(framework=name, version=version, maintenance=_is_down(texts))
    return Identified(maintenance=_is_down(texts))


_Finder = Callable[[Mapping[str, str], tuple[str, ...]], "tuple[str, str] | None"]


def _named(texts: Mapping[str, str], _names: tuple[str, ...]) -> tuple[str, str] | None:
    for one in _FRAMEWORKS:
        if not any(name in texts for name in one.shows):
            continue
        match = re.search(one.pattern, texts.get(one.version, ""), re.MULTILINE)
        version = next((group for group in match.groups() if group), "") if match else ""
        return one.name, version
    return None


class _Package(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Lock(msgspec.Struct):
    packages: list[_Package] = []


class _Manifest(msgspec.Struct):
    require: dict[str, str] = {}


def _composed(texts: Mapping[str, str], _names: tuple[str, ...]) -> tuple[str, str] | None:
    try:
        lock = msgspec.json.decode(texts.get("composer.lock", "{}").encode("latin-1"), type=_Lock)
    except (msgspec.DecodeError, RecursionError):
        lock = _Lock()
    for package in lock.packages:
        if package.name in _PACKAGES:
            return _PACKAGES[package.name], package.version.removeprefix("v")
    try:
        text = texts.get("composer.json", "{}").encode("latin-1")
        manifest = msgspec.json.decode(text, type=_Manifest)
    except (msgspec.DecodeError, RecursionError):
        return None
    for name in manifest.require:
        if name in _PACKAGES:
            return _PACKAGES[name], ""  # a range, not a version
    return None


def _artisan(texts: Mapping[str, str], _names: tuple[str, ...]) -> tuple[str, str] | None:
    return ("Laravel", "") if "artisan" in texts else None


def _plain(_texts: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str] | None:
    endings = {name.rpartition(".")[2].lower() for name in names if "." in name}
    if endings & {"php", "phtml", "php5", "php7"}:
        return "PHP", ""
    if endings & {"py", "rb", "jsp", "aspx", "asp", "cgi"}:
        return "program", ""
    return ("static", "") if endings & {"html", "htm"} else None


def _is_down(texts: Mapping[str, str]) -> bool:
    """Tell whether the application itself says that it is switched off."""
    if any(name in texts for name in ("storage/framework/down", ".maintenance")):
        return True
    joomla = re.search(r"\$offline\s*=\s*['\"]?(1|true)\b", texts.get("configuration.php", ""))
    return joomla is not None
