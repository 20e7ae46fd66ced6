#!/bin/bash
# Makes a base image out of Debian 12 packages, without a registry: base.sh IMAGE PACKAGE...
#
# mmdebstrap puts the packages and what they need into a folder, and docker imports it. Nothing is downloaded but
# Debian packages, from the mirror that this machine uses. The same packages give the same bytes, whenever
# and wherever it runs: all times are those of SOURCE_DATE_EPOCH. Needs root.
set -euo pipefail

image=$1
shift
packages=$(IFS=,; echo "$*")
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000}

# usr-is-merged in place of usrmerge, which needs all of Perl. What nobody reads in a container is left
# out, and PostgreSQL's compiler of queries, of 130 MB; copyright notices and the list of packages stay, for
# licences and scanners.
# shellcheck disable=SC2016  # the $1 is mmdebstrap's
mmdebstrap --quiet --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
  --include="usr-is-merged,$packages" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/lib/*/libLLVM*' --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/llvmjit.so' \
  --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/bitcode/*' \
  --customize-hook='rm -f "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/var/log/*.log "$1"/var/cache/debconf/*-old' \
  bookworm - | docker import --message "Debian 12 with $packages" - "$image" >/dev/null
