#!/bin/bash
# Installs what comes from npm, once a version, outside of the tree, and says where.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
home=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
version=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum | cut -c1-16)
folder=${XDG_CACHE_HOME:-$home/.cache}/mentat/lint-$version
mkdir -p "$folder"
# One at a time: tests and checks may want it at once.
exec 9>"$folder/lock"
flock 9
if [[ ! -e $folder/complete ]]; then
  cp "$here/package.json" "$here/package-lock.json" "$folder/"
  (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error) >&2
  touch "$folder/complete"
fi
printf '%s' "$folder"
