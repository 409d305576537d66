package pluginhost

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// process is one run of a plugin's program; go-plugin takes it as its runner. Of
// what the program writes go-plugin sees the line of the handshake only: it reads
// standard error as log entries, and one that is not as it expects ends the whole
// daemon (log_entry.go, parseJSON).
type process struct {
	config *Config
	output *output
	path   string
	dir    string // its own directory for sockets

	cmd       *exec.Cmd
	pid       atomic.Int64 // 0: not started
	doomed    atomic.Bool  // to be killed, started or not
	stdin     *os.File     // the plugin lives until this is closed
	handshake *io.PipeReader
	refused   atomic.Pointer[error] // what is wrong with the handshake
	shaken    atomic.Bool           // the handshake has been taken
	gone      chan struct{}         // closed when the process has ended,
	exited    chan struct{}         // and this when its output has been read, too
	err       error                 // how it ended, once gone is closed
}

// drain is how long output is still read once the process has ended. A process that
// it left behind may hold the pipes open for good.
const drain = 200 * time.Millisecond

func newProcess(c *Config, o *output, path string) *process {
	return &process{config: c, output: o, path: path, gone: make(chan struct{}), exited: make(chan struct{})}
}

// prepare takes what go-plugin has made for a run: the directory for sockets, and
// the variables of the handshake.
func (p *process) prepare(dir string, variables []string) {
	p.dir = dir
	p.cmd = &exec.Cmd{
		Path: p.path, Args: append([]string{p.path}, p.config.Args...), Dir: "/",
		Env:         append(p.config.environment(), variables...),
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
}

// Start runs the program.
func (p *process) Start(context.Context) error {
	var files [6]*os.File
	for i := 0; i < len(files); i += 2 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(files[:])
			return err
		}
		files[i], files[i+1] = r, w
	}
	stdout, stderr := files[2], files[4]
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = files[0], files[3], files[5]
	p.output.begin(p.gone)
	if err := p.cmd.Start(); err != nil {
		closeAll(files[:])
		return err
	}
	p.pid.Store(int64(p.cmd.Process.Pid))
	closeAll([]*os.File{files[0], files[3], files[5]})
	p.stdin = files[1]
	var to *io.PipeWriter
	p.handshake, to = io.Pipe()
	read := make(chan struct{}, 2)
	go func() { p.readStdout(stdout, to); read <- struct{}{} }()
	go func() { p.forward("stderr", stderr); read <- struct{}{} }()
	go p.wait(stdout, stderr, read)
	if p.doomed.Load() {
		p.kill()
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// wait takes the end of the process, and ends what it left behind.
func (p *process) wait(stdout, stderr *os.File, read <-chan struct{}) {
	p.err = p.cmd.Wait()
	p.kill()
	close(p.gone)
	end := time.Now().Add(drain)
	_ = stdout.SetReadDeadline(end)
	_ = stderr.SetReadDeadline(end)
	<-read
	<-read
	closeAll([]*os.File{stdout, stderr, p.stdin})
	close(p.exited)
}

// readStdout hands the handshake to go-plugin, and the rest to the log.
func (p *process) readStdout(stdout io.Reader, to *io.PipeWriter) {
	r := bufio.NewReaderSize(stdout, maxHandshake)
	line, err := r.ReadSlice('\n')
	if len(line) > 0 || errors.Is(err, bufio.ErrBufferFull) {
		if err := checkHandshake(string(line), p.dir, p.config.MTLS); err != nil {
			p.refused.Store(&err)
		} else {
			p.shaken.Store(true)
			_, _ = io.WriteString(to, strings.TrimSpace(string(line))+"\n")
		}
	}
	_ = to.Close()
	p.forward("stdout", r)
}

func (p *process) forward(stream string, from io.Reader) {
	w := &lineWriter{out: p.output, stream: stream}
	_, _ = io.Copy(w, from)
	w.flush()
}

// kill ends the process and all that it started, at once. That another group got
// its number just after its end would take a whole round of process numbers.
func (p *process) kill() {
	p.doomed.Store(true)
	select {
	case <-p.gone:
	default:
		if pid := p.pid.Load(); pid != 0 {
			_ = syscall.Kill(-int(pid), syscall.SIGKILL)
		}
	}
}

// missing is what the process has not done, if it cannot be called.
func (p *process) missing() string {
	if p.shaken.Load() {
		return "answered on its socket"
	}
	return "written the handshake"
}

// failure says why there was no handshake.
func (p *process) failure(err error) error {
	if refused := p.refused.Load(); refused != nil {
		return unfit{*refused}
	}
	select {
	case <-p.exited:
		if last := p.output.lastLine(); last != "" {
			return fmt.Errorf("it ended before the handshake (%s): %s", p.ended(), cutText(last, 300))
		}
		return fmt.Errorf("it ended before the handshake (%s)", p.ended())
	default:
	}
	return errors.New(strings.TrimSpace(err.Error()))
}

// ended says how the process ended.
func (p *process) ended() string {
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}

// Wait waits until the process has ended.
func (p *process) Wait(context.Context) error {
	<-p.exited
	return p.err
}

// Kill ends the process and all that it started, if it does not end by itself just
// now: then its exit status tells more.
func (p *process) Kill(context.Context) error {
	select {
	case <-p.exited:
	case <-time.After(drain):
	}
	p.kill()
	return nil
}

// Stdout gives the line of the handshake.
func (p *process) Stdout() io.ReadCloser { return p.handshake }

// Stderr gives nothing: see [process].
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the path of the program.
func (p *process) Name() string { return p.path }

// ID is the process number, "" if the program could not be run.
func (p *process) ID() string {
	if pid := p.pid.Load(); pid != 0 {
		return strconv.FormatInt(pid, 10)
	}
	return ""
}

// Diagnose adds nothing to the errors of go-plugin.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost leaves addresses as they are.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin leaves addresses as they are.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
