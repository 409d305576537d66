package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// lookAgain is how long resolv.conf is not looked at anew.
	lookAgain = time.Second
	// maxConf is how many octets of it are read.
	maxConf = 64 << 10
	// What options may ask for at most, as in resolv.conf(5).
	maxRounds, maxWait = 5, 30
)

// resolvConf is /etc/resolv.conf, which is read again when it has changed: a machine gets
// other name servers when it joins another network.
type resolvConf struct {
	path    string
	port    string // of the name servers, which the file does not tell
	trustAD *bool  // of the settings
	log     io.Writer

	mu      sync.Mutex // guards what follows
	current upstream
	text    []byte // of the file when it was read
	looked  time.Time
	failed  string // what was last complained of
}

// read returns the name servers of the file as it is now if that is in order, or else as
// it was before.
func (c *resolvConf) read() upstream {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookAgain {
		return c.current
	}
	trusted, failed := c.current.trustsAny(), ""
	if err := c.load(); err != nil {
		failed = err.Error()
	}
	if failed != "" && failed != c.failed {
		fmt.Fprintf(c.log, "%s; the name servers from before are asked\n", failed)
	}
	c.failed = failed
	if trusted && !c.current.trustsAny() {
		fmt.Fprintln(c.log, untrusted)
	}
	return c.current
}

// load reads the file unless it says what it said before.
func (c *resolvConf) load() error {
	c.looked = time.Now()
	file, err := os.Open(c.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxConf))
	if err != nil {
		return err
	}
	if c.text != nil && bytes.Equal(text, c.text) {
		return nil
	}
	up, err := c.parse(text)
	if err != nil {
		return err
	}
	c.text, c.current = text, up
	return nil
}

// parse takes the name servers and the options that matter here. The option trust-ad says
// that the AD bit of all of them is to be believed (resolv.conf(5)).
func (c *resolvConf) parse(text []byte) (upstream, error) {
	conf, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil {
		return upstream{}, fmt.Errorf("%s: %w", c.path, err)
	}
	yes, trust := true, c.trustAD
	options := options(string(text))
	if trust == nil && slices.Contains(options, "trust-ad") {
		trust = &yes
	}
	up := upstream{
		rounds: min(conf.Attempts, maxRounds), wait: time.Duration(min(conf.Timeout, maxWait)) * time.Second,
		rotate: slices.Contains(options, "rotate"),
	}
	var wrong []error // lines that the C library passes over, too
	for _, address := range conf.Servers {
		s, err := newServer(address, c.port, trust)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		up.servers = append(up.servers, s)
	}
	switch {
	case len(up.servers) > 0:
		return up, nil
	case len(wrong) > 0:
		return up, fmt.Errorf("%s names none: %w", c.path, wrong[0])
	}
	return up, fmt.Errorf("%s names none", c.path)
}

// options are those of all lines "options".
func options(text string) (all []string) {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 && words[0] == "options" {
			all = append(all, words[1:]...)
		}
	}
	return all
}
