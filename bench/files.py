"""The files sensor against AIDE on the same tree, in one run: ratios of CPU and wall time.

    python -m bench.files [PATH] [--no-aide] [--million] [--idle SECONDS]

PATH (/usr) is only read. Both sides know the same of each file: sha256, mode, owner, group, size,
times, inode, link count, ACL and extended attributes; AIDE works with one worker. The cache is warm
for both. --million makes a tree of a million small files in a temporary directory and removes it;
--idle watches /usr and /var (use at least 320 s: one comparison of the tree falls into it).
Prints one JSON object. Reads everything below PATH: needs root.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

AIDE = "/usr/bin/aide"
_FILES, _DIRECTORIES = 99, 10_000

_CONF = """\
database_in=file:{directory}/aide.db
database_out=file:{directory}/aide.db{new}
gzip_dbout=no
num_workers=1
report_level=summary
report_url=stdout
{path} p+ftype+u+g+s+m+c+i+n+acl+xattrs+sha256
"""


class Cost:
    """Wall and CPU seconds of a child process."""

    def __init__(self, command: list[str], *, ok: tuple[int, ...] = (0,)) -> None:
        """Run *command*; *ok* are the exit codes that mean success."""
        begin, before = time.monotonic(), os.times()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        after = os.times()
        self.wall = time.monotonic() - begin
        self.cpu = (
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
        self.output = done.stdout
        if done.returncode not in ok:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")

    def figures(self) -> dict[str, float]:
        """Return both, rounded."""
        return {"wall": round(self.wall, 2), "cpu": round(self.cpu, 2)}


def warm(path: str) -> None:
    """Read every file once, so that neither side waits for the disk."""
    command = ["find", path, "-xdev", "-type", "f", "-exec", "cat", "{}", "+"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def aide(path: str, directory: Path) -> dict[str, Cost]:
    """Return what AIDE needs to make its database and to check against it."""
    results = {}
    # 1 to 7: it found differences (somebody else's, in the tree that is being measured).
    for step, new, ok in (("init", "", (0,)), ("check", ".new", tuple(range(8)))):
        conf = directory / f"{step}.conf"
        conf.write_text(_CONF.format(directory=directory, path=path, new=new))
        results[step] = Cost([AIDE, f"--config={conf}", f"--{step}"], ok=ok)
    return results


def stage(path: str, *options: str) -> dict[str, Any]:
    """Return the figures of one life of the sensor, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="ronda-bench-") as state:
        command = [sys.executable, "-m", "bench.files_stage", state, path, *options]
        figures: dict[str, Any] = json.loads(Cost(command).output)
        return figures


def compare(path: str, *, with_aide: bool) -> dict[str, Any]:
    """Return the figures for one tree, and the ratios where AIDE ran."""
    warm(path)
    ours = stage(path, "--walks", "5", "--full")
    again = [stage(path)["baseline_cpu"] for _ in range(2)]
    ours["baseline_cpu"] = sorted([ours["baseline_cpu"], *again])[1]
    result: dict[str, Any] = {"sensor": ours}
    if with_aide:
        with tempfile.TemporaryDirectory(prefix="ronda-bench-") as directory:
            peer = aide(path, Path(directory))
        # A full check: every state compared, every content read.
        full = ours["walk_wall"] + ours["rehash_wall"]
        result["aide"] = {step: cost.figures() for step, cost in peer.items()}
        result["ratio"] = {
            "baseline_cpu": round(peer["init"].cpu / ours["baseline_cpu"], 1),
            "full_check_wall": round(peer["check"].wall / full, 1),
            "incremental_wall": round(peer["check"].wall / ours["walk_wall"], 1),
        }
    result["us_per_entry"] = round(1e6 * ours["walk_wall"] / ours["entries"], 2)
    return result


def million() -> dict[str, Any]:
    """Return the figures for a tree of a million entries."""
    top = Path(tempfile.mkdtemp(prefix="ronda-bench-million-"))
    try:
        for number in range(_DIRECTORIES):
            directory = top / f"{number // 100:02}" / f"{number % 100:02}"
            directory.mkdir(parents=True)
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            for each in range(_FILES):
                file = os.open(
                    f"file-{each:03}.txt", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=descriptor
                )
                os.write(file, b"%d of %d\n" % (each, number))
                os.close(file)
            os.close(descriptor)
        ours = stage(str(top), "--walks", "5")
        ours["us_per_entry"] = round(1e6 * ours["walk_wall"] / ours["entries"], 2)
        return ours
    finally:
        shutil.rmtree(top)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("path", nargs="?", default="/usr")
    parser.add_argument("--no-aide", action="store_true")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--idle", type=float, default=0.0)
    options = parser.parse_args()
    result = {"tree": compare(options.path, with_aide=not options.no_aide)}
    if options.million:
        result["million"] = million()
    if options.idle:
        result["idle"] = stage("/usr:/var", "--idle", str(options.idle))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
