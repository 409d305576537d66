# shellcheck shell=sh
# clients.sh - the package comes, goes and is upgraded while clients connect.
set -eu
# shellcheck source=packaging/test/inside/lib.sh
. /tree/packaging/test/inside/lib.sh

config=/etc/tlswarden/tlswarden.toml
runs() {
	until_true answered || die "nobody answers"
	[ "$(systemctl show -P MainPID tlswarden)" != 0 ] || die "systemd has no process"
}

step "installed while clients connect"
set_up_postfix
systemctl restart postfix
fetch_packages
older
hammer
for i in 1 2 3; do
	install_package >/tmp/said 2>&1 || die "$(cat /tmp/said)"
	if grep 'DOES NOT RUN' /tmp/said; then die "$(cat /tmp/said)"; fi
	runs

	step "purged, with a daemon that runs, and with one that does not come up ($i)"
	apt-get purge tlswarden
	gone
	install_package
	runs
	broken
	apt-get purge tlswarden
	gone
done

step "removed, and installed again"
install_package
apt-get remove tlswarden
gone
install_package
runs

step "a daemon that does not come up is told of, and does not stop the installation"
broken
apt-get remove tlswarden
gone
install_package >/tmp/said 2>&1 || die "the installation fails: $(cat /tmp/said)"
grep 'DOES NOT RUN' /tmp/said || die "it is not said that nobody answers: $(cat /tmp/said)"
grep 'tlswarden check --config' /tmp/said || die "it is not said what to do: $(cat /tmp/said)"
[ "$(dpkg-query -W -f '${db:Status-Status}' tlswarden)" = installed ] || die "the package is not configured"
sed -i '/^enforcement/d' $config
systemctl restart tlswarden
runs

step "upgraded"
apt-get install --allow-downgrades "$old"/tlswarden_[0-9]*.deb
runs
before=$(pidof tlswarden)
install_package
runs
[ "$(pidof tlswarden)" != "$before" ] || die "the daemon was not replaced"

step "a service without a process, of an init script that is gone, is no daemon"
apt-get purge tlswarden
printf '#!/bin/sh\n### BEGIN INIT INFO\n# Provides: tlswarden\n### END INIT INFO\nexit 0\n' >/etc/init.d/tlswarden
chmod 755 /etc/init.d/tlswarden
systemctl daemon-reload
systemctl start tlswarden
systemctl is-active tlswarden
rm /etc/init.d/tlswarden
install_package
runs

postfix_is_down() { if postfix status; then return 1; fi; }

step "a Postfix that came later"
tlswarden setup postfix --front both --apply
postfix reload
for i in 1 2 3; do
	# As if the machine had been started without Postfix, and as if it was purged.
	# In bookworm postfix.service stands for postfix@-.service, and does not wait for it.
	systemctl stop 'postfix*.service'
	until_true postfix_is_down || die "Postfix goes on"
	mv /var/spool/postfix /var/spool/later
	[ "$i" != 2 ] || doc "Debian and Ubuntu" "Postfix that came later"
	rm -rf /var/spool/later/tlswarden
	mv /var/spool/later /var/spool/postfix
	systemctl start postfix
	until_true postfix status || die "Postfix does not come back"
	doc "Debian and Ubuntu" "Postfix that came later"
	sockets=$(stat -c '%n %U:%G %a' /var/spool/postfix/tlswarden /var/spool/postfix/tlswarden/*)
	[ "$sockets" = "/var/spool/postfix/tlswarden root:root 755
/var/spool/postfix/tlswarden/milter root:postfix 660
/var/spool/postfix/tlswarden/policy root:postfix 660" ] || die "sockets: $sockets"
	systemctl is-active tlswarden.socket tlswarden-postfix.socket tlswarden
	runs
	mail_flows "later-$i"
done

step "the ports on loopback are closed, and opened"
cp $config /tmp/config
sed -i '/inet:127.0.0.1/d' $config
doc "The sockets" ""
if echo | openssl s_client -connect 127.0.0.1:8465 2>&1 | grep -q CONNECTED; then die "the port is open"; fi
mail_flows closed
cp /tmp/config $config
systemctl unmask tlswarden.socket
doc "Debian and Ubuntu" "Postfix that came later"
runs

calm
doc "Debian and Ubuntu" Remove
gone
echo "all of clients.sh holds"
