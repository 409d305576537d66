package mtatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
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
	cmd.WaitDelay = time.Second
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
		return nil, errors.Join(err, p.stop(time.Second))
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

// stop asks the child to end, waits for grace, and then kills what is left of
// its process group. It returns the child's own exit error.
func (p *process) stop(grace time.Duration) error {
	if p.guard != nil {
		_ = p.guard.Process.Kill() // before its input ends, so that it kills nobody
		_ = p.guard.Wait()
		p.guard = nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(grace):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		return fmt.Errorf("%s did not end within %v", p.cmd.Path, grace)
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
func (p *process) waitListening(ctx context.Context, address string) error {
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
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

// freeAddress finds a free TCP port of host, see freeAddresses.
func freeAddress(host string) (string, error) {
	addresses, err := freeAddresses(host)
	if err != nil {
		return "", err
	}
	return addresses[0], nil
}

// freeAddresses finds a free TCP port for each of the hosts. Nobody takes a port
// before a server listens on it: the kernel gives outgoing connections higher ones,
// and the tests that run beside get others, as none comes again in a process before
// all have come.
func freeAddresses(hosts ...string) ([]string, error) {
	var addresses []string
	for _, host := range hosts {
		address, err := nextFree(host)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

// The ports that tests get, in turn, from one that differs from run to run.
const lowestPort, ports = 20000, 12000

var (
	firstTurn = rand.IntN(ports)
	turns     atomic.Int32
)

func nextFree(host string) (string, error) {
	for range ports {
		address := net.JoinHostPort(host, strconv.Itoa(lowestPort+(firstTurn+int(turns.Add(1)))%ports))
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return address, listener.Close()
		}
	}
	return "", fmt.Errorf("no free port on %s", host)
}
