# FileCheck tests: `lit lit_tests`, in the environment Oxide is installed in.
#
#   // RUN: oxide-opt %s --canonicalize | filecheck %s
#
# lit's own shell runs the lines; it knows `not`.  %status N COMMAND passes when the command exits with status N.
# ruff: noqa: F821 - lit provides `config`

import os
import shlex
import sys
from pathlib import Path

import lit.formats

config.name = "Oxide"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(os.path.dirname(__file__), os.pardir, "build", "lit")

# The tools of the environment that lit runs in come first, whether or not it is activated.
binaries = Path(sys.executable).parent
missing = [tool for tool in ("oxide-opt", "filecheck") if not (binaries / tool).exists()]
if missing:
    lit_config.fatal(f"{', '.join(missing)} not found beside {sys.executable}; run pip install -e '.[test]'")
config.environment["PATH"] = os.pathsep.join([str(binaries), os.environ.get("PATH", "")])

python = shlex.quote(sys.executable)
config.substitutions.append(("%status", f"{python} {shlex.quote(config.test_source_root)}/exit_status.py"))
config.substitutions.append(("%python", python))
