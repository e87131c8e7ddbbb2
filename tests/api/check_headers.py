#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each public header compiles alone, as C11 and as C++, without a warning; the example at its top
compiles; and the libraries show no names but their own.

Usage: check_headers.py INCLUDE_FOLDER SHARED_LIBRARY STATIC_LIBRARY
"""
import pathlib
import re
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
# What the examples take as given.
GIVEN = """
#include "pencl/pencl.h"
#include <stdio.h>
extern pencl_ctx *ctx; extern pencl_device *device; extern pencl_model *model; extern pencl_lm *lm;
extern pencl_layer *root, *zero; extern pencl_array *tokens; extern pencl_session *session;
"""


def complaints(source, folder, language, *options):
    compiler = ["cc", "-std=c11"] if language == "c" else ["c++", "-std=c++17"]
    run = subprocess.run([*compiler, *WARNINGS, *options, "-x", language, "-I", folder, "-"], input=source,
                         text=True, capture_output=True)
    return run.stderr if run.returncode else ""


def example_of(header):
    """The indented lines of the first comment that is no licence."""
    comments = re.findall(r"/\*(.*?)\*/", header.read_text(), re.S)
    lines = comments[1].splitlines() if len(comments) > 1 else []
    return [line[7:] for line in lines if line.startswith(" *     ")]


def program_of(example):
    """Definitions at file level, then statements in a function."""
    ends = [i + 1 for i, line in enumerate(example) if re.match(r"\}|static .*;$", line)]
    defines = bool(re.match(r"static |\w+ \*?\w+\(.*\)$", example[0]))
    split = ends[-1] if defines and ends else 0
    return (GIVEN + "\n".join(example[:split]) + "\nvoid example(void);\nvoid example(void)\n{\n" +
            "\n".join(example[split:]) + "\n}\n")


def foreign(library, pattern, *options):
    lines = subprocess.check_output(["nm", "--defined-only", *options, library], text=True).splitlines()
    names = [line.split()[-1] for line in lines if len(line.split()) == 3 and line.split()[1] in "TDBRVW"]
    return [name for name in names if not re.match(pattern, name)]


def main():
    folder, shared, static = sys.argv[1:]
    wrong = []
    for header in sorted(pathlib.Path(folder).glob("pencl/*.h")):
        include = f'#include "pencl/{header.name}"\n'
        for language in ("c", "c++"):
            wrong.append(complaints(include, folder, language))
        example = example_of(header)
        if example:
            wrong.append(complaints(program_of(example), folder, "c", "-Wno-unused-variable",
                                    "-Wno-unused-function", "-Wno-missing-field-initializers"))
    wrong += [f"{shared} exports {name}" for name in foreign(shared, "pencl_", "--dynamic")]
    wrong += [f"{static} defines {name}" for name in foreign(static, "pencl_|pn_", "--extern-only")]
    wrong = [text for text in wrong if text]
    for text in wrong:
        print(text)
    return 1 if wrong else 0


sys.exit(main())
