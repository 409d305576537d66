package systemd

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fileOf returns a copy of a socket's descriptor.
func fileOf(t *testing.T, socket any) *os.File {
	t.Helper()
	f, err := socket.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestListener shows which descriptors can be taken over. That they are found is
// shown with the real binary, since only a process that begins can be given any.
func TestListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	client, err := net.Dial("tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	pipe, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	defer pipe.Close()

	for _, good := range []net.Listener{tcp, unix} {
		s, err := listener(fileOf(t, good))
		if err != nil {
			t.Errorf("%s: %v", good.Addr(), err)
			continue
		}
		if s.Addr().String() != good.Addr().String() {
			t.Errorf("%s became %s", good.Addr(), s)
		}
		Close([]Socket{s})
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file of the socket: %v", err)
	}
	for name, bad := range map[string]struct {
		file *os.File
		want string
	}{
		"a connection": {fileOf(t, client), "Accept=no"},
		"datagrams":    {fileOf(t, packets), "ListenStream="},
		"a pipe":       {pipe, "non-socket"},
	} {
		if _, err := listener(bad.file); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNoSockets shows that what was passed to another process is not taken.
func TestNoSockets(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "3")
	t.Setenv("LISTEN_FDNAMES", "a:b:c")
	if s, err := Sockets(); len(s) > 0 || err != nil {
		t.Errorf("%v %v", s, err)
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if v, ok := os.LookupEnv(name); ok {
			t.Errorf("%s=%s is still there", name, v)
		}
	}
}
