#!/bin/bash
# Makes the database at the first start, then runs the server. The variables are those of the image `postgres`:
# POSTGRES_USER, POSTGRES_DB, and POSTGRES_PASSWORD_FILE.
set -euo pipefail

user=${POSTGRES_USER:-postgres}
if [[ $1 == postgres && ! -s $PGDATA/PG_VERSION ]]; then
  initdb --username="$user" --pwfile="${POSTGRES_PASSWORD_FILE:?}" --auth-local=peer --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  # Nobody but this script can reach the server yet.
  sed -i 's/^local .*/local all all trust/' "$PGDATA/pg_hba.conf"
  pg_ctl --wait -o "-c listen_addresses=''" start
  createdb --username="$user" "${POSTGRES_DB:-$user}"
  pg_ctl --wait --mode=fast stop
fi
if [[ $1 == postgres ]]; then set -- "$@" -c listen_addresses='*'; fi
exec "$@"
