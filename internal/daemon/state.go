package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/internal/lastgood"
	"tlswarden/internal/ratelimit"
	"tlswarden/internal/statefile"
	"tlswarden/rules"
)

// listenersFile is where it stands when which listener last saw TLS.
const listenersFile = "listeners.json"

// listenersVersion is the version of its form.
const listenersVersion = 1

const (
	keepEvery = 30 * time.Second // how often it is looked at whether there is something to write
	olderBy   = time.Hour        // of what is written already: so much older may its times be
	countsFor = 24 * time.Hour   // what is older is of no use to the gate
	lastWrite = 5 * time.Second  // for the disk, when the daemon stops
)

// stateDir is the directory that the service manager made for what the daemon keeps
// (systemd.exec(5), StateDirectory=), "" if there is none.
func stateDir() string {
	dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	return dir
}

// keeper keeps what a gate has seen over a restart. A nil one keeps nothing.
type keeper struct {
	dir     string
	gate    *gate.Gate
	log     *slog.Logger
	written gate.Seen                     // last, zero if nothing was
	rules   atomic.Pointer[lastgood.Copy] // to be written
	came    chan struct{}                 // it is there
	failing *ratelimit.Limiter
	stop    chan struct{}
	stopped chan struct{}
}

// keep has a gate recall what the file of an earlier daemon says, and writes to it
// from then on, beside all that the daemon does: a disk may hang.
func keep(dir string, g *gate.Gate, log *slog.Logger) *keeper {
	if dir == "" {
		log.Info("no state directory: a restart forgets when TLS was last seen, and plaintext mail is then deferred instead of rejected until it is seen again", "hint", "set one with the environment variable STATE_DIRECTORY")
		return nil
	}
	k := &keeper{dir: dir, gate: g, log: log, failing: ratelimit.New(time.Hour), came: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	if seen, err := k.read(time.Now()); err == nil {
		g.Recall(seen)
	} else if !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the record of TLS seen before the start cannot be read: plaintext mail is deferred instead of rejected until TLS is seen again", "error", err)
	}
	go k.run()
	return k
}

func (k *keeper) read(now time.Time) (gate.Seen, error) {
	data, err := statefile.Read(k.dir, listenersFile)
	if err != nil {
		return gate.Seen{}, err
	}
	seen, err := parseSeen(data, now)
	if err != nil {
		return gate.Seen{}, fmt.Errorf("%s: %w", filepath.Join(k.dir, listenersFile), err)
	}
	return seen, nil
}

// run writes at once, which shows whether it is possible, then what is new, and at
// the end.
func (k *keeper) run() {
	defer close(k.stopped)
	look := time.NewTicker(keepEvery)
	defer look.Stop()
	k.write(k.gate.Seen())
	for {
		select {
		case <-look.C:
			if seen := k.gate.Seen(); isNews(k.written, seen) {
				k.write(seen)
			}
		case <-k.came:
			k.writeRules()
		case <-k.stop:
			k.writeRules()
			k.write(k.gate.Seen())
			return
		}
	}
}

func (k *keeper) write(seen gate.Seen) {
	now := time.Now()
	data, err := renderSeen(seen, now)
	if err == nil {
		err = statefile.Write(k.dir, listenersFile, data)
	}
	if err == nil {
		k.written = seen
		return
	}
	if ok, _ := k.failing.Allow(now); ok {
		k.log.Warn("the record of TLS seen cannot be written: a restart will forget it, and plaintext mail will then be deferred instead of rejected until TLS is seen again", "error", err,
			"hint", "check that the directory exists, that the daemon's user may write to it, and that the disk has room")
	}
}

// keepRules has a copy of rules written that are in order.
func (k *keeper) keepRules(c lastgood.Copy) {
	if k == nil {
		return
	}
	k.rules.Store(&c)
	select {
	case k.came <- struct{}{}:
	default: // the latest will be seen
	}
}

func (k *keeper) writeRules() {
	c := k.rules.Swap(nil)
	if c == nil {
		return
	}
	if err := c.Save(k.dir); err != nil {
		k.log.Warn("the copy of the rules cannot be written: should the rules not load at the next start, mail is answered by an older copy, or by on_failure", "error", err,
			"hint", "check that the directory exists, that the daemon's user may write to it, and that the disk has room")
	}
}

// lastGood is the copy of the rules that were in order last.
func (k *keeper) lastGood() (lastgood.Copy, error) {
	if k == nil {
		return lastgood.Copy{}, fs.ErrNotExist
	}
	return lastgood.Read(k.dir)
}

// close writes for the last time.
func (k *keeper) close() {
	if k == nil {
		return
	}
	close(k.stop)
	select {
	case <-k.stopped:
	case <-time.After(lastWrite):
		k.log.Warn("the record of TLS seen was not written: the disk is too slow", "file", filepath.Join(k.dir, listenersFile))
	}
}

// isNews reports whether something is worth writing: a listener that is not
// written, or is with times that are too old.
func isNews(written, seen gate.Seen) bool {
	type key struct {
		host    rules.Host
		server  netip.AddrPort
		clients gate.Kind
	}
	old := make(map[key]gate.Sighting, len(written.Sightings))
	for _, s := range written.Sightings {
		old[key{s.Host, s.Server, s.Clients}] = s
	}
	for _, s := range seen.Sightings {
		w := old[key{s.Host, s.Server, s.Clients}]
		if s.TLS.Sub(w.TLS).Abs() >= olderBy || s.Cert.Sub(w.Cert).Abs() >= olderBy {
			return true
		}
	}
	return false
}

// seenFile is the form of the file.
type seenFile struct {
	Version   int        `json:"version"`
	Written   time.Time  `json:"written"`
	Since     time.Time  `json:"since"`
	Listeners []seenHere `json:"listeners"`
}

type seenHere struct {
	Host    netip.Addr     `json:"host,omitzero"`
	Name    string         `json:"name,omitempty"`
	Server  netip.AddrPort `json:"server"`
	Clients string         `json:"clients"`
	TLS     time.Time      `json:"tls"`
	Cert    time.Time      `json:"cert,omitzero"`
}

func renderSeen(seen gate.Seen, now time.Time) ([]byte, error) {
	f := seenFile{Version: listenersVersion, Written: now.UTC().Truncate(time.Second), Since: seen.Since.UTC(), Listeners: []seenHere{}}
	for _, s := range seen.Sightings {
		here := seenHere{Host: s.Host.Address, Name: s.Host.Name, Server: s.Server, Clients: s.Clients.String(), TLS: s.TLS.UTC()}
		if !s.Cert.IsZero() {
			here.Cert = s.Cert.UTC()
		}
		f.Listeners = append(f.Listeners, here)
	}
	data, err := json.MarshalIndent(&f, "", "\t")
	return append(data, '\n'), err
}

// parseSeen reads the file. If it is old, the gate was not watching meanwhile.
func parseSeen(data []byte, now time.Time) (gate.Seen, error) {
	var f seenFile
	var form *json.UnmarshalTypeError
	switch err := json.Unmarshal(data, &f); {
	case errors.As(err, &form):
		return gate.Seen{}, fmt.Errorf("a JSON %s stands where none belongs", form.Value)
	case err != nil:
		return gate.Seen{}, err
	}
	if f.Version != listenersVersion {
		return gate.Seen{}, fmt.Errorf("version %d, of another release of tlswarden; this one knows version %d", f.Version, listenersVersion)
	}
	var seen gate.Seen
	if now.Sub(f.Written) < countsFor {
		seen.Since = f.Since
	}
	for i, here := range f.Listeners {
		kind, ok := gate.ParseKind(here.Clients)
		if !ok || !here.Server.IsValid() || here.TLS.IsZero() {
			return gate.Seen{}, fmt.Errorf("listener %d is not of the form that is written", i+1)
		}
		seen.Sightings = append(seen.Sightings, gate.Sighting{Host: rules.Host{Address: here.Host, Name: here.Name},
			Server: here.Server, Clients: kind, TLS: here.TLS, Cert: here.Cert})
	}
	return seen, nil
}
