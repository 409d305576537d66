package packaging

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// install runs make in the tree with a mask that hides all from others.
func install(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil && os.Getenv("CI") == "" {
		t.Skip("SKIPPED: no make here")
	}
	cmd := exec.Command("sh", append([]string{"-c", `umask 077; exec make --no-print-directory "$@"`, "sh"}, args...)...)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %q: %v\n%s", args, err, out)
	}
}

// installed lists the files below a folder, and fails for those that not all can read.
func installed(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o444)
		if d.IsDir() {
			want = 0o555
		} else {
			files = append(files, strings.TrimPrefix(path, dir))
		}
		if info.Mode()&want != want {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestInstall shows that make install puts all in place and leaves a configuration
// alone, and that make uninstall takes all but that away.
func TestInstall(t *testing.T) {
	for _, c := range []struct{ args, bin, unit, sysusers, config, lib, man string }{
		{"", "/usr/local/bin/tlswarden", "/usr/local/lib/systemd/system/", "/usr/local/lib/sysusers.d/tlswarden.conf", "/etc/tlswarden/", "/usr/local/lib/tlswarden/plugins/", "/usr/local/share/man/"},
		{"prefix=/usr", "/usr/bin/tlswarden", "/usr/lib/systemd/system/", "/usr/lib/sysusers.d/tlswarden.conf", "/etc/tlswarden/", "/usr/lib/tlswarden/plugins/", "/usr/share/man/"},
		{"prefix=/opt/warden sysconfdir=/opt/warden/etc", "/opt/warden/bin/tlswarden", "/etc/systemd/system/", "/etc/sysusers.d/tlswarden.conf", "/opt/warden/etc/tlswarden/", "/opt/warden/lib/tlswarden/plugins/", "/opt/warden/share/man/"},
	} {
		t.Run(c.args, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "a root")
			args := append(strings.Fields(c.args), "DESTDIR="+root)
			install(t, append(args, "install", "install-plugins")...)
			files := installed(t, root)
			for _, want := range []string{
				c.bin, c.unit + "tlswarden.service", c.unit + "tlswarden.socket", c.unit + "tlswarden-postfix.socket", c.unit + "tlswarden-sendmail.socket",
				c.sysusers, strings.Replace(c.sysusers, "sysusers", "tmpfiles", 1), c.config + "tlswarden.toml", c.config + "rules.d/10-site.toml",
				c.lib + "dns", c.lib + "lookup", c.lib + "exec-example/exec_example.py", c.man + "man8/tlswarden.8", c.man + "man5/tlswarden.toml.5",
			} {
				if !slices.Contains(files, want) {
					t.Errorf("%s is not there", want)
				}
			}
			unit, err := os.ReadFile(root + c.unit + "tlswarden.service")
			if start := "\nExecStart=" + c.bin + " serve --config " + c.config + "tlswarden.toml\n"; err != nil || !strings.Contains(string(unit), start) {
				t.Errorf("error %v; %s lacks%s", err, unit, start)
			}
			if out, err := exec.Command(root+c.bin, "check", "--config", root+c.config+"tlswarden.toml").CombinedOutput(); err != nil {
				t.Errorf("check: %v\n%s", err, out)
			}

			ours := []byte("enforce = \"observe\"\n")
			if err := os.WriteFile(root+c.config+"tlswarden.toml", ours, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(root + c.config + "rules.d/10-site.toml"); err != nil {
				t.Fatal(err)
			}
			install(t, append(args, "install")...)
			if got, err := os.ReadFile(root + c.config + "tlswarden.toml"); err != nil || string(got) != string(ours) {
				t.Errorf("the configuration became %q, %v", got, err)
			}
			install(t, append(args, "uninstall")...)
			if left := installed(t, root); !slices.Equal(left, []string{c.config + "tlswarden.toml"}) {
				t.Errorf("what is left: %v", left)
			}
		})
	}
}
