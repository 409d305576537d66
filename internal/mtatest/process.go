package mtatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"tlswarden/internal/testkit"
)

// process is a child in a process group of its own.
type process struct {
	cmd *exec.Cmd
	// guard ends the child should this process die without calling stop.
	guard *exec.Cmd
	done  chan struct{}
	// Both are valid once done is closed: the error of the exit, and what
	// went to stdout and stderr if the caller did not choose a place for it.
	err    error
	output bytes.Buffer
}

// startProcess starts cmd, which must not have been started.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A grandchild that keeps stderr open must not block Wait for ever.
	cmd.WaitDelay = testkit.Patience
	p := &process{cmd: cmd, done: make(chan struct{})}
	if cmd.Stdout == nil && cmd.Stderr == nil {
		cmd.Stdout, cmd.Stderr = &p.output, &p.output
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := p.startGuard(); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// startGuard starts a process that waits for the end of its input, which comes
// when this process is gone, and ends the child. The kernel's own means
// (PR_SET_PDEATHSIG) does not outlast a change of the user, as in master(8).
func (p *process) startGuard() error {
	guard := exec.Command("sh", "-c", `read -r line; kill "$0"`, strconv.Itoa(p.cmd.Process.Pid))
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := guard.StdinPipe(); err != nil {
		return err
	}
	if err := guard.Start(); err != nil {
		return fmt.Errorf("start guard of %s: %w", p.cmd.Path, err)
	}
	p.guard = guard
	return nil
}

// stop asks the child to end, waits, and then kills what is left of its process
// group. It returns the child's own exit error.
func (p *process) stop() error {
	if p.guard != nil {
		_ = p.guard.Process.Kill() // before its input ends, so that it kills nobody
		_ = p.guard.Wait()
		p.guard = nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(testkit.Patience):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		return fmt.Errorf("%s did not end within %v", p.cmd.Path, testkit.Patience)
	}
	// Children of the child may outlive it; ESRCH says that none did.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	return p.err
}

// endedBySignal says that err, from stop, only tells of a signal. Daemons that
// do not catch SIGTERM end so.
func endedBySignal(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}

// waitListening dials address until something answers, the child ends, or ctx does.
// What the child logs of that connection stands in its log then.
func (p *process) waitListening(ctx context.Context, address string) error {
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			hangUp(conn)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on %s: %w", address, ctx.Err())
		case <-p.done:
			return fmt.Errorf("%s ended early: %v\n%s", p.cmd.Path, p.err, p.output.Bytes())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// hangUp says no more, and waits until the other side is done with the connection.
func hangUp(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // it may have been closed from there
	}
	_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// freeAddresses finds a free TCP port for each of the hosts.
func freeAddresses(hosts ...string) ([]string, error) {
	var addresses []string
	for _, host := range hosts {
		address, err := testkit.FreeAddress(host)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}
