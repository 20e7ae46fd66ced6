#!/bin/bash
# usage: reference_test.sh COMMITTED MADE: whether the committed page is what the .proto files say now.
set -euo pipefail

if ! diff -u "$1" "$2"; then
  echo "docs/configuration-reference.md is out of date. Make it anew:"
  echo "  bazel build //tools/config_doc:reference"
  echo "  cp bazel-bin/tools/config_doc/configuration-reference.md docs/"
  exit 1
fi
