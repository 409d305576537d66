# shellcheck shell=sh
# plain.sh - the packages beside a Postfix that runs without systemd.
set -eu
# shellcheck source=packaging/test/inside/lib.sh
. /tree/packaging/test/inside/lib.sh

# There is no init at all: somebody has to say that services may be started.
printf '#!/bin/sh\nexit 0\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

config=/etc/tlswarden/tlswarden.toml
logged() { grep -qs -- "$1" /var/log/tlswarden.log; }

# refused ACTION: the init script does not take a bad configuration, and says so.
refused() {
	if service tlswarden "$1" >/tmp/said 2>&1; then die "$1 took a bad configuration: $(cat /tmp/said)"; fi
	grep -q 'unknown key "enforcement"' /tmp/said || die "$1 does not say what is wrong: $(cat /tmp/said)"
	grep -q 'end .*, and then\( type\)\?: ' /tmp/said || die "$1 does not say what to type: $(cat /tmp/said)"
}

step "a Postfix that runs"
set_up_postfix
postconf -e maillog_file=/var/log/mail.log
postfix start
mail_unjudged before
cp /etc/postfix/main.cf /tmp/main.cf

step "install, and hook it up"
fetch_packages
install_package
until_true logged msg=ready || die "the daemon is not ready"
mail_unjudged installed
doc "Debian and Ubuntu" "Without systemd"
tlswarden setup postfix --front both --apply
postfix reload
tlswarden setup status
becomes 'fail; none'
mail_flows hooked
until_true logged 'action=tag.*front=milter' || die "the log has no decision"
service tlswarden reload
until_true logged msg=reloaded || die "it did not reload"

service tlswarden restart
grep -q '"clients": "public"' /var/lib/tlswarden/listeners.json || die "what was seen is not kept: $(ls -l /var/lib/tlswarden)"

step "a bad configuration stops no daemon that runs"
cp $config /tmp/config
echo 'enforcement = "none"' >>$config
for action in restart reload force-reload; do
	stays refused $action
done
mail_flows refused
cp /tmp/config $config
stays service tlswarden reload
before=$(pidof tlswarden)
service tlswarden restart
[ "$(pidof tlswarden)" != "$before" ] || die "the daemon was not replaced"
mail_flows mended

step "a start without syslog"
sed -i 's/^to *= .*/to = "syslog"/' $config
grep -q '^to = "syslog"' $config || die "the configuration has no line for the log: $(cat $config)"
service tlswarden restart
mail_flows no-syslog
cp /tmp/config $config
service tlswarden restart
mail_flows syslog-was-down

step "go back, upgrade, and upgrade with a configuration that is rejected"
older
apt-get install --allow-downgrades "$old"/tlswarden_*.deb
mail_flows older
before=$(pidof tlswarden)
doc "Debian and Ubuntu" Upgrade
[ "$(pidof tlswarden)" != "$before" ] || die "the daemon was not replaced"
mail_flows upgraded
apt-get install --allow-downgrades "$old"/tlswarden_*.deb
cp $config /tmp/config
echo 'enforcement = "none"' >>$config
stays doc "Debian and Ubuntu" Upgrade 2>/tmp/said
grep -q 'tlswarden check --config' /tmp/said || die "it is not said what to do: $(cat /tmp/said)"
mail_flows rejected
cp /tmp/config $config

step "remove"
if apt-get remove tlswarden >/tmp/said 2>&1; then die "it went"; fi
doc "Debian and Ubuntu" Remove
becomes ''
mail_unjudged removed
if pidof tlswarden; then die "the daemon still runs"; fi
cmp /tmp/main.cf /etc/postfix/main.cf || die "main.cf is not what it was"
apt-get purge tlswarden
for left in /etc/tlswarden /var/lib/tlswarden /var/log/tlswarden.log; do
	[ ! -e "$left" ] || die "purge left $left"
done
mail_unjudged purged
postfix stop
echo "all of plain.sh holds"
