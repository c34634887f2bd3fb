"""What must not happen: ten lines that say one thing; a warning or a path that is left out."""

from __future__ import annotations

from agent.cli.grouping import SHOWN, grouped


def test_what_is_not_alike_stays() -> None:
    for warnings in (
        [],
        ["sensor files: rehash_interval is 0", "sensor files: fs.inotify is 12"],
        ["sensor files: path /a cannot be read", "sensor files: path /a does not exist"],
        ["sensor files: path /a cannot be read", "sensor exposure: path /b cannot be read"],
    ):
        assert list(grouped(warnings)) == warnings


def test_the_same_about_several_paths_is_said_once() -> None:
    warnings = [
        "sensor exposure: /a is not below any of the paths in [sensors.files]: swept once",
        "sensor files: path /x does not exist; it is watched when it appears",
        "sensor exposure: /b is not below any of the paths in [sensors.files]: swept once",
        "sensor exposure: /c is not below any of the paths in [sensors.files]: swept once",
        "sensor files: path /y does not exist; it is watched when it appears",
    ]
    assert list(grouped(warnings)) == [
        (
            "sensor exposure: /a is not below any of the paths in [sensors.files]: swept once;"
            " also /b, /c"
        ),
        "sensor files: path /x does not exist; it is watched when it appears; also /y",
    ]


def test_many_are_counted() -> None:
    (line,) = grouped(f"sensor files: path /{number} cannot be read" for number in range(100))
    assert line.endswith(f"/{SHOWN} and {99 - SHOWN} more")
