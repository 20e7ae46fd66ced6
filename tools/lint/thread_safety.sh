#!/bin/bash
# Checks by clang's thread safety analysis that guarded fields are used under their mutex: every file
# that includes common/base/mutex.h, and the .cc beside every header that does. Elsewhere than there
# and in tests nothing uses the standard library's mutexes, of which clang knows nothing.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
status=0

if grep -nE 'std::(mutex|condition_variable|lock_guard|unique_lock|scoped_lock|shared_mutex|recursive_mutex)' \
  -r common services tools --include='*.h' --include='*.cc' --exclude='*_test.cc' --exclude='*_benchmark.cc' |
  grep -v '^common/base/mutex.h:'; then
  echo "These use a mutex that clang knows nothing of: use common/base/mutex.h."
  status=1
fi

mapfile -t files < <(
  grep -lr '"common/base/mutex.h"' common services tools tests --include='*.h' --include='*.cc' |
    while read -r file; do
      source=${file%.*}.cc
      if [[ -f $source ]]; then echo "$source"; else echo "$file"; fi
    done | sort -u
)

# The headers that protoc makes.
bazel build --noshow_progress --show_result=0 --ui_event_filters=-info //proto/... </dev/null
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang++ -fsyntax-only -std=c++20 -I. -Ibazel-bin/proto \
    -Wthread-safety -Werror || status=1
exit "$status"
