#!/bin/bash
# usage: reference_test.sh COMMITTED MADE: whether the committed page is what the .proto files say now.
set -euo pipefail

page=$(basename "$2")
if ! diff -u "$1" "$2"; then
  target=api
  [[ $page == api.md ]] || target=reference
  echo "docs/$page is out of date. Make it anew:"
  echo "  bazel build //tools/config_doc:$target"
  echo "  cp bazel-bin/tools/config_doc/$page docs/"
  exit 1
fi
