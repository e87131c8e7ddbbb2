#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every file of a folder of results, and others that are named, against the schema there; and a row
that is spoilt in several ways, which must not fit.

Usage: check_results.py FOLDER [FILE...]
"""
import copy
import json
import os
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    if os.environ.get("PENCL_REQUIRE_ALL"):
        sys.exit("no jsonschema: apt-get install python3-jsonschema")
    print("SKIPPED: no python3-jsonschema")
    sys.exit(0)


def main():
    folder = pathlib.Path(sys.argv[1])
    schema = json.loads((folder / "schema/pencl-bench-1.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    check = jsonschema.Draft7Validator(schema)
    files = sorted(folder.glob("*.json"))
    wrong = 0
    for path in [*files, *map(pathlib.Path, sys.argv[2:])]:
        rows = json.loads(path.read_text())
        for error in check.iter_errors(rows):
            deepest = jsonschema.exceptions.best_match([error])
            print(f"{path}: {list(deepest.absolute_path)}: {deepest.message[:300]}")
            wrong += 1
    row = json.loads(pathlib.Path(sys.argv[2]).read_text())[0]
    for field, value in (("model_filename", "/home/ada/m.gguf"), ("samples_ts", []), ("schema", "pencl-bench/0"),
                         ("limits", 3), ("unstable", ["/home/ada"]), ("joules_per_token", 0),
                         ("device", {**row["device"], "serial": "1"})):
        spoilt = copy.deepcopy(row)
        spoilt[field] = value
        if check.is_valid([spoilt]):
            print(f"the schema takes {field} {value!r}")
            wrong += 1
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
