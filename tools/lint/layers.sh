#!/bin/bash
# Says which file includes what its layer may not know. docs/architecture.md has the layers:
# a service includes common/ and proto/, never another service; common/idea knows no sockets and no
# database; common/filter only common/idea and common/base.
set -euo pipefail

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
failed=0

complain() {
  printf '%s\n' "$1"
  failed=1
}

# includes FOLDER: lines `file: header` of all that the sources below FOLDER include.
includes() {
  [[ -d $1 ]] || return 0
  grep -rHoE --include='*.h' --include='*.cc' '^#include [<"][^>"]+' "$1" | sed -E 's/:#include [<"]/: /' || true
}

while IFS=: read -r file header; do
  service=${file#services/}
  service=${service%%/*}
  case ${header# } in
    "services/$service/"*) ;;
    services/*) complain "$file includes${header}: a service knows no other service" ;;
    tools/*)
      # Tests and benchmarks may use the generator of events.
      [[ $file == *_test.cc || $file == *_benchmark.cc ]] || complain "$file includes${header}: a service knows no tool"
      ;;
  esac
done < <(includes services)

while IFS=: read -r file header; do
  case ${header# } in
    services/* | tools/*) complain "$file includes${header}: common/ knows neither services nor tools" ;;
  esac
done < <(includes common)

while IFS=: read -r file header; do
  case ${header# } in
    common/idea/* | common/base/*) ;;
    common/* | zmq* | pqxx* | libpq* | grpc* | prometheus/* | sys/socket.h | httplib*)
      complain "$file includes${header}: common/idea knows only common/base, no sockets and no database"
      ;;
  esac
done < <(includes common/idea)

while IFS=: read -r file header; do
  case ${header# } in
    common/filter/* | common/idea/* | common/base/*) ;;
    common/* | zmq* | pqxx* | libpq* | grpc* | prometheus/* | sys/socket.h | httplib*)
      complain "$file includes${header}: common/filter knows only common/idea and common/base"
      ;;
  esac
done < <(includes common/filter)

exit "$failed"
