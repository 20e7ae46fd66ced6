#!/bin/bash
# Makes the images out of programs that are built: build.sh PROGRAMS [--tag TAG] [--base IMAGE] [--postgres] [--monitoring].
# `./mentat images` builds the programs and calls it; docs/operating/images.md.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
repository=$(readlink -f "$here/../..")
readonly here repository
readonly default_base=mentat-base:bookworm postgres_base=mentat-postgres-base:bookworm
readonly services=(filer_gateway inspector enricher storage controller)

die() {
  printf 'mentat: %s\n' "$@" >&2
  exit 1
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# The version and the commit: the same sources have the same tag, and no two have one.
source_tag() {
  local version commit
  version=$(sed -n 's/.*kVersion = "\(.*\)".*/\1/p' "$repository/common/service/version.h")
  commit=$(git -C "$repository" rev-parse --short=12 HEAD)
  [[ -z $(git -C "$repository" status --porcelain) ]] || commit+=-modified
  printf '%s-%s' "$version" "$commit"
}

# program PATH FOLDER: puts a program into the context, without what only debuggers read.
program() {
  local target=$context/$2/${1##*/}
  mkdir -p "$context/$2"
  strip -o "$target" "$programs/$1"
  chmod 755 "$target"
}

fill_context() {
  local service
  mkdir -p "$context"/root/{secrets,rules,tls,etc/mentat,etc/mentat.d} "$context"/state/{queue,controller,geoip}
  for service in "${services[@]}"; do program "services/$service/$service" "$service"; done
  program tools/mentat_health/mentat-health health
  program tools/mentat_migrate/mentat-migrate tools
  program tools/mentatctl/mentatctl tools
  program tools/ideagen/mentat-ideagen tools
  mkdir -p "$context/demo"
  cp "$repository"/deploy/demo/{demo-asn.mmdb,demo-city.mmdb,networks.sql} "$context/demo/"
  cp "$here/Dockerfile" "$context/"
  chmod -R u=rwX,go=rX "$context"
  find "$context" -exec touch -h -d "$created" {} +
}

tag='' base=$default_base postgres='' monitoring=''
programs=$(readlink -f "${1:?PROGRAMS: the folder of the built programs}")
shift
while (($#)); do
  case $1 in
    --tag) tag=${2:?--tag wants a value} && shift ;;
    --base) base=${2:?--base wants a value} && shift ;;
    --postgres) postgres=yes ;;
    --monitoring) monitoring=yes ;;
    *) die "images does not know \`$1'." ;;
  esac
  shift
done

docker version --format '{{.Server.Version}}' >/dev/null ||
  die "No docker engine answers. Debian has it as docker.io; without an init system start \`dockerd' by hand."

# quietly COMMAND...: what it says is shown only if it fails.
quietly() {
  local log status=0
  log=$(mktemp -t mentat-images.XXXXXX)
  "$@" >"$log" 2>&1 || status=$?
  ((!status)) || tail -n 40 "$log" >&2
  rm -f "$log"
  ((!status)) || die "making the images failed"
}

# make_base IMAGE PACKAGE...: if it is not there.
make_base() {
  if has_image "$1"; then return; fi
  echo "  making $1 out of Debian packages ..."
  quietly "$here/base.sh" "$@"
}

# image NAME FOLDER OPTIONS...
image() {
  quietly docker build --tag "$1" "${@:3}" "$2"
  printf '  %-45s %s MB\n' "$1" "$(($(docker image inspect --format '{{.Size}}' "$1") / 1000000))"
}

revision=unknown created=1970-01-01T00:00:00Z
if git -C "$repository" rev-parse HEAD >/dev/null 2>&1; then
  revision=$(git -C "$repository" rev-parse HEAD)
  created=$(TZ=UTC git -C "$repository" log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ)
fi
[[ -n $tag ]] || tag=$(source_tag)

context=$(mktemp -d -t mentat-images.XXXXXX)
trap 'rm -rf "$context"' EXIT
# Each takes half a minute of one processor, most of it in dpkg.
making=
if [[ -n $postgres ]]; then
  make_base "$postgres_base" postgresql-15 &
  making=$!
fi
mapfile -t packages < <(grep -v '^#' "$here/packages.txt")
[[ $base != "$default_base" ]] || make_base "$base" "${packages[@]}"
fill_context
for target in "${services[@]}" tools; do
  image "mentat/${target//_/-}:$tag" "$context" --target "${target//_/-}" --build-arg BASE="$base" \
    --build-arg VERSION="$tag" --build-arg REVISION="$revision" --build-arg CREATED="$created"
done
if [[ -n $postgres ]]; then
  wait "$making" || exit 1
  image "mentat/postgres:15" "$here/postgres" --build-arg BASE="$postgres_base"
fi
if [[ -n $monitoring ]]; then
  for name in prometheus alertmanager; do
    source=$(command -v "prometheus-$name" || command -v "$name") ||
      die "--monitoring takes the programs of Debian's packages prometheus and prometheus-alertmanager: install them."
    # Debian's programs read their pages and templates from here; links lead to libraries, of which one brings 200 MB
    # of data that no page asks for.
    mkdir -p "$context/$name/share"
    tar -C /usr/share/prometheus -ch --exclude=moment-timezone/data . | tar -C "$context/$name/share" -x
    install -m 755 "$source" "$context/$name/$name"
    cp "$here/monitoring/Dockerfile" "$context/$name/"
    image "mentat/$name:debian" "$context/$name" --build-arg BASE="$base" --build-arg NAME="$name"
  done
fi
