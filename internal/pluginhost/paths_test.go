package pluginhost

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// TestFollow shows that each step to a program is looked at, those between two links
// too, and that the way is the system's.
func TestFollow(t *testing.T) {
	good, open, sticky := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(good, "sub", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(good, "file")
	if err := os.WriteFile(file, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	link(t, "sub/deep", filepath.Join(good, "dir"))
	link(t, "../../file", filepath.Join(good, "sub", "deep", "relative"))
	link(t, file, filepath.Join(open, "middle"))
	link(t, filepath.Join(open, "middle"), filepath.Join(good, "first"))
	link(t, file, filepath.Join(sticky, "link"))
	link(t, filepath.Join(sticky, "link"), filepath.Join(good, "sticky"))
	link(t, "loop", filepath.Join(good, "loop"))
	chmod(t, open, 0o777)
	chmod(t, sticky, 0o777|os.ModeSticky)
	for path, want := range map[string]string{
		"file": "", "dir/relative": "", "dir/../../file": "", "sticky": "", "sub//./deep/relative": "",
		"first": regexp.QuoteMeta(open) + ` can be written by others \(mode 0777\)`,
		"loop":  `.*/loop has more than 40 symbolic links`,
		"none":  `lstat .*/none: no such file or directory`,
	} {
		got, err := follow(good + "/" + path)
		if want == "" && (err != nil || got != file) || want != "" && (err == nil || !regexp.MustCompile("^"+want+"$").MatchString(err.Error())) {
			t.Errorf("%s: %s, %v, want %s", path, got, err, want)
		}
	}
}

// TestDirGone shows that a plugin starts again where the directory for sockets was
// removed.
func TestDirGone(t *testing.T) {
	r := started(t, config(t))
	pid := r.pid()
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	kill(t, pid, syscall.SIGKILL)
	eventually(t, "another process answers", func() bool { return r.pid() != pid && len(r.ask(t, "example.org")) > 0 })
	if info, err := os.Stat(r.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestClosedDir shows which directories are taken for sockets.
func TestClosedDir(t *testing.T) {
	dir := t.TempDir()
	loose, file, linked := filepath.Join(dir, "loose"), filepath.Join(dir, "file"), filepath.Join(dir, "linked")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(loose, 0o700); err != nil {
		t.Fatal(err)
	}
	chmod(t, loose, 0o777)
	link(t, loose, linked)
	for path, want := range map[string]string{loose: "", filepath.Join(dir, "a", "b"): "", file: "mkdir " + file + ": not a directory", linked: linked + " is not a directory"} {
		err := closed(path)
		if want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
		if info, e := os.Stat(path); want == "" && (err != nil || e != nil || info.Mode().Perm() != 0o700) {
			t.Errorf("%s: %v, %v, %v", path, err, e, info)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(loose, 12345, 0); err != nil {
		t.Fatal(err)
	}
	if err := closed(loose); err == nil || err.Error() != loose+" belongs to another user (uid 12345)" {
		t.Error(err)
	}
}

// TestTemporaryDir shows that TMPDIR may be relative, and must not be long.
func TestTemporaryDir(t *testing.T) {
	c := config(t)
	dir := t.TempDir()
	t.Chdir(dir)
	long := strings.Repeat("x", maxDir)
	for _, sub := range []string{"tmp", long} {
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TMPDIR", "tmp")
	r := started(t, c)
	if !filepath.IsAbs(r.dir) || len(r.ask(t, "example.org")) == 0 {
		t.Error(r.dir, r.health())
	}
	t.Setenv("TMPDIR", filepath.Join(dir, long))
	_, err := Start(t.Context(), []Config{c}, Options{})
	if err == nil || !regexp.MustCompile(`^a directory for the sockets of plugins: /.*/x+/tlswarden-[0-9]+ has more than 69 octets; TMPDIR says where it is made$`).MatchString(err.Error()) {
		t.Error(err)
	}
	if left, err := os.ReadDir(long); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

// TestDescriptors shows that a plugin gets no file that the daemon was started with.
func TestDescriptors(t *testing.T) {
	c := config(t)
	path := filepath.Join(t.TempDir(), "inherited")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	r := started(t, c)
	dir := fmt.Sprintf("/proc/%d/fd", r.pid())
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Skip(err)
	}
	for _, e := range entries {
		if target, _ := os.Readlink(filepath.Join(dir, e.Name())); target == path {
			t.Errorf("the plugin has descriptor %s", e.Name())
		}
	}
}
