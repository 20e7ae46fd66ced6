#!/bin/bash
# A new stage is at most 40 lines with its configuration: size_test.sh FILE.... Counts what is neither empty
# nor a comment: includes, the message with all around it, the class, its metrics, main.
set -euo pipefail

lines=$(cat "$@" | grep -cvE '^[[:space:]]*(//.*)?$')
echo "$lines lines"
((lines <= 40))
