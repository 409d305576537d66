#!/bin/sh
# install.sh install|install-plugins|uninstall - put what make build has made, with
# units, manual, completion and documents, below $prefix, and the configuration, if
# there is none, below $sysconfdir; or take all but the configuration and the state
# away. $DESTDIR stands before all paths: then nothing of the system is asked or told.
set -eu
umask 022

cd "$(dirname "$0")/.."
DESTDIR=${DESTDIR:-} prefix=${prefix:-/usr/local} sysconfdir=${sysconfdir:-/etc}
what=${1:-}
etc=$sysconfdir/tlswarden
lib=$prefix/lib/tlswarden
doc=$prefix/share/doc/tlswarden
# systemd reads units below /usr and /usr/local, and else in /etc alone.
case $prefix in
/usr | /usr/local) systemd=$prefix/lib ;;
*) systemd=/etc ;;
esac
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# put MODE SOURCE PATH installs a file, with the paths of this installation in the
# place of those of packages, or removes it.
put() {
	if [ "$what" = uninstall ]; then
		rm -f "$DESTDIR$3"
		return
	fi
	install -d "$DESTDIR$(dirname "$3")"
	install -m "$1" "$2" "$DESTDIR$3"
}

# adapted SOURCE is the file with the paths of this installation.
adapted() { sed "s|/usr/bin/tlswarden|$prefix/bin/tlswarden|g; s|/etc/tlswarden|$etc|g; s|/usr/lib/tlswarden|$lib|g; s|/usr/share/doc/tlswarden|$doc|g" "$1" >"$new"; }

service() {
	case $(uname -s) in
	FreeBSD)
		sed "s|/usr/local/bin/tlswarden|$prefix/bin/tlswarden|; s|/usr/local/etc/tlswarden|$etc|" packaging/freebsd/tlswarden >"$new"
		put 555 "$new" "$prefix/etc/rc.d/tlswarden"
		return
		;;
	esac
	for unit in packaging/systemd/*.service packaging/systemd/*.socket; do
		adapted "$unit"
		put 644 "$new" "$systemd/systemd/system/${unit##*/}"
	done
	put 644 packaging/systemd/sysusers.conf "$systemd/sysusers.d/tlswarden.conf"
	put 644 packaging/systemd/tmpfiles.conf "$systemd/tmpfiles.d/tlswarden.conf"
}

completion() { # SHELL PATH
	[ "$what" = uninstall ] || build/tlswarden completion "$1" >"$new"
	put 644 "$new" "$2"
}

program() {
	put 755 build/tlswarden "$prefix/bin/tlswarden"
	service
	for page in docs/man/*.[1-8]; do
		adapted "$page"
		put 644 "$new" "$prefix/share/man/man${page##*.}/${page##*/}"
	done
	completion bash "$prefix/share/bash-completion/completions/tlswarden"
	completion zsh "$prefix/share/zsh/site-functions/_tlswarden"
	completion fish "$prefix/share/fish/vendor_completions.d/tlswarden.fish"
	for file in docs/*.md docs/howto/*; do
		put 644 "$file" "$doc/${file#docs/}"
	done
	for file in tlswarden.toml rules.d/10-site.toml; do
		adapted "packaging/etc/$file"
		put 644 "$new" "$doc/examples/$file"
	done
}

plugins() {
	for plugin in dns lookup exec-example/exec_example.py exec-example/outbound-tls exec-example/tlswarden_plugin_v1_pb2.py; do
		mode=755
		case $plugin in *_pb2.py) mode=644 ;; esac
		put "$mode" "build/plugins/$plugin" "$lib/plugins/$plugin"
	done
}

# configuration leaves one that is there alone, with its rules, of which some may have
# been removed.
configuration() {
	if [ -e "$DESTDIR$etc/tlswarden.toml" ] || [ -L "$DESTDIR$etc/tlswarden.toml" ]; then
		echo "$etc stays as it is; $doc/examples has what ships."
		return
	fi
	for file in tlswarden.toml rules.d/10-site.toml; do
		if [ ! -e "$DESTDIR$etc/$file" ]; then put 644 "$DESTDIR$doc/examples/$file" "$etc/$file"; fi
	done
}

# leave unhooks nothing: it fails as long as a mail server asks, and stops the daemon.
leave() {
	[ -z "$DESTDIR" ] && [ -x "$prefix/bin/tlswarden" ] || return 0
	TLSWARDEN=$prefix/bin/tlswarden packaging/scripts/before-removal
	[ -d /run/systemd/system ] || return 0
	systemctl --quiet disable tlswarden.socket tlswarden-postfix.socket tlswarden-sendmail.socket tlswarden.service 2>/dev/null || true
	packaging/scripts/stop-units
}

case $what in
install)
	program
	configuration
	;;
install-plugins) plugins ;;
uninstall)
	leave
	program
	plugins
	for dir in "$lib/plugins/exec-example" "$lib/plugins" "$lib" "$doc/examples/rules.d" "$doc/examples" "$doc/howto" "$doc"; do
		rmdir "$DESTDIR$dir" 2>/dev/null || true
	done
	if [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
	echo "$etc and the state in /var/lib/tlswarden stay."
	;;
*)
	echo "usage: install.sh install|install-plugins|uninstall" >&2
	exit 2
	;;
esac
