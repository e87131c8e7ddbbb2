# SPDX-License-Identifier: Apache-2.0
"""tests/golden/MANIFEST.json: how each file of tests/golden was made.

A script writes its files, then calls record() once. Entries are keyed by the file's path below
tests/golden and sorted, so that remaking the data changes only what changed.
"""
import hashlib
import importlib.metadata
import json
import pathlib
import platform
import sys

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
LIMIT = 200_000  # bytes a file


def versions(*packages):
    """The versions of Python and of the named packages."""
    found = {p: importlib.metadata.version(p) for p in packages}
    return {"python": platform.python_version(), **found}


def record(files, command, **how):
    """Enters files (paths below tests/golden) with the command and how (versions, seed, source...)."""
    path = GOLDEN / "MANIFEST.json"
    entries = json.loads(path.read_text()) if path.exists() else {}
    for file in files:
        data = (GOLDEN / file).read_bytes()
        if len(data) > LIMIT:
            sys.exit(f"{file} has {len(data)} bytes, more than {LIMIT}")
        entry = {"script": pathlib.Path(sys.argv[0]).name, "command": command, **how}
        entries[str(file)] = {**entry, "sha256": hashlib.sha256(data).hexdigest()}
    lines = [f" {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(entries.items())]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
