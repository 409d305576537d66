package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// served is the daemon as a process of its own, with both front ends on sockets in
// a directory.
type served struct {
	t   *testing.T
	dir string
	cmd *exec.Cmd
}

// serveIn starts the daemon with rules. Its command line may be given to a shell
// first, as "$@".
func serveIn(t *testing.T, rules, shell string, stderr *os.File) *served {
	t.Helper()
	dir, err := os.MkdirTemp("", "t") // t.TempDir is too long for sockets (unix(7))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for name, text := range map[string]string{
		"tlswarden.toml": "rules = [\"rules.toml\"]\n[milter]\nlisten = [\"unix:milter\"]\n[policy]\nlisten = [\"unix:policy\"]\n",
		"rules.toml":     rules,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "-c", shell+` exec "$@"`, "sh", "tlswarden", "serve", "--config", filepath.Join(dir, "tlswarden.toml"))
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &served{t, dir, cmd}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // which is over, if the test has gone well
		_ = cmd.Wait()
	})
	for range 3000 {
		if c, err := s.dial("policy"); err == nil {
			c.Close()
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the daemon does not listen")
	return nil
}

func (s *served) dial(front string) (net.Conn, error) {
	c, err := net.Dial("unix", filepath.Join(s.dir, front))
	if err == nil {
		err = c.SetDeadline(time.Now().Add(30 * time.Second))
	}
	return c, err
}

// ask asks the policy service about a plaintext session.
func (s *served) ask(instance int) string {
	s.t.Helper()
	c, err := s.dial("policy")
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=%x.1.1.0\nclient_address=192.0.2.1\nsender=a@example.org\nrecipient=b@example.com\nencryption_protocol=\n\n", instance)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// milter begins a milter session by commands, and returns the command of the last
// answer.
func (s *served) milter(commands ...string) (net.Conn, byte) {
	s.t.Helper()
	c, err := s.dial("milter")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	var answer byte
	for _, command := range append([]string{"O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"}, commands...) {
		frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(command))), command...)
		if _, err := c.Write(frame); err != nil {
			s.t.Fatal(err)
		}
		var head [4]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			s.t.Fatal(err)
		}
		content := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(c, content); err != nil {
			s.t.Fatal(err)
		}
		answer = content[0]
	}
	return c, answer
}

// The commands of a milter session in plaintext.
const (
	milterConnect = "Cclient.example\x004\x00\x19192.0.2.1\x00"
	milterMail    = "M<a@example.org>\x00"
)

// stop ends the daemon by a signal, and tells how it ended.
func (s *served) stop(signal syscall.Signal) syscall.WaitStatus {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		s.t.Fatal("the daemon does not end")
	}
	return s.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

const servedRules = "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"defer\"\n"

// TestDeadLog shows that a daemon whose log nobody reads any more serves mail, and
// ends as it should, whatever it has inherited for SIGPIPE.
func TestDeadLog(t *testing.T) {
	for name, shell := range map[string]string{"as usual": "", "ignored": "trap '' PIPE;"} {
		t.Run(name, func(t *testing.T) {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			read.Close()
			s := serveIn(t, servedRules, shell, write)
			write.Close()
			for i := range 20 { // lines are written in the background
				if got := s.ask(i + 1); !strings.HasPrefix(got, "action=450 4.7.0") {
					t.Fatalf("request %d: %s", i, got)
				}
				c, got := s.milter(milterConnect, milterMail)
				if c.Close(); got != 'c' {
					t.Fatalf("milter session %d: %q", i, got)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if st := s.stop(syscall.SIGTERM); !st.Exited() || st.ExitStatus() != exitOK {
				t.Errorf("the daemon ended by %v, status %d", st.Signal(), st.ExitStatus())
			}
		})
	}
}

// TestQuietPipe shows that another command still ends by SIGPIPE, without a word, if
// nobody reads what it prints.
func TestQuietPipe(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	cmd := exec.Command("tlswarden", "profiles")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = write, &stderr
	err = cmd.Run()
	write.Close()
	if st := cmd.ProcessState.Sys().(syscall.WaitStatus); !st.Signaled() || st.Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
		t.Errorf("%v\n%s", err, &stderr)
	}
}

// TestManySignals shows that a daemon which is told to reload again and again hears
// that it is to end.
func TestManySignals(t *testing.T) {
	var rules strings.Builder // that take a while to load
	rules.WriteString("[list]\nmembers = [")
	for i := range 50000 {
		fmt.Fprintf(&rules, "\"m%d@example.com\", ", i)
	}
	rules.WriteString("]\n[[rule]]\nname = \"r\"\nwhen = { recipient = \"@members\" }\naction = \"defer\"\n")
	s := serveIn(t, rules.String(), "", nil)
	for range 100 {
		for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1} {
			if err := s.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Millisecond) // or the system makes one of them
	}
	if st := s.stop(syscall.SIGTERM); !st.Exited() || st.ExitStatus() != exitOK {
		t.Errorf("the daemon ended by %v, status %d", st.Signal(), st.ExitStatus())
	}
}

// TestSecondSignal shows that a daemon which finishes what is under way ends at once
// when it is told again.
func TestSecondSignal(t *testing.T) {
	s := serveIn(t, servedRules, "", nil)
	s.milter(milterConnect, milterMail) // a message is under way, for which it waits 20 seconds
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range 3000 { // until the socket of the milter is closed, which comes first
		if _, err := os.Stat(filepath.Join(s.dir, "milter")); errors.Is(err, os.ErrNotExist) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if st := s.stop(syscall.SIGTERM); !st.Signaled() || st.Signal() != syscall.SIGTERM {
		t.Errorf("the daemon ended by %v, status %d", st.Signal(), st.ExitStatus())
	}
}
