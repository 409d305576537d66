#!/bin/sh
# again.sh - make the packages for amd64 once more, of the same commit in another
# folder and later, and see that each is the same, byte for byte, as in
# build/packages.
set -eu

cd "$(dirname "$0")/../.."
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
	[ -z "${CI:-}" ] || { echo "again.sh: files differ from the commit" >&2 && exit 1; }
	echo "SKIPPED: files differ from the commit, so that the packages are not made again"
	exit
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
git clone -q . "$dir/elsewhere"
"$dir/elsewhere/packaging/build.sh" amd64 >/dev/null 2>&1
for package in "$dir"/elsewhere/build/packages/*; do
	cmp "$package" "build/packages/${package##*/}"
	echo "the same: ${package##*/}"
done
