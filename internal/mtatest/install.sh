#!/bin/sh
# install.sh [DIR] - fetch the mail servers that the tests of this folder drive.
#
# Postfix, m4 and miltertest are installed as Debian packages; the system's own
# Postfix is neither configured nor started. Sendmail cannot be installed beside
# Postfix, so its packages are only unpacked, into DIR. Without DIR that is
# $TLSWARDEN_SENDMAIL, else $HOME/.cache/tlswarden-test/sendmail.
#
# Sendmail offers STARTTLS only if no directory above its private key can be
# written by group or others, so DIR must not be below /tmp.
#
# A second run changes nothing and needs no network. Every failure is fatal.
set -eu

# shellcheck source=internal/mtatest/debian.sh
. "$(dirname "$0")/debian.sh"

dir=${1:-${TLSWARDEN_SENDMAIL:-${HOME:?HOME is not set}/.cache/tlswarden-test/sendmail}}
case $dir in
/*) ;;
*) dir=$PWD/$dir ;;
esac

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# refresh_lists runs apt-get update, once.
refreshed=
refresh_lists() {
	[ -z "$refreshed" ] || return 0
	as_root apt-get update -qq
	refreshed=yes
}

# install_packages installs what is missing. A policy-rc.d that says 101 keeps
# the package from starting a system Postfix.
install_packages() {
	want=
	for package in postfix m4 miltertest; do
		installed "$package" || want="$want $package"
	done
	[ -n "$want" ] || return 0
	refresh_lists
	guard=/usr/sbin/policy-rc.d
	if [ -e "$guard" ]; then
		guard=
	else
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$guard" >/dev/null
		as_root chmod 755 "$guard"
		trap 'as_root rm -f "$guard"' EXIT
	fi
	echo "postfix postfix/main_mailer_type select No configuration" |
		as_root debconf-set-selections
	# shellcheck disable=SC2086 # $want is a list of names without blanks
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends $want
	if [ -n "$guard" ]; then
		as_root rm -f "$guard"
		trap - EXIT
	fi
}

# missing_libraries prints the libraries that sendmail-bin depends on and that
# this machine lacks; they are unpacked beside it.
missing_libraries() {
	apt-cache depends sendmail-bin |
		sed -n 's/^ *Depends: \(lib[^<>]*\)$/\1/p' |
		while read -r package; do
			installed "$package" || echo "$package"
		done
}

# check_parents refuses a DIR in which Sendmail would not trust its key file.
check_parents() {
	at=$1
	while :; do
		mode=$(stat -c %a "$at")
		case $mode in
		*[2367]? | *[2367]) fail "$at (mode $mode) can be written by group or others: Sendmail would not use a key below it" ;;
		esac
		[ "$at" != / ] || return 0
		at=$(dirname "$at")
	done
}

library_path() {
	find "$1/usr/lib" "$1/lib" -name '*.so.*' -printf '%h\n' 2>/dev/null | sort -u | paste -s -d: -
}

check_sendmail() {
	binary=$1/usr/libexec/sendmail/sendmail
	[ -x "$binary" ] || fail "no $binary in the unpacked packages"
	[ -r "$1/usr/share/sendmail/cf/m4/cf.m4" ] || fail "no m4/cf.m4 in the unpacked packages"
	lost=$(LD_LIBRARY_PATH=$(library_path "$1") ldd "$binary" | grep 'not found' || true)
	[ -z "$lost" ] || fail "Sendmail lacks libraries: $lost"
}

unpack_sendmail() {
	if [ -e "$dir/.complete" ]; then
		check_sendmail "$dir"
		return 0
	fi
	mkdir -p "$(dirname "$dir")"
	check_parents "$(dirname "$dir")"
	scratch=$(mktemp -d "$dir.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	chmod 755 "$scratch"
	mkdir "$scratch/deb"
	refresh_lists
	libraries=$(missing_libraries)
	(
		cd "$scratch/deb"
		# shellcheck disable=SC2086 # a list of names without blanks
		apt-get download -o APT::Sandbox::User=root sendmail-bin sendmail-base sendmail-cf $libraries
	)
	for package in "$scratch"/deb/*.deb; do
		dpkg -x "$package" "$scratch"
	done
	rm -r "$scratch/deb"
	# The packages set group ids, which would make the loader ignore LD_LIBRARY_PATH.
	find "$scratch" -type f -perm /6000 -exec chmod u-s,g-s {} +
	check_sendmail "$scratch"
	touch "$scratch/.complete"
	rm -rf "$dir"
	mv "$scratch" "$dir"
	trap - EXIT
}

command -v apt-get >/dev/null || fail "needs Debian's apt-get"
umask 022
install_packages
unpack_sendmail
echo "postfix $(dpkg-query -W -f '${Version}' postfix), sendmail unpacked in $dir"
