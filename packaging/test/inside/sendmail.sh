# shellcheck shell=sh
# sendmail.sh - the package beside a Sendmail that runs under systemd.
# shellcheck source=packaging/test/inside/lib.sh
. /tests/inside/lib.sh

step "a Sendmail that runs"
# It comes listening on 127.0.0.1 alone.
sed -i 's/, Addr=127.0.0.1//' /etc/mail/sendmail.mc
make -C /etc/mail >/dev/null 2>&1
systemctl restart sendmail
mail_unjudged before
cp /etc/mail/sendmail.mc /tmp/sendmail.mc

step "install, and hook it up"
mkdir newer
cp /packages/*_amd64.deb newer
cd newer
doc "Debian and Ubuntu" Install
mail_unjudged installed
doc "Debian and Ubuntu" Sendmail
grep -q 'S=local:/run/tlswarden-sendmail/milter' /etc/mail/sendmail.mc || die "the socket is not used: $(grep INPUT_MAIL_FILTER /etc/mail/sendmail.mc)"
mail_flows hooked
cp /etc/mail/sendmail.mc /tmp/sendmail.hooked
tlswarden setup sendmail --apply
cmp /tmp/sendmail.hooked /etc/mail/sendmail.mc || die "applied twice, sendmail.mc is another"

step "go back, and upgrade"
older
apt-get install --allow-downgrades "$old"/tlswarden_*.deb "$old"/tlswarden-plugins_*.deb
mail_flows older
doc "Debian and Ubuntu" Upgrade
mail_flows upgraded

step "remove"
if apt-get remove tlswarden >/tmp/said 2>&1; then die "it went"; fi
grep -q 'tlswarden setup sendmail --remove' /tmp/said || die "it is not said what to do: $(cat /tmp/said)"
tlswarden setup sendmail --remove
make -C /etc/mail
systemctl restart sendmail
apt-get remove tlswarden
mail_unjudged removed
cmp /tmp/sendmail.mc /etc/mail/sendmail.mc || die "sendmail.mc is not what it was"
apt-get purge tlswarden
mail_unjudged purged
echo "all of sendmail.sh holds"
