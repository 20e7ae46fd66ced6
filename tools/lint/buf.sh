#!/bin/bash
# Runs buf, wherever one stands: buf.sh ARGUMENTS.
set -euo pipefail

folder=$("$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/npm_folder.sh")
buf=("$folder"/node_modules/@bufbuild/buf-*/bin/buf)
exec "${buf[0]}" "$@"
