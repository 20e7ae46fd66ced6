#!/bin/bash
# Makes the secrets of an installation in containers: make_secrets.sh DIR [--dsn DSN] [--tls] [--curve] [--keep-owner]
#
#   dsn                connection string of the database, for controller, enricher, storage and the migration
#   postgres_password  its password, where the database is a container too
#   tokens             who may call the control plane; the SHA-256 of the tokens alone
#   grafana_database_password, grafana_admin_password   of Grafana's role, which only reads, and of its administrator
#   controller.token   with which the controller calls the stages
#   operator.token     for people: mentatctl --token-file operator.token
#
# With --tls, in DIR/tls: an authority (keep ca.key elsewhere), a certificate for all stages and one for the
# controller. With --curve, in DIR/keys: keys of the pipeline for each service, made by $MENTATCTL (mentatctl). What is
# there stays as it is. Run as root the files belong to those who read them in the containers (10001 Mentat, 999
# PostgreSQL), unless --keep-owner leaves them to you: Kubernetes takes the contents alone.
set -euo pipefail

folder=${1:?usage: make_secrets.sh DIR [--dsn DSN] [--tls] [--curve] [--keep-owner]}
shift
dsn='' tls='' curve='' keep_owner=''
while (($#)); do
  case $1 in
    --dsn) dsn=${2:?--dsn wants a connection string} && shift ;;
    --tls) tls=yes ;;
    --curve) curve=yes ;;
    --keep-owner) keep_owner=yes ;;
    *) echo "make_secrets.sh does not know \`$1'." >&2 && exit 2 ;;
  esac
  shift
done
umask 077
mkdir -p "$folder"
cd "$folder"

# secret NAME: a random text in a file, unless it is there.
secret() { [[ -s $1 ]] || openssl rand -hex 32 | tr -d '\n' >"$1"; }

secret postgres_password
secret grafana_database_password
secret grafana_admin_password
if [[ -n $dsn ]]; then
  printf '%s' "$dsn" >dsn
elif [[ ! -s dsn ]]; then
  printf 'host=postgres dbname=mentat user=mentat password=%s' "$(<postgres_password)" >dsn
fi
if [[ ! -s tokens ]]; then
  for line in 'controller admin' 'operator admin'; do
    secret "${line% *}.token"
    echo "$line sha256:$(sha256sum <"${line% *}.token" | cut -d ' ' -f 1)" >>tokens
  done
fi

# certificate NAME ADDRESS...: a key and a certificate for these names, signed by the authority.
certificate() {
  local name=$1 names
  shift
  names=$(printf ',DNS:%s' "$@")
  [[ ! -s $name.pem ]] || return 0
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name.key" 2>/dev/null |
    openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -out "$name.pem" \
      -extfile <(echo "subjectAltName=${names#,},IP:127.0.0.1") 2>/dev/null
}

if [[ -n $tls ]]; then
  mkdir -p tls
  (
    cd tls
    [[ -s ca.pem ]] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
      -subj '/CN=Mentat control plane' -keyout ca.key -out ca.pem 2>/dev/null
    certificate stages stages localhost
    certificate controller controller localhost
  )
fi

if [[ -n $curve ]]; then
  for stage in filer-gateway inspector enricher storage controller; do
    [[ -s keys/$stage.key_secret ]] || "${MENTATCTL:-mentatctl}" keys generate "$stage" --dir keys >/dev/null
  done
fi

if ((EUID == 0)) && [[ -z $keep_owner ]]; then
  find . -type f ! -name ca.key -exec chown 0:10001 {} + -exec chmod 440 {} +
  chown 999:999 postgres_password
  chmod 400 postgres_password
fi
