"""How fast the exposure scanner is beside detect-secrets and presidio, on slices of the same text.

``RONDA_PEERS=VENV python -P -m bench.exposure_peers [PATH...]``: VENV is a virtual environment with
``pip install detect-secrets presidio-analyzer``. presidio runs its recognizers of patterns over an
empty spaCy pipeline: no model of a language, which would make it slower still. Each gets a slice,
every n-th file in the order of their sizes, that it finishes in about a minute; CPU time of
one process counts, start-up does not. Ours is the mean of `ROUNDS`: one takes milliseconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from bench.exposure import scanner, spent, text_files

_DETECT_SECRETS = """
import sys, time
from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings
files = open(sys.argv[1]).read().splitlines()
with default_settings():
    found = SecretsCollection()
    begin = time.process_time()
    for path in files:
        found.scan_file(path)
    print(time.process_time() - begin)
"""
_PRESIDIO = """
import sys, time, spacy, tempfile
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine
class Blank(SpacyNlpEngine):
    def __init__(self):
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        nlp = spacy.blank("en")
        nlp.max_length = 1 << 30
        self.nlp = {"en": nlp}
    def load(self):
        pass
engine = AnalyzerEngine(nlp_engine=Blank(), supported_languages=["en"])
texts = [open(path, encoding="utf-8", errors="replace").read()
         for path in open(sys.argv[1]).read().splitlines()]
engine.analyze("warm", language="en")
begin = time.process_time()
for text in texts:
    engine.analyze(text, language="en")
print(time.process_time() - begin)
"""
PEERS = {"detect-secrets": (_DETECT_SECRETS, 8), "presidio": (_PRESIDIO, 4)}
"""Program, and MiB of its slice."""
ROUNDS = 10


def main() -> int:
    """Print seconds and ratios."""
    python = os.path.join(os.environ["RONDA_PEERS"], "bin", "python")
    for name, (program, limit) in PEERS.items():
        files = text_files(sys.argv[1:] or ["/usr/share", "/usr/lib"], limit << 20)
        size = sum(os.path.getsize(path) for path in files) / 1e6
        run = scanner(files)
        run()
        begin = spent()
        for _ in range(ROUNDS):
            run()
        ours = (spent() - begin) / ROUNDS
        with tempfile.NamedTemporaryFile("w", suffix=".list") as listed:
            listed.writelines(path + "\n" for path in files)
            listed.flush()
            command = [python, "-W", "ignore", "-c", program, listed.name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        theirs = float(done.stdout.split()[-1])
        print(
            f"{name}: {len(files)} files, {size:.1f} MB: {theirs:.2f} s, ronda {ours:.3f} s,"
            f" ratio {theirs / ours:.0f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
