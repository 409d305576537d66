package mtatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// configName is the daemon's configuration file. A case's section of that
// name is put between its first line and its tables.
const configName = "tlswarden.toml"

// Daemon is a running tlswarden.
type Daemon struct {
	// Hooks are the addresses that it listens on.
	Hooks   Hooks
	process *process
	log     *lockedBuffer
}

// DaemonConfig is what a daemon is started with.
type DaemonConfig struct {
	// Program is the tlswarden binary.
	Program string
	// Dir is an existing directory, which the files go to.
	Dir string
	// Files are rule files and what they refer to, by name; rules.toml is loaded.
	Files map[string]string
	// Config is put into tlswarden.toml.
	Config string
	// Front says which front ends listen.
	Front string
	// Listen is further keys of each entry of listen.
	Listen string
	// Hooks are where it is to listen; without them it gets free ports.
	Hooks Hooks
	// Stderr takes the log if it is not nil; Log is empty then.
	Stderr *os.File
	// Sockets are listening sockets that it inherits, as from a service manager.
	Sockets []*os.File
}

// StartDaemon writes the files, runs "tlswarden serve" and waits until it logs
// msg=ready, or until its ports answer. The context bounds the wait, not the daemon's life.
func StartDaemon(ctx context.Context, config DaemonConfig) (*Daemon, error) {
	hooks := config.Hooks
	var err error
	if hooks == (Hooks{}) {
		if hooks, err = freeHooks(config.Front); err != nil {
			return nil, err
		}
	}
	for name, text := range config.Files {
		path := filepath.Join(config.Dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(config.Dir, configName)
	if err := os.WriteFile(path, []byte(daemonConfig(hooks, config.Config, config.Listen)), 0o644); err != nil {
		return nil, err
	}
	d := &Daemon{Hooks: hooks, log: &lockedBuffer{}}
	cmd := exec.Command(config.Program, "serve", "--config", path)
	cmd.Stdout, cmd.Stderr = d.log, d.log
	if config.Stderr != nil {
		cmd.Stderr = config.Stderr
	}
	if cmd.ExtraFiles = config.Sockets; len(config.Sockets) > 0 {
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", passSockets, strconv.Itoa(len(config.Sockets))}, cmd.Args...)
	}
	if d.process, err = startProcess(cmd); err != nil {
		return nil, err
	}
	if err := d.waitReady(ctx, config.Stderr == nil, pluginsIn(config.Config)); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; its log:\n%s", err, d.Log()), d.Stop())
	}
	return d, nil
}

// passSockets runs a program with the descriptors from 3 on as its sockets
// (sd_listen_fds(3)). The process that it names must be the one that gets them.
const passSockets = `LISTEN_PID=$$ LISTEN_FDS=$0 exec "$@"`

// freeHooks finds ports for the front ends that the daemon is to have.
func freeHooks(front string) (Hooks, error) {
	addresses, err := freeAddresses("127.0.0.1", "127.0.0.1")
	if err != nil {
		return Hooks{}, err
	}
	hooks := Hooks{addresses[0], addresses[1]}
	switch front {
	case FrontMilter:
		hooks.Policy = ""
	case FrontPolicy:
		hooks.Milter = ""
	}
	return hooks, nil
}

// daemonConfig is the text of tlswarden.toml. What the case adds comes before
// the tables, so that it can have top-level keys; listen is added to each listen
// entry.
func daemonConfig(hooks Hooks, added, listen string) string {
	if listen != "" {
		listen = ", " + listen
	}
	text := "rules = [\"rules.toml\"]\n" + added
	if hooks.Milter != "" {
		text += fmt.Sprintf("\n[milter]\nlisten = [{ address = \"inet:%s\"%s }]\n", hooks.Milter, listen)
	}
	if hooks.Policy != "" {
		text += fmt.Sprintf("\n[policy]\nlisten = [{ address = \"inet:%s\"%s }]\n", hooks.Policy, listen)
	}
	return text + "\n[log]\nformat = \"logfmt\"\n"
}

// pluginTable begins the table of a plugin.
var pluginTable = regexp.MustCompile(`(?m)^\[plugin\.([a-z0-9_]+)\]`)

// pluginsIn names the plugins of a configuration.
func pluginsIn(config string) []string {
	var names []string
	for _, m := range pluginTable.FindAllStringSubmatch(config, -1) {
		names = append(names, m[1])
	}
	return names
}

// isReady says whether the daemon serves, and has told of all its plugins that the
// rules are loaded with what they offer: it serves before.
func isReady(log string, plugins []string) bool {
	if !hasReadyLine(log) {
		return false
	}
	var loaded []string
	for line := range strings.Lines(log) {
		if _, names, ok := strings.Cut(line, `msg="the rules are loaded with what plugins offer" plugins=`); ok {
			names, _, _ = strings.Cut(names, " ")
			loaded = append(loaded, strings.Split(names, ",")...)
		}
	}
	for _, name := range plugins {
		if !slices.Contains(loaded, name) {
			return false
		}
	}
	return true
}

// waitReady waits for msg=ready and for the plugins, or, where the log cannot be
// seen, until all ports answer.
func (d *Daemon) waitReady(ctx context.Context, logged bool, plugins []string) error {
	if !logged {
		for _, address := range []string{d.Hooks.Milter, d.Hooks.Policy} {
			if address != "" {
				if err := d.process.waitListening(ctx, address); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for !isReady(d.Log(), plugins) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("tlswarden is not ready: %w", ctx.Err())
		case <-d.process.done:
			return fmt.Errorf("tlswarden ended early: %v", d.process.err)
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

func hasReadyLine(log string) bool {
	for line := range strings.Lines(log) {
		fields, err := parseLogLine(line)
		if err != nil {
			continue
		}
		for _, field := range fields {
			if field == (logField{"msg", "ready"}) {
				return true
			}
		}
	}
	return false
}

// Log is what the daemon logged so far; all there is, once it is stopped.
func (d *Daemon) Log() string { return d.log.String() }

// Stop asks the daemon to end and waits. It is an error if the daemon hangs or exits
// with anything but 0.
func (d *Daemon) Stop() error {
	if err := d.process.stop(); err != nil {
		return fmt.Errorf("tlswarden at its end: %w", err)
	}
	return nil
}

// lockedBuffer is a buffer that is written and read at the same time.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
