package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier tells the service manager how the service is. Its socket is open from
// the start on: a sign of life must not fail for want of a file descriptor. The
// nil Notifier tells nobody.
type Notifier struct {
	to    *net.UnixAddr
	conn  *net.UnixConn
	every time.Duration
}

// NewNotifier returns a Notifier to the service manager that started this
// process, nil if there is none.
func NewNotifier() (*Notifier, error) {
	name := os.Getenv("NOTIFY_SOCKET")
	limit, err := daemon.SdWatchdogEnabled(true)
	if err := errors.Join(err, os.Unsetenv("NOTIFY_SOCKET")); err != nil || name == "" {
		return nil, err
	}
	n := &Notifier{to: &net.UnixAddr{Name: name, Net: "unixgram"}, every: limit / 2}
	if n.conn, err = net.DialUnix(n.to.Net, nil, n.to); err != nil {
		return nil, fmt.Errorf("cannot reach the service manager: %w", err)
	}
	return n, nil
}

// Every is how often [Notifier.Alive] should be called, half of the time after
// which the manager takes the service for dead; 0: never.
func (n *Notifier) Every() time.Duration {
	if n == nil {
		return 0
	}
	return n.every
}

// Ready tells that the service does its work, at the start and after a reload. The
// status is a sentence for systemctl status.
func (n *Notifier) Ready(status string) error {
	return n.send(daemon.SdNotifyReady + "\nSTATUS=" + oneLine(status))
}

// Reloading tells that the service reads its configuration anew, until Ready.
func (n *Notifier) Reloading() error {
	// Type=notify-reload wants the time, to tell this reload from an earlier one.
	return n.send(daemon.SdNotifyReloading + "\n" + strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// Stopping tells that the service ends.
func (n *Notifier) Stopping(status string) error {
	return n.send(daemon.SdNotifyStopping + "\nSTATUS=" + oneLine(status))
}

// Alive tells that the service is well.
func (n *Notifier) Alive() error { return n.send(daemon.SdNotifyWatchdog) }

// Close ends the notifications.
func (n *Notifier) Close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

// send sends a message, over a new connection if the manager has made its socket
// anew.
func (n *Notifier) send(message string) error {
	if n == nil {
		return nil
	}
	if write(n.conn, message) == nil {
		return nil
	}
	conn, err := net.DialUnix(n.to.Net, nil, n.to)
	if err != nil {
		return fmt.Errorf("cannot tell the service manager: %w", err)
	}
	n.conn.Close()
	n.conn = conn
	if err := write(conn, message); err != nil {
		return fmt.Errorf("cannot tell the service manager: %w", err)
	}
	return nil
}

// write does not wait for a manager that takes nothing: mail goes on without it.
func write(c *net.UnixConn, message string) error {
	if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err := c.Write([]byte(message))
	return err
}

// oneLine keeps a status from being taken for more variables.
func oneLine(s string) string { return strings.Map(visible, s) }

func visible(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
