package daemon

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// swap puts a link to a file in the place of a socket as soon as there is one, again
// and again, as another user, until it is told to stop.
func swap(dir, victim string, uid int, stop *atomic.Bool) (swapped int, err error) {
	runtime.LockOSThread() // and is not unlocked: the thread ends with its user
	if err := syscall.Setfsuid(uid); err != nil {
		return 0, err
	}
	socket, next := filepath.Join(dir, "s"), filepath.Join(dir, "next")
	for !stop.Load() {
		if err := os.Symlink(victim, next); err != nil {
			return swapped, err
		}
		for !stop.Load() {
			if info, err := os.Lstat(socket); err == nil && info.Mode().Type() == fs.ModeSocket {
				break
			}
		}
		if os.Rename(next, socket) == nil {
			swapped++
		}
		_ = os.Remove(next) // if it is still there
	}
	return swapped, nil
}

// TestSwappedLink shows that a user who may write to the directory of a socket cannot
// have root give another file away.
func TestSwappedLink(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files to others")
	}
	const user, rounds = 1234, 300
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "t") // which everybody can reach
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chown(dir, user, user); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	done := make(chan error, 1)
	var swapped int
	go func() {
		var err error
		swapped, err = swap(dir, victim, user, &stop)
		done <- err
	}()
	l := Listen{Network: "unix", Address: filepath.Join(dir, "s"), Mode: 0o666, Owner: "1234", Group: "1234"}
	refused := 0
	for range rounds {
		if ln, err := l.open(); err == nil {
			ln.Close()
		} else if refused++; !strings.Contains(err.Error(), l.Address) {
			t.Errorf("the error does not say where: %v", err)
		}
		_ = os.Remove(l.Address) // the link, if there is one
		info, err := os.Stat(victim)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 || st.Gid != 0 || info.Mode().Perm() != 0o600 {
			t.Fatalf("the file of root has owner %d, group %d and mode %v", st.Uid, st.Gid, info.Mode())
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Logf("swapped %d times in %d starts, %d were refused", swapped, rounds, refused)
}

// TestGiveSocketsAlone shows that nothing is given away but a socket that has just
// been made.
func TestGiveSocketsAlone(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(path("file"), nil, 0); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": "file", "dangling": "nothing", "to-socket": "socket"} {
		if err := os.Symlink(to, path(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"socket", "open"} {
		ln, err := listenClosed(path(name))
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
	}
	if err := os.Chmod(path("open"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"file": "was replaced", "link": "was replaced", "dangling": "was replaced", "to-socket": "was replaced", "open": "was replaced",
		"nothing": "no such file", "socket": "",
	} {
		err := give(path(name), -1, -1, 0o640)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for name, want := range map[string]fs.FileMode{"file": 0, "open": 0o600, "socket": 0o640} {
		if info, err := os.Stat(path(name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
}
