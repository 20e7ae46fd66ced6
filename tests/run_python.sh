#!/bin/bash
# Runs a test in Python, with what tests share on its path: run_python.sh TEST [ARGUMENTS].
set -euo pipefail

export PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH=$PWD/tests/harness:$PWD/tools/mentat
exec /usr/bin/python3 "$@"
