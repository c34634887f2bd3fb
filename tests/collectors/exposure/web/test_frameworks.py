"""What a web root says of itself, and what strangers may write there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.exposure.web.frameworks import WANTED, identify
from collectors.exposure.web.model import Identified, Identify

LOCK = '{"packages": [{"name": "guzzlehttp/guzzle", "version": "7.8.1"}, %s]}'


@pytest.mark.parametrize(
    ("files", "names", "expected"),
    [
        ({}, (), ("", "")),
        ({}, ("readme.md", "logo.png"), ("", "")),
        ({"composer.lock": "{"}, (), ("", "")),
        ({"composer.lock": '{"packages": 5}'}, ("index.php",), ("PHP", "")),
        ({"wp-includes/version.php": "$wp_version = '<script>';"}, (), ("WordPress", "")),
        ({"wp-includes/version.php": "<?php\n$wp_version = '6.4.2';"}, (), ("WordPress", "6.4.2")),
        (
            {"composer.lock": LOCK % '{"name": "laravel/framework", "version": "v10.3.1"}'},
            (),
            ("Laravel", "10.3.1"),
        ),
        ({"composer.json": '{"require": {"laravel/framework": "^9.0"}}'}, (), ("Laravel", "")),
        ({"artisan": "#!/usr/bin/env php"}, ("index.php",), ("Laravel", "")),
        (
            {"system/core/CodeIgniter.php": "const CI_VERSION = '3.1.11';"},
            (),
            ("CodeIgniter", "3.1.11"),
        ),
        (
            {"lib/moodlelib.php": "", "version.php": "$release  = '4.1.2+ (Build: 20230303)';"},
            (),
            ("Moodle", "4.1.2+"),
        ),
        (
            {
                "lib/pkp/includes/bootstrap.inc.php": "",
                "dbscripts/xml/version.xml": "<version><release>3.1.2.4</release></version>",
            },
            (),
            ("OJS", "3.1.2.4"),
        ),
        (
            {"administrator/manifests/files/joomla.xml": "<version>3.9.28</version>"},
            (),
            ("Joomla", "3.9.28"),
        ),
        ({"core/lib/Drupal.php": "const VERSION = '9.5.11';"}, (), ("Drupal", "9.5.11")),
        ({}, ("index.html", "style.css"), ("static", "")),
        ({}, ("index.php", "index.html"), ("PHP", "")),
    ],
)
def test_what_is_recognised(
    files: dict[str, str], names: tuple[str, ...], expected: tuple[str, str]
) -> None:
    found = identify(
        Identify(files={name: text.encode() for name, text in files.items()}, names=names)
    )
    assert (found.framework, found.version) == expected


def test_an_application_may_be_down() -> None:
    assert identify(Identify(files={"artisan": b"", "storage/framework/down": b"{}"})).maintenance
    joomla = b"public $offline = '1';"
    assert identify(Identify(files={"configuration.php": joomla})).maintenance
    assert not identify(Identify(files={"configuration.php": b"$offline = '0';"})).maintenance
    assert not identify(Identify(files={})).maintenance


@given(st.dictionaries(st.sampled_from(WANTED), st.binary(max_size=200)), st.binary(max_size=20))
def test_no_file_breaks_it(files: dict[str, bytes], name: bytes) -> None:
    found = identify(Identify(files=files, names=(name.decode("latin-1"),)))
    assert isinstance(found, Identified)
    assert len(found.version) <= 40


@given(st.integers(0, 3000))
def test_nesting_is_no_trap(depth: int) -> None:
    identify(Identify(files={"composer.lock": b'{"packages":' + b"[" * depth}))
