#!/bin/sh
# build.sh [ARCH...] - make the packages: deb, rpm, apk and Arch's, for each of the
# architectures (amd64 and arm64), in build/packages.
#
# The same commit gives the same bytes, by the same release of Go: paths are cut
# from the programs, and all times are those of the commit. TLSWARDEN_VERSION and
# SOURCE_DATE_EPOCH say otherwise, which a tree without git needs.
set -eu

cd "$(dirname "$0")/.."
out=build/packages
stage=$out/stage
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
[ $# -gt 0 ] || set -- amd64 arm64

: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
version=${TLSWARDEN_VERSION:-$(packaging/version.sh)}
export SOURCE_DATE_EPOCH
LC_ALL=C
export LC_ALL TZ=UTC

# compressed writes a file as Debian wants it: as small as can be, without name and time.
compressed() { gzip -9n >"$1"; }

programs() { # ARCH
	CGO_ENABLED=0 GOARCH=$1 ${GO:-go} build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$version" -o "$stage/$1/tlswarden" ./cmd/tlswarden
	CGO_ENABLED=0 GOARCH=$1 ${GO:-go} build -trimpath -buildvcs=false -ldflags '-s -w' -o "$stage/$1/" ./plugins/dns ./plugins/lookup
}

# pages makes what is the same for all architectures: manual, completion, changelog.
pages() {
	mkdir -p "$stage/man" "$stage/completion"
	for page in docs/man/*.[1-8]; do
		compressed "$stage/man/${page##*/}.gz" <"$page"
	done
	# By a program of this machine.
	for shell in bash zsh fish; do
		CGO_ENABLED=0 ${GO:-go} run -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$version" ./cmd/tlswarden completion "$shell" >"$stage/completion/$shell"
	done
	compressed "$stage/changelog.gz" <CHANGELOG.md
	# An apk has the times of its scripts.
	mkdir "$stage/apk"
	cp packaging/apk/p* "$stage/apk/"
	touch -d "@$SOURCE_DATE_EPOCH" "$stage"/apk/*
	cat >"$stage/changelog.yaml" <<-END
		- semver: $version
		  date: $(date +%Y-%m-%dT%H:%M:%SZ -d "@$SOURCE_DATE_EPOCH")
		  packager: tlswarden maintainers <maintainers@tlswarden.example>
		  deb: { urgency: medium, distributions: [unstable] }
		  changes: [ note: "See changelog.gz." ]
	END
}

# package FORMAT ARCH
package() {
	case $1 in
	apk) number=$(echo "$version" | sed 's/+/_git/; s/\.g.*//') ;; # has no sign for a build
	*) number=$version ;;
	esac
	for name in tlswarden tlswarden-plugins; do
		TLSWARDEN_ARCH=$2 TLSWARDEN_VERSION=$number ${GO:-go} run "$nfpm" package \
			--config "packaging/$name.yaml" --packager "$1" --target "$out/"
	done
}

rm -rf "$out"
mkdir -p "$stage"
pages
for arch; do
	programs "$arch"
	for format in deb rpm apk archlinux; do
		package "$format" "$arch"
	done
done
rm -rf "$stage"
