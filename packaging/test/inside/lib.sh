# shellcheck shell=sh
# lib.sh - what the scripts in this folder share; to be sourced. They run as root
# in a system of their own, with the packages in $packages.

set -eu
cd /root
packages=/tree/build/packages
# Nobody is there to answer: edited files are kept, as upgrades without anybody do.
cat >/etc/apt/apt.conf.d/99test <<END
APT::Get::Assume-Yes "true";
DPkg::Options { "--force-confdef"; "--force-confold"; };
Dpkg::Use-Pty "false";
quiet "2";
END
old=/root/older # a folder with older packages, made of those under test
mkdir -p "$old"

step() { echo "-- $*"; }

die() {
	echo "FAILED: $*" >&2
	if [ -d /run/systemd/system ]; then
		journalctl --no-pager -n 60 >&2 || true
	else
		tail -n 40 /var/log/tlswarden.log /var/log/mail.log >&2 2>/dev/null || true
	fi
	exit 1
}

# until_true COMMAND... waits for what must come, however slow the machine is.
until_true() {
	n=0
	until "$@"; do
		n=$((n + 1))
		[ "$n" -lt 1500 ] || return 1
		sleep 0.2
	done
}

# doc SECTION PART runs the commands that docs/install.md gives there.
doc() {
	awk -v section="## $1" -v part="### $2" '
		/^## / { in_section = ($0 == section); in_part = 0 }
		/^### / { in_part = ($0 == part) }
		/^```/ { in_code = ($0 == "```sh"); next }
		in_section && in_part && in_code' /tree/docs/install.md >/tmp/commands
	[ -s /tmp/commands ] || die "docs/install.md has no commands in $1, $2"
	sh -eux /tmp/commands || die "docs/install.md, $1, $2"
}

# set_up_postfix has Postfix take mail from elsewhere, with TLS.
set_up_postfix() {
	postconf -e inet_interfaces=all inet_protocols=ipv4 mailbox_size_limit=0 smtpd_tls_security_level=may \
		smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key
}

# fetch_packages goes to a folder that has the packages, as who downloaded them does.
fetch_packages() {
	mkdir newer
	cp "$packages"/*_amd64.deb newer
	cd newer
}

# older makes older packages of the ones under test: with another version, and a
# configuration as another release might have had it.
older() {
	for deb in "$packages"/*_"$(dpkg --print-architecture)".deb; do
		dir=$old/unpacked
		dpkg-deb --raw-extract "$deb" "$dir"
		sed -i 's/^Version: .*/Version: 0.0.0+1.g0000000-1/' "$dir/DEBIAN/control"
		if [ -e "$dir/etc/tlswarden" ]; then
			echo '# An older release had this line.' >>"$dir/etc/tlswarden/tlswarden.toml"
		fi
		dpkg-deb --root-owner-group -Zgzip -z1 --build "$dir" "$old" >/dev/null
		rm -r "$dir"
	done
}

# offer NAME [OPTION...] offers a message to anna from elsewhere, by a client that
# may be told to use TLS.
offer() {
	name=$1
	shift
	swaks --silent 2 --server 203.0.113.25 --local-interface 203.0.113.7 --helo client.example.org \
		--from a@example.org --to anna@localhost --header "Subject: $name" "$@"
}

# send NAME [OPTION...] offers a message until it is taken, as a queue would, and waits
# until it is there.
send() {
	until_true offer "$@" || die "the message $name was not taken"
	until_true arrived "$name" || die "the message $name did not arrive"
}

arrived() { grep -qs "^Subject: $1\$" /var/mail/anna /var/spool/mail/anna; }

# header NAME prints the header of the message of that name.
header() {
	awk -v want="Subject: $1" '
		/^From / { header = ""; on = 1 }
		on { header = header $0 "\n" }
		/^$/ { if (on && index(header, want "\n")) printf "%s", header; on = 0 }' /var/mail/anna
}

# judged NAME TAG: the message has that tag, "" for none.
judged() {
	got=$(header "$1" | sed -n 's/^X-TLS-Policy: //p')
	[ "$got" = "$2" ] || die "the message $1 has the tag \"$got\", not \"$2\"; its header:
$(header "$1")"
}

# becomes TAG waits until mail in plaintext gets that tag, "" for none: Postfix takes
# up a change in its own time.
becomes() {
	tries=0
	until tagged "$1"; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || die "mail has the tag \"$got\", and does not get \"$1\""
		sleep 0.2
	done
}

tagged() {
	send "probe-$(date +%s%N)"
	got=$(header "$name" | sed -n 's/^X-TLS-Policy: //p')
	[ "$got" = "$1" ]
}

# mail_flows NAME sends mail in plaintext and over TLS, which the rules that ship
# judge: the first is tagged.
mail_flows() {
	send "$1-plaintext"
	send "$1-tls" --tls
	judged "$1-plaintext" 'fail; none'
	judged "$1-tls" ''
}

# mail_unjudged NAME sends mail that nobody judges.
mail_unjudged() {
	send "$1-plaintext"
	send "$1-tls" --tls
	judged "$1-plaintext" ''
	judged "$1-tls" ''
}

version() { dpkg-query -W -f '${Version}' tlswarden; }

# stays COMMAND...: the daemon that runs is the same before and after.
stays() {
	before=$(pidof tlswarden)
	"$@"
	[ "$(pidof tlswarden)" = "$before" ] || die "the daemon is not the same after $*"
}
