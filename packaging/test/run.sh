#!/bin/sh
# run.sh SUITE... - try the packages of build/packages as users would, in fresh
# roots of releases of Debian, such as bookworm and trixie: with Postfix and with
# Sendmail under a systemd of their own, and with Postfix without systemd. The rpm
# is installed into such a root, too, and upgraded and removed.
#
# Roots are made once by debootstrap(8), with the mail server and what the tests
# need, in $TLSWARDEN_ROOTS, without that variable
# $HOME/.cache/tlswarden-test/roots. Each test has one to itself, through an
# overlay that goes when it ends, and a network of its own, which has no way out.
# No process of a test outlives it: the kernel ends them with its PID namespace.
#
# Needs root (or sudo), and a kernel that permits such namespaces and overlays.
# Every failure is fatal.
set -eu

tree=$(cd "$(dirname "$0")/../.." && pwd)
roots=${TLSWARDEN_ROOTS:-${HOME:?HOME is not set}/.cache/tlswarden-test/roots}

# shellcheck source=internal/mtatest/debian.sh
. "$tree/internal/mtatest/debian.sh"

# with SUITE NAME PACKAGE... makes a root that has these packages, unless it is there,
# and says in $root where that is.
with() {
	suite=$1 name=$roots/$1-$2
	shift 2
	root=$name.$(echo "$@" | cksum | cut -d ' ' -f 1)
	[ ! -d "$root" ] || return 0
	as_root rm -rf "$name".* # with other packages, or not complete
	bootstrap "$suite" "$root.new"
	# shellcheck disable=SC2016 # the arguments are the inner shell's
	as_root unshare --mount --propagation private sh -euc '
		root=$1
		shift
		mount --rbind /proc "$root/proc"
		mount --rbind /dev "$root/dev"
		cp -L /etc/resolv.conf "$root/etc/resolv.conf"
		printf "#!/bin/sh\nexit 101\n" >"$root/usr/sbin/policy-rc.d"
		chmod 755 "$root/usr/sbin/policy-rc.d"
		inside() { chroot "$root" env -i HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
		inside apt-get update -qq
		inside apt-get install -qq --no-install-recommends "$@" >/dev/null
		rm "$root/usr/sbin/policy-rc.d"
		inside useradd --create-home anna
		echo tlswarden-test >"$root/etc/hostname"
		echo "127.0.0.1 localhost tlswarden-test tlswarden-test.example" >"$root/etc/hosts"
	' sh "$root.new" "$@"
	as_root mv "$root.new" "$root"
}

# try NAME ROOT SCRIPT FLAVOUR runs a script within a copy of a root: FLAVOUR is
# systemd, or plain for none.
try() {
	echo "==== $3 in $1"
	work=$(mktemp -d)
	result=$(mktemp)
	status=0
	# shellcheck disable=SC2016 # the arguments are the inner shell's
	as_root unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child --propagation private --mount-proc sh -euc '
		base=$1 work=$2 result=$3 tree=$4 script=$5 flavour=$6
		mount -t tmpfs tmpfs "$work"
		mkdir "$work/upper" "$work/work" "$work/root"
		mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/work" "$work/root"
		cd "$work/root"
		mkdir tree .old
		mount --bind "$tree" tree
		mount -o remount,bind,ro tree
		: >result
		mount --bind "$result" result
		mount -t proc proc proc
		mount -t sysfs -o ro sysfs sys
		mount -t cgroup2 cgroup2 sys/fs/cgroup
		mount -t tmpfs -o mode=755 tmpfs run
		mount -t tmpfs -o mode=755 tmpfs dev
		for d in null zero full random urandom tty; do
			: >"dev/$d"
			mount --bind "/dev/$d" "dev/$d"
		done
		ln -s /proc/self/fd dev/fd
		ln -s fd/0 dev/stdin
		ln -s fd/1 dev/stdout
		ln -s fd/2 dev/stderr
		mkdir dev/shm dev/pts
		mount -t tmpfs -o mode=1777 tmpfs dev/shm
		mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
		ln -s pts/ptmx dev/ptmx
		hostname tlswarden-test
		# A server that is reached from elsewhere, and a client that is elsewhere.
		ip link set lo up
		ip addr add 203.0.113.25/32 dev lo
		ip addr add 203.0.113.7/32 dev lo
		pivot_root . .old
		umount -l /.old
		export container=tlswarden HOME=/root LC_ALL=C TERM=dumb DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
		if [ "$flavour" != systemd ]; then
			sh "/tree/packaging/test/inside/$script" </dev/null && echo 0 >/result
			exit
		fi
		# The script runs beside systemd, which is to be process 1.
		(
			n=0
			until [ -S /run/systemd/private ]; do
				n=$((n + 1))
				[ "$n" -lt 3000 ] || exit 1
				sleep 0.1
			done
			systemctl is-system-running --wait >/dev/null || true
			s=0
			sh "/tree/packaging/test/inside/$script" </dev/null || s=$?
			echo "$s" >/result
			systemctl --force --force poweroff
		) &
		exec /lib/systemd/systemd --system --log-target=journal --show-status=no
	' sh "$2" "$work" "$result" "$tree" "$3" "$4" || status=$? # that of the end of process 1
	said=$(cat "$result")
	rm "$result"
	rmdir "$work"
	[ "$said" = 0 ] || fail "$3 in $1 failed (exit code ${said:-none}, the system ended with $status)"
}

[ $# -gt 0 ] || fail "which releases?"
mta='swaks libnet-ssleay-perl openssl procps'
with bookworm lint lintian rpmlint rpm zstd binutils apparmor apparmor-utils
try bookworm "$root" lint.sh plain
# shellcheck disable=SC2086 # several packages
for suite; do
	with "$suite" postfix systemd systemd-sysv dbus postfix ssl-cert rpm python3-grpcio python3-protobuf $mta
	try "$suite" "$root" postfix.sh systemd
	try "$suite" "$root" clients.sh systemd
	try "$suite" "$root" rpm.sh systemd
	with "$suite" sendmail systemd systemd-sysv dbus sendmail-bin sendmail-cf sensible-mda procmail make $mta
	try "$suite" "$root" sendmail.sh systemd
	try "$suite" "$root" source.sh systemd
	with "$suite" plain postfix ssl-cert sysvinit-utils adduser $mta
	try "$suite" "$root" plain.sh plain
done
