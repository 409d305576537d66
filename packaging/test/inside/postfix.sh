# shellcheck shell=sh
# postfix.sh - the packages beside a Postfix that runs under systemd, in its chroot.
set -eu
# shellcheck source=packaging/test/inside/lib.sh
. /tree/packaging/test/inside/lib.sh

config=/etc/tlswarden/tlswarden.toml
pid() { systemctl show -P MainPID tlswarden.service; }
since=$(date +%s)
logged() { journalctl --unit tlswarden --no-pager --since "@$since" | grep -q -- "$1"; }

status_code() {
	code=0
	tlswarden status >/dev/null 2>&1 || code=$?
	echo $code
}

step "a Postfix that runs"
set_up_postfix
systemctl restart postfix
postconf -F smtp/inet/chroot | grep -q '= y' || die "smtpd has no chroot"
mail_unjudged before
cp /etc/postfix/main.cf /tmp/main.cf

step "install: the daemon runs, and no mail is judged"
fetch_packages
doc "Debian and Ubuntu" Install
cmp /tmp/main.cf /etc/postfix/main.cf || die "installing changed main.cf"
if tlswarden setup status --quiet; then die "some mail server asks it"; fi
mail_unjudged installed

step "a daemon that cannot run is not hooked up, though systemd holds its sockets"
systemctl mask --now tlswarden.service
if tlswarden setup postfix --apply >/tmp/said 2>&1; then die "it was: $(cat /tmp/said)"; fi
grep -q 'start tlswarden first' /tmp/said || die "it is not said why: $(cat /tmp/said)"
cmp /tmp/main.cf /etc/postfix/main.cf || die "main.cf was changed"
systemctl unmask tlswarden.service
systemctl reset-failed
systemctl restart tlswarden.socket tlswarden-postfix.socket
systemctl start tlswarden

step "hook it up"
doc "Debian and Ubuntu" Postfix
becomes 'fail; none'
mail_flows hooked
until_true logged 'action=tag.*front=milter' || die "the journal has no decision"
sockets=$(stat -c '%n %U:%G %a' /var/spool/postfix/tlswarden /var/spool/postfix/tlswarden/*)
[ "$sockets" = "/var/spool/postfix/tlswarden root:root 755
/var/spool/postfix/tlswarden/milter root:postfix 660
/var/spool/postfix/tlswarden/policy root:postfix 660" ] || die "sockets: $sockets"
postconf -h smtpd_milters | grep -q unix:tlswarden/milter || die "the socket is not used: $(postconf -h smtpd_milters)"
cp /etc/postfix/main.cf /tmp/main.hooked
tlswarden setup postfix --apply
cmp /tmp/main.hooked /etc/postfix/main.cf || die "applied twice, main.cf is another"

step "both front ends"
tlswarden setup postfix --front both --apply
postfix reload
mail_flows both
judged_twice() { [ "$(journalctl --unit tlswarden --no-pager | grep -c 'msg=decision.*TLSv1.3.*anna@localhost')" -eq 2 ]; }
until_true judged_twice || die "two messages over TLS are not two decisions"

step "the service is confined, small and quick"
exposure=$(systemd-analyze security --no-pager tlswarden.service | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
kib=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(pid)/status")
systemctl restart tlswarden
began=$(systemctl show -P ExecMainStartTimestampMonotonic tlswarden)
ready=$(systemctl show -P ActiveEnterTimestampMonotonic tlswarden)
echo "exposure $exposure (limit 1.5); memory $kib KiB (limit 30720); ready in $(((ready - began) / 1000)) ms (limit 200)"
awk -v e="$exposure" 'BEGIN { exit !(e > 0 && e <= 1.5) }' || die "systemd-analyze security: $exposure"
[ "$kib" -lt 30720 ] || die "the daemon has $kib KiB"
[ "$(stat -c %U "/proc/$(pid)")" = tlswarden ] || die "the daemon is not its own user"

step "what was seen is kept"
kept() { grep -q '"clients": "public"' /var/lib/tlswarden/listeners.json; }
until_true kept || die "listeners.json: $(cat /var/lib/tlswarden/listeners.json)"
[ "$(stat -c '%U:%G %a' /var/lib/tlswarden/listeners.json)" = 'tlswarden:tlswarden 600' ] || die "the file is not the daemon's own: $(ls -l /var/lib/tlswarden)"

step "a reload of broken rules fails, and a restart with them goes on with those before"
site=/etc/tlswarden/rules.d/10-site.toml
cp $site /tmp/site
printf '[[rule]]\nname = "x"\n' >>$site
if systemctl reload tlswarden; then die "a reload of broken rules went well"; fi
[ "$(status_code)" = 1 ] || die "the status does not tell of it: $(tlswarden status)"
tlswarden status | grep -q 'the latest reload failed' || die "it is not said: $(tlswarden status)"
systemctl restart tlswarden
[ "$(status_code)" = 2 ] || die "the status does not tell of it: $(tlswarden status)"
tlswarden status | grep -q 'in place is the copy' || die "it is not said: $(tlswarden status)"
systemctl status tlswarden | grep -q 'in place is the copy' || die "systemctl does not say it: $(systemctl status tlswarden)"
mail_flows last-good
cp /tmp/site $site
systemctl reload tlswarden
tlswarden status | grep -q 'critical' && die "it stays: $(tlswarden status)"
runuser -u nobody -- tlswarden status && die "anybody may ask"
runuser -u tlswarden -- tlswarden status | grep -q 'rules ' || die "its own user may not ask"
chmod 600 $site
if tlswarden check --config $config >/tmp/said; then die "what the daemon cannot read was not found: $(cat /tmp/said)"; fi
grep -q 'the user tlswarden, as whom the daemon runs, cannot read this file' /tmp/said || die "it is not said: $(cat /tmp/said)"
chmod 644 $site

step "plugins run in the same walls"
cp $config /tmp/config
cat >/etc/tlswarden/partners.csv <<END
sender_domain,tier
example.org,strict
END
cat >>$config <<END
[plugin.lookup]
path = "/usr/lib/tlswarden/plugins/lookup"
[plugin.lookup.settings]
driver = "csv"
file = "/etc/tlswarden/partners.csv"
key = ["sender_domain"]
[plugin.lookup.settings.facts]
tier = "name"
[plugin.dns]
path = "/usr/lib/tlswarden/plugins/dns"
[plugin.outbound]
path = "/usr/lib/tlswarden/plugins/exec-example/exec_example.py"
mtls = false
[plugin.outbound.settings]
command = ["/usr/lib/tlswarden/plugins/exec-example/outbound-tls", "/etc/tlswarden/levels"]
[plugin.outbound.settings.facts]
level = "name"
END
echo 'example.org encrypt' >/etc/tlswarden/levels
cat >/etc/tlswarden/rules.d/05-plugins.toml <<END
[[rule]]
name = "strict partners"
when = { plugin.lookup.tier = "strict", plugin.outbound.level = "encrypt" }
require = "any-tls"
otherwise = "tag"
tag = "partner"
END
systemctl restart tlswarden
for plugin in lookup dns outbound; do
	until_true logged "plugin started.*plugin=$plugin" || die "the plugin $plugin does not start"
done
known() { send "partner-$(date +%s%N)" && header "$name" | grep -q 'X-TLS-Policy: fail; none; partner'; }
until_true known || die "the plugins tell the rules nothing: $(header "$name")"
tlswarden check --config $config
cp /tmp/config $config
rm /etc/tlswarden/rules.d/05-plugins.toml
systemctl restart tlswarden

step "without the ports on loopback, and with them again"
sed -i '/inet:127.0.0.1/d' $config
doc "The sockets" ""
if echo | openssl s_client -connect 127.0.0.1:8465 2>&1 | grep -q CONNECTED; then die "the port is open"; fi
mail_flows sockets
cp /tmp/config $config
systemctl stop tlswarden
systemctl unmask tlswarden.socket
systemctl start tlswarden.socket tlswarden
systemctl is-active tlswarden.socket

step "a restart loses no mail"
(
	for i in 1 2 3 4 5; do
		systemctl restart tlswarden
		sleep 0.3
	done
) &
for i in $(seq 20); do
	# A session that pauses for more than a second is not waited for, and deferred.
	send "restart-$i"
done
wait
for i in $(seq 20); do
	judged "restart-$i" 'fail; none'
	[ "$(grep -c "^Subject: restart-$i\$" /var/mail/anna)" = 1 ] || die "the message restart-$i arrived twice"
done

step "a start with a configuration that cannot be read delays mail, until it can"
cp $config /tmp/config
echo 'enforcement = "none"' >>$config
systemctl restart tlswarden || true
sleep 8
if swaks --silent 3 --server 203.0.113.25 --local-interface 203.0.113.7 --from a@example.org --to anna@localhost --timeout 40 >/tmp/said; then
	die "mail was taken: $(cat /tmp/said)"
fi
cp /tmp/config $config
until_true systemctl is-active --quiet tlswarden || die "it did not come up again"
systemctl is-active tlswarden.socket tlswarden-postfix.socket
mail_flows again

step "go back, and upgrade with files that were edited"
older
echo '# Edited.' >>$config
echo '# Edited.' >>/etc/tlswarden/rules.d/10-site.toml
before=$(pid)
apt-get install --allow-downgrades "$old"/tlswarden_*.deb "$old"/tlswarden-plugins_*.deb
[ "$(version)" = 0.0.0+1.g0000000-1 ] || die "the version is $(version)"
[ "$(pid)" != "$before" ] || die "the daemon was not replaced"
mail_flows older
cp $config /tmp/config
before=$(pid)
doc "Debian and Ubuntu" Upgrade
[ "$(version)" != 0.0.0+1.g0000000-1 ] || die "the version is $(version)"
[ "$(pid)" != "$before" ] || die "the daemon was not replaced"
cmp /tmp/config $config || die "an edited configuration was changed"
tail -n 1 /etc/tlswarden/rules.d/10-site.toml | grep -q Edited || die "edited rules were changed"
ls /etc/tlswarden
mail_flows upgraded

step "upgrade with a configuration that the new version rejects"
apt-get install --allow-downgrades "$old"/tlswarden_*.deb "$old"/tlswarden-plugins_*.deb
echo 'enforcement = "none"' >>$config
stays doc "Debian and Ubuntu" Upgrade 2>/tmp/said
cat /tmp/said
grep -q "$config:[0-9]*: error: .*unknown key.*enforcement" /tmp/said || die "it is not said what is wrong"
grep -q 'tlswarden check --config' /tmp/said || die "it is not said what to do"
[ "$(dpkg-query -W -f '${db:Status-Status}' tlswarden)" = installed ] || die "the package is not configured"
mail_flows rejected
cp /tmp/config $config
systemctl restart tlswarden
mail_flows mended

step "removal waits as long as Postfix asks"
if apt-get remove tlswarden >/tmp/said 2>&1; then die "it went"; fi
grep -q 'tlswarden setup postfix --remove' /tmp/said || die "it is not said what to do: $(cat /tmp/said)"
mail_flows still
cp /etc/postfix/main.cf /tmp/main.hooked
echo 'this is no parameter' >>/etc/postfix/main.cf
if apt-get remove tlswarden >/tmp/said 2>&1; then die "it went, though nobody can tell whether Postfix asks"; fi
cp /tmp/main.hooked /etc/postfix/main.cf

step "remove"
doc "Debian and Ubuntu" Remove
becomes ''
mail_unjudged removed
cmp /tmp/main.cf /etc/postfix/main.cf || die "main.cf is not what it was: $(diff /tmp/main.cf /etc/postfix/main.cf)"
if pidof tlswarden; then die "the daemon still runs"; fi
[ -e $config ] || die "removal took the configuration"
[ ! -e /var/spool/postfix/tlswarden ] || die "the sockets' folder is left"
postfix check

step "install again, and purge with the state on another file system"
install_package
systemctl is-active tlswarden tlswarden.socket tlswarden-postfix.socket
systemctl stop tlswarden
mount -t tmpfs tmpfs /var/lib/tlswarden
mkdir /var/lib/tlswarden/deep
echo state >/var/lib/tlswarden/deep/state
systemctl start tlswarden
apt-get purge tlswarden
[ -z "$(ls -A /var/lib/tlswarden)" ] || die "state is left"
umount /var/lib/tlswarden
rm /etc/tlswarden/partners.csv /etc/tlswarden/levels # which are not the package's
rmdir /etc/tlswarden
left=$(find / -xdev \( -path /root -o -path /proc -o -path /sys -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/log \) -prune -o -name '*tlswarden*' -print | grep -v '^/tmp/\|^/etc/postfix/main.cf.before\|/var/lib/tlswarden$' || true)
[ -z "$left" ] || die "purge left $left"
mail_unjudged purged
echo "all of postfix.sh holds"
