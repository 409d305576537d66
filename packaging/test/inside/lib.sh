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

# doc SECTION PART runs the commands that docs/install.md gives there; without a PART,
# those before the first.
doc() {
	awk -v section="## $1" -v part="### $2" '
		/^## / { in_section = ($0 == section); in_part = (part == "### ") }
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

# fetch_packages goes to a folder that has the packages where make packages has them.
fetch_packages() {
	mkdir -p newer/build/packages
	cp "$packages"/*_"$(dpkg --print-architecture)".deb newer/build/packages
	cd newer
}

# install_package installs the one under test.
install_package() { apt-get install ./build/packages/tlswarden_[0-9]*.deb; }

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

# hammer has clients connect 160 times a second to whatever listens, until calm. Each
# asks, and stays for half a second.
hammer() {
	perl -MSocket -MIO::Socket -MTime::HiRes=sleep -e '
		$SIG{PIPE} = "IGNORE";
		my $asks = "request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=203.0.113.7\nrecipient=anna\@localhost\n\n";
		my @to = ((map { [PF_INET, pack_sockaddr_in($_, INADDR_LOOPBACK)] } 8465, 10465),
			(map { [PF_UNIX, pack_sockaddr_un("/var/spool/postfix/tlswarden/$_")] } "milter", "policy"));
		for (my ($n, @open) = 0; ; sleep(1 / 160)) {
			my ($family, $address) = @{$to[$n++ % @to]};
			my $s = IO::Socket->new;
			socket($s, $family, SOCK_STREAM, 0) or die $!;
			$s->blocking(0);
			if (connect($s, $address)) { syswrite($s, $asks); push @open, $s; }
			shift @open if @open > 80;
		}' &
	hammer=$!
}

calm() {
	kill "$hammer"
	wait "$hammer" || true
}

# answered: the policy service answers, at each of its addresses under systemd.
answered() {
	perl -MSocket -MIO::Socket -e '
		alarm 20;
		my @to = ([PF_INET, pack_sockaddr_in(10465, INADDR_LOOPBACK)]);
		push @to, [PF_UNIX, pack_sockaddr_un("/var/spool/postfix/tlswarden/policy")] if -d "/run/systemd/system" && -d "/var/spool/postfix";
		for (@to) {
			my ($s, $said) = (IO::Socket->new, "");
			socket($s, $_->[0], SOCK_STREAM, 0) && connect($s, $_->[1]) or exit 1;
			syswrite($s, "request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=203.0.113.7\nrecipient=anna\@localhost\n\n");
			sysread($s, $said, 1000) && $said =~ /^action=/ or exit 1;
		}'
}

# gone: nothing of ours runs, or is known to systemd as active or failed.
gone() {
	if pidof tlswarden; then die "the daemon still runs"; fi
	left=$(systemctl list-units --all --plain --no-legend 'tlswarden*' | grep -v ' inactive ' || true)
	[ -z "$left" ] || die "systemd still has $left"
}

# broken has the daemon try in vain to start, again and again.
broken() {
	echo 'enforcement = "none"' >>/etc/tlswarden/tlswarden.toml
	systemctl restart tlswarden || true
}
