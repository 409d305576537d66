# shellcheck shell=sh
# lint.sh - what can be said of the packages without installing them.
set -eu
# shellcheck source=packaging/test/inside/lib.sh
. /tree/packaging/test/inside/lib.sh

cd "$packages"

step "lintian"
lintian --version
lintian --allow-root --pedantic --fail-on error,warning,pedantic --tag-display-limit 0 ./*.deb

step "rpmlint"
# In a folder of its own, and in this system: it unpacks what it looks at.
rpmlint --config /tree/packaging/rpm/rpmlint.toml ./*.rpm | tee /tmp/said
grep -q ' 0 errors, 0 warnings' /tmp/said || die "rpmlint"

step "what is in them"
expected=/tree/packaging/test/contents
# same FORMAT PACKAGE: a listing of modes and paths, from standard input, is as expected.
same() {
	sort >"/tmp/$1"
	sort "$expected/$1.txt" | diff - "/tmp/$1" || die "$2 has not what $expected/$1.txt says"
}
for name in tlswarden tlswarden-plugins; do
	for p in "$name"_[0-9]*.deb; do
		dpkg-deb --fsys-tarfile "$p" | tar -tv | awk '!/^d/ { print $1, $2, substr($6, 2) }' | same "$name.deb" "$p"
		[ "$(stat -c %s "$p")" -le 20000000 ] || die "$p is larger than 20 MB"
	done
	for p in "$name"-[0-9]*.rpm; do
		rpm -qp --queryformat '[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES}\n]' "$p" | grep -v '^d' | same "$name.rpm" "$p"
	done
	for p in "$name"_[0-9]*.apk; do
		tar -tvzf "$p" 2>/dev/null | awk '!/^d/ && $6 !~ /^\./ { print $1, $2, "/" $6 }' | same "$name.apk" "$p"
	done
	for p in "$name"-[0-9]*.pkg.tar.zst; do
		zstd -dc "$p" | tar -tv | awk '!/^d/ && $6 !~ /^\./ { print $1, $2, "/" $6 }' | same "$name.archlinux" "$p"
	done
done
ls -l ./*.deb

step "the program needs no library"
dpkg-deb --fsys-tarfile tlswarden_*_amd64.deb | tar -x -C /tmp ./usr/bin/tlswarden
if readelf -l /tmp/usr/bin/tlswarden | grep INTERP; then die "it is linked dynamically"; fi

step "the AppArmor profile"
if [ -d /sys/kernel/security/apparmor ]; then
	apparmor_parser --replace --skip-cache /tree/packaging/apparmor/tlswarden
	install /tmp/usr/bin/tlswarden /usr/bin/
	cp /tree/packaging/etc/rules.d/10-site.toml /root/rules.toml
	/usr/bin/tlswarden check /root/rules.toml
	aa-exec --profile tlswarden -- /usr/bin/tlswarden version
	if aa-exec --profile tlswarden -- /usr/bin/tlswarden check /root/rules.toml; then die "the profile lets it read anywhere"; fi
else
	echo "this kernel has no AppArmor: the profile is parsed, and not enforced"
	apparmor_parser --skip-kernel-load --skip-cache /tree/packaging/apparmor/tlswarden
fi
echo "all of lint.sh holds"
