#!/bin/bash
# Makes Debian packages of programs that are built: build.sh PROGRAMS [--output DIR] [--version VERSION].
# `./mentat deb` builds the programs and calls it; docs/operating/debian.md.
#
# debhelper makes the packages of a folder that is laid out here: programs, units, man pages, configurations. The same
# programs of the same commit give the same bytes: all times are that of the commit.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
repository=$(readlink -f "$here/../..")
readonly here repository
# Service, its program, and what it does.
readonly services=(
  'filer-gateway|services/filer_gateway/filer_gateway|takes events from directory queues'
  'inspector|services/inspector/inspector|classifies events by rules'
  'enricher|services/enricher/enricher|adds what is known about addresses'
  'storage|services/storage/storage|writes events into PostgreSQL'
  'controller|services/controller/controller|knows and steers all stages'
)
# Stages of which a host may run several.
readonly stages=(inspector enricher storage)
# Name, section of its man page, its program, and what it does.
readonly tools=(
  'mentatctl|1|tools/mentatctl/mentatctl|shows and steers an installation of Mentat'
  'mentat-health|1|tools/mentat_health/mentat-health|asks a service of Mentat whether it is well'
  'mentat-ideagen|1|tools/ideagen/mentat-ideagen|makes up IDEA events'
  "mentat-migrate|8|tools/mentat_migrate/mentat-migrate|brings the schema of Mentat's database up to date"
  "mentat-dbmngr|8|tools/mentat_dbmngr/mentat-dbmngr|looks after Mentat's database"
)

die() {
  printf 'mentat: %s\n' "$@" >&2
  exit 1
}

in_git() { git -C "$repository" rev-parse HEAD >/dev/null 2>&1; }

# The version of the sources, and the commit, so that later ones are higher: 0.1.0+20261123.181500.4a7e79b.
source_version() {
  printf '%s' "$source_release"
  in_git || return 0
  TZ=UTC git -C "$repository" log -1 --format=+%cd.%h --date=format-local:%Y%m%d.%H%M%S --abbrev=8 | tr -d '\n'
  [[ -z $(git -C "$repository" status --porcelain) ]] || printf '.modified'
}

# fill TEXT FILE...: the files, with names in place of @...@.
fill() { sed -e "s|@NAME@|$name|g" -e "s|@WHAT@|$what|g" -- "$@"; }

man_page() { "$here/man_page.py" "$@" --version "$source_release" --date "$date"; }

lay_out_service() {
  local name program what systemd=$repository/deploy/systemd debian=$tree/debian/mentat-${1%%|*}
  IFS='|' read -r name program what <<<"$1"
  install -m 755 "$programs/$program" "$tree/sbin/mentat-$name"
  fill "$systemd"/{service,sandbox}.in >"$debian.service"
  [[ ! -f $systemd/$name.in ]] || cat "$systemd/$name.in" >>"$debian.service"
  man_page "$tree/sbin/mentat-$name" "mentat-$name" 8 "$what" --tail "$here/service.tail" >"$tree/man/mentat-$name.8"
  {
    echo "sbin/mentat-$name usr/sbin"
    echo "etc/$name.json etc/mentat"
  } >"$debian.install"
  echo "etc/mentat/$name.d" >"$debian.dirs"
  echo "man/mentat-$name.8" >"$debian.manpages"
  [[ " ${stages[*]} " == *" $name "* ]] || return 0
  fill "$systemd"/{instance,sandbox}.in >"$debian@.service"
  fill "$here/instance.json.in" >"$tree/instances/$name.json"
  echo "instances/$name.json usr/share/mentat/instances" >>"$debian.install"
}

lay_out_tools() {
  local entry name section program what debian=$tree/debian/mentat-tools
  for entry in "${tools[@]}"; do
    IFS='|' read -r name section program what <<<"$entry"
    install -m 755 "$programs/$program" "$tree/bin/$name"
    man_page "$tree/bin/$name" "$name" "$section" "$what" --tail "$here/tool.tail" >"$tree/man/$name.$section"
    echo "man/$name.$section" >>"$debian.manpages"
  done
  "$tree/bin/mentatctl" completion bash >"$tree/completion/mentatctl"
  "$tree/bin/mentatctl" completion zsh >"$tree/completion/_mentatctl"
  "$tree/bin/mentatctl" completion fish >"$tree/completion/mentatctl.fish"
  cat >"$debian.install" <<END
bin/* usr/bin
etc/dbmngr.json etc/mentat
completion/mentatctl usr/share/bash-completion/completions
completion/_mentatctl usr/share/zsh/vendor-completions
completion/mentatctl.fish usr/share/fish/vendor_completions.d
END
}

lay_out() {
  local service
  mkdir -p "$tree"/{bin,sbin,man,completion,instances,rules,documents,examples}
  cp -rL "$here/debian" "$here/etc" "$tree/"
  cp -rL "$repository"/docs/*.md "$repository/docs/operating" "$tree/documents/"
  cp -L "$repository/CHANGELOG.md" "$tree/documents/NEWS.md"
  cp -rL "$repository/deploy/prometheus/rules" "$repository/deploy/grafana/dashboards" "$tree/examples/"
  cp -L "$repository/services/inspector/rules/default.json" "$tree/rules/"
  sed -i "s|@MAINTAINER@|$maintainer|" "$tree/debian/control"
  cat >"$tree/debian/changelog" <<END
mentat ($version) unstable; urgency=medium

  * What has changed stands in mentat-common's NEWS.md.

 -- The Mentat developers <$maintainer>  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
END
  for service in "${services[@]}"; do lay_out_service "$service"; done
  lay_out_tools
  echo "rules/default.json etc/mentat/rules" >>"$tree/debian/mentat-inspector.install"
  chmod -R u=rwX,go=rX "$tree"
}

programs=$(readlink -f "${1:?PROGRAMS: the folder of the built programs}")
shift
output=$repository/var/deb version=''
while (($#)); do
  case $1 in
    --output) output=${2:?--output wants a folder} && shift ;;
    --version) version=${2:?--version wants a value} && shift ;;
    *) die "deb does not know \`$1'." ;;
  esac
  shift
done

source_release=$(sed -n 's/.*kVersion = "\(.*\)".*/\1/p' "$repository/common/service/version.h")
[[ -n $version ]] || version=$(source_version)
maintainer=${DEBEMAIL:-mentat@example.org}
if [[ -z ${SOURCE_DATE_EPOCH:-} ]]; then
  SOURCE_DATE_EPOCH=1700000000
  ! in_git || SOURCE_DATE_EPOCH=$(git -C "$repository" log -1 --format=%ct)
fi
export SOURCE_DATE_EPOCH
date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)

work=$(mktemp -d -t mentat-deb.XXXXXX)
trap 'rm -rf "$work"' EXIT
tree=$work/mentat
lay_out
if ! (cd "$tree" && dpkg-buildpackage --build=binary --no-sign --jobs=2) >"$work/log" 2>&1; then
  tail -n 40 "$work/log" >&2
  die "making the packages failed"
fi
mkdir -p "$output"
rm -f "$output"/mentat{,-common,-controller,-enricher,-filer-gateway,-inspector,-storage,-tools}_*.deb "$output"/mentat_*.{changes,buildinfo}
cp "$work"/*.deb "$output/"
echo "  version $version"
for package in "$work"/*.deb; do
  printf '  %-70s %s kB\n' "$output/${package##*/}" "$(($(stat -c %s "$package") / 1000))"
done
