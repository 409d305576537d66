package mtatest

import (
	"net"
	"syscall"
)

// quickAck acknowledges what comes on conn at once, tcp(7). Sendmail writes
// macros and command separately, and its kernel keeps the second back until
// the first is acknowledged: 40 ms for each command. The kernel forgets the
// setting, so that it has to be made after each read.
func quickAck(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return // closed; the next read tells
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) // without it, it is only slow
	})
}
