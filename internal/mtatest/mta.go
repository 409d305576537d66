package mtatest

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// ErrNotInstalled says that a mail server is missing on this machine.
var ErrNotInstalled = errors.New("not installed; internal/mtatest/install.sh installs it")

// Fronts are the ways in which a server asks tlswarden: through its milter,
// through Postfix's policy delegation, or through both on one connection.
const (
	FrontMilter = "milter"
	FrontPolicy = "policy"
	FrontBoth   = "both"
	// FrontNone is what a server has that is hooked up to nobody.
	FrontNone = "none"
)

// Hooks says where a mail server finds what it is to ask: TCP addresses as
// host:port. What is empty is not asked.
type Hooks struct {
	Milter string
	Policy string
}

// An MTA is a running private mail server.
type MTA interface {
	// Name is "postfix" or "sendmail".
	Name() string
	// Version is what the program itself says, such as "3.7.11".
	Version() string
	// Address is the host:port of a service (README.md, "Services") that
	// asks through the front end named. The error says which there are.
	Address(service, front string) (string, error)
	// WrapperMode says whether a service begins with the TLS handshake (RFC 8314 section 3.3).
	WrapperMode(service string) bool
	// Delivered waits until the server has nothing left to deliver and
	// returns the messages by recipient.
	Delivered(ctx context.Context) (map[string][]Message, error)
	// Held lists the queue ids of messages on hold (Postfix) or in quarantine (Sendmail).
	Held() ([]string, error)
	// Clear forgets delivered and held messages and the log so far.
	Clear(ctx context.Context) error
	// Log is what the server logged since Clear.
	Log() string
	// Stop ends every process of the server and removes its files.
	Stop() error
}

// endpoint is one listener of a server under test.
type endpoint struct{ service, front string }

// endpoints maps listeners to their addresses.
type endpoints map[endpoint]string

func (e endpoints) address(mta, service, front string) (string, error) {
	if address, ok := e[endpoint{service, front}]; ok {
		return address, nil
	}
	var known []string
	for at := range e {
		known = append(known, at.service+"/"+at.front)
	}
	sort.Strings(known)
	return "", fmt.Errorf("%s has no service %s/%s, only %s", mta, service, front, strings.Join(known, " "))
}

// fronts lists the front ends for which there is somebody to ask, or FrontNone
// alone.
func (h Hooks) fronts() []string {
	var fronts []string
	if h.Milter != "" {
		fronts = append(fronts, FrontMilter)
	}
	if h.Policy != "" {
		fronts = append(fronts, FrontPolicy)
	}
	if h.Milter != "" && h.Policy != "" {
		fronts = append(fronts, FrontBoth)
	}
	if fronts == nil {
		fronts = []string{FrontNone}
	}
	return fronts
}
