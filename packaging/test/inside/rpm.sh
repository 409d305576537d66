# shellcheck shell=sh
# rpm.sh - the rpms in a root where rpm knows of none, with their scripts, which are
# for the shell and systemd, so that a root of Debian can run them.
set -eu
# shellcheck source=packaging/test/inside/lib.sh
. /tree/packaging/test/inside/lib.sh

# Its own database is empty, so that dependencies cannot be looked at. Debian's rpm
# of older releases wants to be told that this is meant.
force=
if rpm --force-debian --version >/dev/null 2>&1; then force=--force-debian; fi
install_rpm() { rpm $force --nodeps "$@"; }
config=/etc/tlswarden/tlswarden.toml

step "install"
set_up_postfix
systemctl restart postfix
[ -z "$(rpm -qa)" ] || die "rpm knows of packages"
install_rpm -i "$packages"/tlswarden-[0-9]*.x86_64.rpm "$packages"/tlswarden-plugins-*.x86_64.rpm
rpm -V --nodeps tlswarden tlswarden-plugins || die "what is installed is not what was packaged"
id tlswarden
[ "$(stat -c '%U:%G %a' /var/lib/tlswarden)" = 'tlswarden:tlswarden 750' ] || die "the state directory: $(stat /var/lib/tlswarden)"
rpm -q --configfiles tlswarden | grep -q $config || die "the configuration is no configuration file"
rpm -q --requires tlswarden
mail_unjudged installed

step "hook it up"
systemctl enable --now tlswarden.socket tlswarden-postfix.socket tlswarden.service
tlswarden setup postfix --apply
postfix reload
becomes 'fail; none'
mail_flows hooked

step "upgrade, also with a configuration that is rejected"
before=$(systemctl show -P MainPID tlswarden)
install_rpm -U --replacepkgs "$packages"/tlswarden-[0-9]*.x86_64.rpm
[ "$(systemctl show -P MainPID tlswarden)" != "$before" ] || die "the daemon was not replaced"
cp $config /tmp/config
echo 'enforcement = "none"' >>$config
stays install_rpm -U --replacepkgs "$packages"/tlswarden-[0-9]*.x86_64.rpm 2>/tmp/said
grep -q 'tlswarden check --config' /tmp/said || die "it is not said what to do: $(cat /tmp/said)"
mail_flows rejected
cp /tmp/config $config

step "remove"
if install_rpm -e tlswarden-plugins tlswarden 2>/tmp/said; then die "it went"; fi
grep -q 'tlswarden setup postfix --remove' /tmp/said || die "it is not said what to do: $(cat /tmp/said)"
rpm -q tlswarden >/dev/null || die "it is gone"
mail_flows still
tlswarden setup postfix --remove
postfix reload
hammer
broken # which its clients have systemd start again and again
install_rpm -e tlswarden
calm
gone
if rpm -q tlswarden-plugins >/dev/null; then install_rpm -e tlswarden-plugins; fi
becomes ''
mail_unjudged removed
if pidof tlswarden; then die "the daemon still runs"; fi
for left in /usr/bin/tlswarden /usr/lib/systemd/system/tlswarden.service /var/spool/postfix/tlswarden; do
	[ ! -e "$left" ] || die "$left is left"
done
echo "all of rpm.sh holds"
