#!/bin/bash
# Checks the form of the sources: clang-format, buf lint and buf breaking, shellcheck, that each layer includes
# only what it may, clang's thread safety analysis, dashboards against Grafana's schema, and Kubernetes manifests against
# those of their APIs.
# Prints what is wrong; exit status 1 if anything is. `./mentat lint` installs the tools.
# shellcheck disable=SC2317  # the checks are called through `check`
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
cd "$here/../.."
failed=0

# sources PATTERN...: files of the project, also new ones that are not committed yet.
sources() {
  if [[ -e .git ]]; then
    git ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r file; do
      if [[ -f $file ]]; then printf '%s\n' "$file"; fi
    done
  else
    local pattern
    for pattern in "$@"; do
      find . -path './bazel-*' -prune -o -path ./var -prune -o -type f -name "${pattern##*/}" -print
    done | sed 's|^\./||'
  fi
}

# check NAME COMMAND...: runs a check, and says how it went.
check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf '  %-14s ok\n' "$name"
  else
    failed=1
    printf '  %-14s failed\n%s\n' "$name" "$output"
  fi
}

check_format() {
  local -a files
  mapfile -t files < <(sources '*.h' '*.cc')
  ((${#files[@]} == 0)) || clang-format --dry-run -Werror "${files[@]}"
}

check_shell() {
  local -a files
  mapfile -t files < <(sources '*.sh')
  shellcheck mentat .ci/run "${files[@]}"
}

check_proto() { "$here/buf.sh" lint; }

# Against the API as it was released: proto/released.binpb. docs/building.md says how it is renewed.
check_breaking() { "$here/buf.sh" breaking --against proto/released.binpb; }

check_layers() { "$here/layers.sh"; }

check_thread_safety() { "$here/thread_safety.sh"; }

check_dashboards() { "$here/dashboards.sh" deploy/grafana/dashboards/*.json; }

# All overlays of deploy/k8s.
check_manifests() {
  local folder rendered overlay status=0
  folder=$("$here/npm_folder.sh") || return 1
  rendered=$(mktemp -d)
  for overlay in deploy/k8s/overlays/*/; do
    kubectl kustomize "$overlay" >"$rendered/$(basename "$overlay")" || status=1
  done
  (cd "$rendered" && NODE_PATH=$folder/node_modules node "$here/manifests.js" ./*) || status=1
  rm -rf "$rendered"
  return "$status"
}

check clang-format check_format
check shellcheck check_shell
check "buf lint" check_proto
check "buf breaking" check_breaking
check layers check_layers
check "thread safety" check_thread_safety
check dashboards check_dashboards
# Debian 12 has kubectl 1.20 alone, which is too old for the components of kustomize.
if kubectl version --client --output=json 2>/dev/null | grep -qE '"minor": "(2[1-9]|[3-9][0-9])'; then
  check manifests check_manifests
else
  printf '  %-14s skipped: there is no kubectl 1.21 or newer\n' manifests
fi
exit "$failed"
