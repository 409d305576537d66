# shellcheck shell=sh
# source.sh - from source, as docs/install.md says, beside a Sendmail and under systemd.
set -eu
# shellcheck source=packaging/test/inside/lib.sh
. /tree/packaging/test/inside/lib.sh

export PATH="/usr/local/bin:$PATH"
# There is no Go here: what it would make was made outside, by the same make build.
mkdir source
tar -C /tree -c Makefile packaging docs plugins | tar -C source -x
printf '#!/bin/sh\nexit 0\n' >/usr/local/bin/go
chmod 755 /usr/local/bin/go
mkdir source/build source/build/plugins
cp /tree/build/tlswarden source/build
cp /tree/build/plugins/dns /tree/build/plugins/lookup source/build/plugins
cd source

step "install"
rm -rf /etc/sysusers.d /etc/tmpfiles.d /usr/local/lib/systemd
doc "From source" "Install from source"
systemctl is-active tlswarden tlswarden.socket
[ "$(readlink "/proc/$(systemctl show -P MainPID tlswarden)/exe")" = /usr/local/bin/tlswarden ] || die "it is another program"
[ "$(stat -c %U "/proc/$(systemctl show -P MainPID tlswarden)")" = tlswarden ] || die "the daemon is not its own user"
[ "$(stat -c '%U:%G %a' /var/lib/tlswarden)" = 'tlswarden:tlswarden 750' ] || die "the state directory: $(stat /var/lib/tlswarden)"
until_true answered || die "nobody answers"

step "again, with a configuration of one's own, plugins, and clients"
hammer
echo '# Edited.' >>/etc/tlswarden/tlswarden.toml
rm /etc/tlswarden/rules.d/10-site.toml
cp /tree/packaging/etc/rules.d/10-site.toml /etc/tlswarden/rules.d/20-ours.toml
cat >>/etc/tlswarden/tlswarden.toml <<END
[plugin.dns]
path = "/usr/local/lib/tlswarden/plugins/dns"
END
make install-plugins
cp /etc/tlswarden/tlswarden.toml /tmp/config
doc "From source" "Install from source"
cmp /tmp/config /etc/tlswarden/tlswarden.toml || die "the configuration was changed"
[ ! -e /etc/tlswarden/rules.d/10-site.toml ] || die "rules that were removed are back"
until_true answered || die "nobody answers"

step "uninstall"
broken
doc "From source" "Remove what was installed from source"
calm
gone
[ -z "$(find /usr/local -name '*tlswarden*')" ] || die "left: $(find /usr/local -name '*tlswarden*')"
cmp /etc/tlswarden/rules.d/20-ours.toml /tree/packaging/etc/rules.d/10-site.toml || die "the rules are gone"
echo "all of source.sh holds"
