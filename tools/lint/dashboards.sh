#!/bin/bash
# Checks dashboards against Grafana's own schema (dashboards.ts): dashboards.sh FILE...
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
modules=$("$here/npm_folder.sh")/node_modules
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$here/dashboards.ts" "$folder/"
ln -s "$modules" "$folder/node_modules"
for file in "$@"; do
  # The lines of errors are those of the file.
  printf 'import type { Dashboard } from "./dashboards"; export const dashboard: Dashboard = %s;\n' "$(cat "$file")" \
    >"$folder/$(basename "$file" .json).ts"
done
cd "$folder"
"$modules/.bin/tsc" --noEmit --strict --skipLibCheck --pretty false --moduleResolution node --module esnext --target es2022 ./*.ts
