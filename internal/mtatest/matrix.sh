#!/bin/sh
# matrix.sh SUITE... - run the case files, and the scripts for miltertest, with
# the programs of other releases of Debian, such as bookworm and trixie.
#
# Each release is kept in a folder of its own, made once by debootstrap(8):
# $TLSWARDEN_MATRIX/SUITE, without that variable
# $HOME/.cache/tlswarden-test/matrix/SUITE. install.sh fetches the mail servers
# in there. The tests and the program are built here and run there, in a chroot
# with /proc and /dev, on this machine's network. Neither the mounts nor the
# servers are seen outside, and the kernel takes the mounts away with the last
# process that has them, however that ends.
#
# Packages come from the mirror that this machine uses. Needs root (or sudo),
# and a kernel that permits mounts in a namespace. Every failure is fatal, and
# a server that is missing is one.
set -eu

cache=${TLSWARDEN_MATRIX:-${HOME:?HOME is not set}/.cache/tlswarden-test/matrix}
tree=$(cd "$(dirname "$0")/../.." && pwd)
here=/mnt # where the tree is in a chroot

# shellcheck source=internal/mtatest/debian.sh
. "$tree/internal/mtatest/debian.sh"

# inside ROOT COMMAND... runs a command in a chroot that has /proc, /dev and
# the tree, and this machine's resolver.
inside() {
	root=$1
	shift
	# shellcheck disable=SC2016 # the arguments are the inner shell's
	as_root unshare --mount --propagation private sh -euc '
		root=$1 tree=$2 here=$3
		shift 3
		mount --rbind /proc "$root/proc"
		mount --rbind /dev "$root/dev"
		mount --bind "$tree" "$root$here"
		mount -o remount,bind,ro "$root$here"
		cp -L /etc/resolv.conf "$root/etc/resolv.conf"
		exec chroot "$root" env -i HOME=/root LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
	' sh "$root" "$tree" "$here" "$@"
}

[ $# -gt 0 ] || fail "which releases?"
cd "$tree"
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o build/matrix/tlswarden ./cmd/tlswarden
CGO_ENABLED=0 go test -trimpath -buildvcs=false -c -o build/matrix/mtatest ./internal/mtatest
for suite; do
	bootstrap "$suite" "$cache/$suite"
	echo "matrix.sh: $suite"
	inside "$cache/$suite" "$here/internal/mtatest/install.sh"
	# CI: what cannot be run is a failure.
	# shellcheck disable=SC2016 # the arguments are the inner shell's
	inside "$cache/$suite" CI=true "TLSWARDEN_BIN=$here/build/matrix/tlswarden" \
		sh -c 'cd "$1" && exec "$2" -test.run "^Test(Cases|Miltertest)$" -test.v' sh \
		"$here/internal/mtatest" "$here/build/matrix/mtatest"
done
