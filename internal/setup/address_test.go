package setup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPostfixMatch(t *testing.T) {
	queue := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(queue, link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		listens, written string
		want             bool
	}{
		{"inet:127.0.0.1:8465", "inet:127.0.0.1:8465", true},
		{"inet:127.0.0.1:8465", "inet:localhost:8465", true},
		{"inet:127.0.0.1:8465", "inet:[127.0.0.1]:8465", true},
		{"inet:127.0.0.1:8465", "inet:127.0.0.1:8466", false},
		{"inet:127.0.0.1:8465", "inet:192.0.2.1:8465", false},
		{"inet:0.0.0.0:8465", "inet:127.0.0.1:8465", true},
		{"inet:[::]:8465", "inet:[::1]:8465", true},
		{"inet:[::]:8465", "inet:127.0.0.1:8465", true},
		{"inet:[::1]:8465", "inet:[0:0:0:0:0:0:0:1]:8465", true},
		{"inet:[::1]:8465", "inet:127.0.0.1:8465", false},
		{"inet:MX.example.com:8465", "inet:mx.Example.com:8465", true},
		{"unix:" + queue + "/a/b", "unix:a/b", true},
		{"unix:" + queue + "/a/b", "a/b", true},
		{"unix:" + queue + "/a/b", "unix:/a/b", true}, // in chroot
		{"unix:" + queue + "/b", "unix:" + link + "/b", true},
		{"unix:" + queue + "/a/b", "unix:a", false},
		{"unix:/run/x", "unix:/run/x", true},
		{"unix:/run/x", "unix:/run/./x", true},
		{"unix:/run/x", "inet:run:1", false},
		{"unix:/run/x", "local:/run/x", true},
		{"unix:" + queue + "/a/b", "local:a/b", true},
		{"inet:127.0.0.1:8465", "inet:8465", true},
		{"inet:[::1]:8465", "inet:8465", true},
		{"inet:0.0.0.0:8465", "inet::8465", true},
		{"inet:192.0.2.1:8465", "inet:8465", false},
		{"inet:127.0.0.1:8465", "inet:8466", false},
		{"inet:[::1]:8465", "inet:[IPv6:::1]:8465", true},
		{"inet:[::1]:8465", "inet:::1:8465", true},
		{"inet:127.0.0.1:8465", "inet:localhost", false},
		{"inet:127.0.0.1:8465", "8465", false},
		{"inet:127.0.0.1:8465", "", false},
		{"inet:127.0.0.1:8465", "inet:", false},
		{"inet:127.0.0.1:8465", "$x", false},
	} {
		a, err := ParseAddress(test.listens)
		if err != nil {
			t.Error(err)
		}
		if got := postfixMatch([]Address{a}, queue)(test.written); got != test.want {
			t.Errorf("%s, written %s: %v", test.listens, test.written, got)
		}
	}
}

func TestSendmailAddress(t *testing.T) {
	for written, want := range map[string]Address{
		"inet:8465@127.0.0.1":   {Host: "127.0.0.1", Port: "8465"},
		"inet6:8465@[IPv6:::1]": {Host: "::1", Port: "8465"},
		"inet6:8465@::1":        {Host: "::1", Port: "8465"},
		"inet:8465@LocalHost":   {Host: "localhost", Port: "8465"},
		"local:/run/x":          {Path: "/run/x"},
		"unix:/run/x":           {Path: "/run/x"},
		"/run/x":                {Path: "/run/x"},
	} {
		a, err := sendmailAddress(written)
		if err != nil || a != want {
			t.Errorf("%s: %+v %v", written, a, err)
		}
		if again, err := sendmailAddress(a.sendmail()); err != nil || again != a {
			t.Errorf("%s: %s: %+v %v", written, a.sendmail(), again, err)
		}
	}
	for _, bad := range []string{"inet:8465", "inet:x@y", "tcp:1@x", ""} {
		if a, err := sendmailAddress(bad); err == nil && a.Path != "" {
			t.Errorf("%q is read as %+v", bad, a)
		}
	}
}

func TestNearby(t *testing.T) {
	for listens, want := range map[string]string{
		"inet:0.0.0.0:1":   "inet:127.0.0.1:1",
		"inet:[::]:1":      "inet:[::1]:1",
		"inet:192.0.2.1:1": "inet:192.0.2.1:1",
		"inet:mx:1":        "inet:mx:1",
		"unix:/run/x":      "unix:/run/x",
	} {
		a, err := ParseAddress(listens)
		if got := a.nearby().String(); err != nil || got != want {
			t.Errorf("%s: %s %v", listens, got, err)
		}
	}
	for _, bad := range []string{"", "inet:", "inet::1", "inet:h", "unix:", "/run/x", "tcp:h:1"} {
		if a, err := ParseAddress(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, a)
		}
	}
}
