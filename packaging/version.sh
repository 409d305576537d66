#!/bin/sh
# version.sh - the version of this commit as packages have it: that of the tag it
# has, or of the last tag with the number of commits since; before the first tag,
# 0.0.0 with the number of all commits. A newer commit has a greater version.
set -eu

cd "$(dirname "$0")/.."
if tag=$(git describe --tags --match 'v[0-9]*' 2>/dev/null); then
	# v1.2.3-4-gabc is 1.2.3+4.gabc
	version=$(echo "${tag#v}" | sed -E 's/-([0-9]+)-(g[0-9a-f]+)$/+\1.\2/')
else
	version=0.0.0+$(git rev-list --count HEAD).g$(git rev-parse --short=7 HEAD)
fi
[ -z "$(git status --porcelain --untracked-files=no)" ] || version=$version.dirty
echo "$version"
