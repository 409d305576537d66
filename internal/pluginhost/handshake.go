package pluginhost

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin"

	"tlswarden/plugins"
)

// maxHandshake is the longest line of a handshake; one with a certificate has
// about 1100 octets.
const maxHandshake = 8 << 10

// checkHandshake looks at the first line of a plugin's standard output before
// go-plugin does: CORE|VERSION|NETWORK|ADDRESS|PROTOCOL|CERTIFICATE. It tells causes
// in the admin's words, and keeps out what go-plugin would fall over: a certificate
// that nobody asked for makes client.go, loadServerCert, follow a nil pointer.
func checkHandshake(line, dir string, mtls bool) error {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 5 || parts[0] != strconv.Itoa(plugin.CoreProtocolVersion) {
		return fmt.Errorf("it wrote %q to its standard output instead of the handshake", cutText(line, 100))
	}
	if parts[1] != strconv.Itoa(plugins.ProtocolVersion) {
		return fmt.Errorf("it speaks version %s of the protocol, and this daemon version %d", cutText(parts[1], 20), plugins.ProtocolVersion)
	}
	if parts[2] != "unix" {
		return fmt.Errorf("it listens on a socket of the network %q; only \"unix\" is taken", cutText(parts[2], 20))
	}
	if filepath.Dir(parts[3]) != dir {
		return fmt.Errorf("its socket %q is not in the directory PLUGIN_UNIX_SOCKET_DIR", cutText(parts[3], 200))
	}
	if parts[4] != string(plugin.ProtocolGRPC) {
		return fmt.Errorf("it speaks %q; only \"grpc\" is taken", cutText(parts[4], 20))
	}
	switch certificate := len(parts) > 5 && parts[5] != ""; {
	case mtls && !certificate:
		return fmt.Errorf("it has no certificate; a plugin that cannot do this needs mtls = false")
	case !mtls && certificate:
		return fmt.Errorf("it has a certificate, and mtls is false")
	}
	return nil
}

// cutText is a text from outside for an error.
func cutText(s string, most int) string {
	s = strings.TrimSpace(s)
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
