# shellcheck shell=sh
# debian.sh - what scripts share that install packages of Debian, in this system or
# in a root of another release; to be sourced. Packages come from the mirror that
# this machine uses. bootstrap needs debootstrap(8), and a kernel that permits mounts
# in a namespace.

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# mirror prints where this machine has Debian's packages from: the first source
# of its own release.
mirror() {
	# shellcheck source=/dev/null
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016 # apt-get fills in the fields
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Identifier: Packages' |
		sed -n "s/^$release //p" | head -n 1
}

# bootstrap SUITE FOLDER makes the root of a release, which appears when it is
# complete, and does nothing where it is there. It is a copy of one that is made once.
bootstrap() {
	[ ! -d "$2" ] || return 0
	base=${HOME:?HOME is not set}/.cache/tlswarden-test/debian/$1
	as_root mkdir -p "${base%/*}" "${2%/*}"
	if [ ! -d "$base" ]; then
		command -v debootstrap >/dev/null || fail "needs debootstrap"
		uri=$(mirror)
		[ -n "$uri" ] || fail "this machine has no source of Debian packages"
		as_root rm -rf "$base.new"
		# It mounts /proc there; not so that we could delete that.
		as_root unshare --mount --propagation private \
			debootstrap --variant=minbase "$1" "$base.new" "$uri"
		# No resolver is asked for the names in here, but Sendmail reads it.
		echo '127.0.0.1 localhost' | as_root tee "$base.new/etc/hosts" >/dev/null
		as_root mv "$base.new" "$base"
	fi
	as_root rm -rf "$2.new"
	as_root cp -a "$base" "$2.new"
	as_root mv "$2.new" "$2"
}
