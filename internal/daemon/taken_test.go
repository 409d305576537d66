package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTakenAddresses shows that one address is for one front end, however it is
// written.
func TestTakenAddresses(t *testing.T) {
	for _, c := range []struct {
		milter, policy string
		taken          bool
	}{
		{`"inet:127.0.0.1:8465"`, `"inet:127.0.0.1:8465"`, true},
		{`"inet:127.0.0.1:8465"`, `"inet:127.0.0.1:8466"`, false},
		{`"inet:127.0.0.1:8465"`, `"inet:127.0.0.2:8465"`, false},
		{`"inet:127.0.0.1:8465"`, `"inet:localhost:8465"`, true},
		{`"inet:127.0.0.1:8465"`, `"inet:Localhost.:8465"`, true},
		{`"inet:[::1]:8465"`, `"inet:[0:0:0:0:0:0:0:1]:8465"`, true},
		{`"inet:[::ffff:127.0.0.1]:8465"`, `"inet:127.0.0.1:8465"`, true},
		{`"inet:127.0.0.1:8465"`, `"inet:0.0.0.0:8465"`, true},
		{`"inet:[::]:8465"`, `"inet:192.0.2.1:8465"`, true},
		{`"inet:[::1]:8465"`, `"inet:0.0.0.0:8465"`, false},
		{`"inet:127.0.0.1:08465"`, `"inet:127.0.0.1:8465"`, true},
		{`"inet:MX.example.org:8465"`, `"inet:mx.example.org:8465"`, true},
		{`"unix:/run/tlswarden/a"`, `"unix:/run/tlswarden/../tlswarden//a"`, true},
		{`"unix:/run/tlswarden/a"`, `{ address = "unix:/run/tlswarden/a", mode = "0666" }`, true},
		{`"unix:/run/tlswarden/a"`, `"unix:/run/tlswarden/b"`, false},
		{`"inet:127.0.0.1:8465", "inet:127.0.0.1:8465"`, `"inet:127.0.0.1:8466"`, true},
		{`"inet:127.0.0.1:8465"`, `"inet:127.0.0.1:8466", { address = "inet:127.0.0.1:8465", passed = true }`, true},
	} {
		file := filepath.Join(t.TempDir(), "c.toml")
		text := fmt.Sprintf("[milter]\nlisten = [%s]\n[policy]\nlisten = [%s]\n", c.milter, c.policy)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, found := LoadConfig(file)
		if c.taken != found.HasErrors() || c.taken && !strings.Contains(found[0].Message, "is the address of [milter] at "+file+":2, too") {
			t.Errorf("%s %s: %v", c.milter, c.policy, found)
		}
	}
}
