//go:build !linux

package milter

import "net"

// quickAck has no counterpart here; a Sendmail on the same machine is faster
// through a unix-domain socket.
func quickAck(net.Conn) {}
