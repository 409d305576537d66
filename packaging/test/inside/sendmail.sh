# shellcheck shell=sh
# sendmail.sh - the package beside a Sendmail that runs under systemd.
set -eu
# shellcheck source=packaging/test/inside/lib.sh
. /tree/packaging/test/inside/lib.sh

step "a Sendmail that runs"
# It comes listening on 127.0.0.1 alone, and without a certificate; and there is no
# DNS here. The key's folder may be open to root alone.
mkdir -m 700 /etc/mta-key
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=tlswarden-test -days 2 -keyout /etc/mta-key/key -out /etc/mta-key/cert 2>/dev/null
chmod 600 /etc/mta-key/key
cat >/tmp/lines <<END
FEATURE(\`accept_unresolvable_domains')dnl
define(\`confCACERT_PATH', \`/etc/mta-key')dnl
define(\`confCACERT', \`/etc/mta-key/cert')dnl
define(\`confSERVER_CERT', \`/etc/mta-key/cert')dnl
define(\`confSERVER_KEY', \`/etc/mta-key/key')dnl
END
sed -i -e 's/, Addr=127.0.0.1//' /etc/mail/sendmail.mc
sed -i '/^DOMAIN/r /tmp/lines' /etc/mail/sendmail.mc
make -C /etc/mail >/dev/null 2>&1
systemctl restart sendmail
mail_unjudged before
cp /etc/mail/sendmail.mc /tmp/sendmail.mc

step "install, and hook it up"
fetch_packages
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
doc "Debian and Ubuntu" "Remove from Sendmail"
mail_unjudged removed
cmp /tmp/sendmail.mc /etc/mail/sendmail.mc || die "sendmail.mc is not what it was"
apt-get purge tlswarden
mail_unjudged purged
echo "all of sendmail.sh holds"
