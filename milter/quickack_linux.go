package milter

import (
	"net"
	"syscall"
)

// quickAck acknowledges at once what has come, tcp(7). Sendmail writes a macro
// frame and its command separately, and its kernel holds the second back until
// the first is acknowledged: without this, 40 ms for each command.
func quickAck(c net.Conn) {
	socket, ok := c.(syscall.Conn)
	if _, tcp := c.LocalAddr().(*net.TCPAddr); !ok || !tcp {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return // closed, as the next read tells
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) // without it, it is only slow
	})
}
