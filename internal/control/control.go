// Package control lets commands ask a running daemon how it is, and have it reload.
//
// The daemon calls [Serve] with two listeners; commands call [AskStatus] and
// [AskReload] with the directory in which the daemon has its sockets. The status socket
// is for whoever may monitor: the daemon's group. The reload socket is for root and the
// daemon's own user alone. Nothing but the modes of the sockets decides who may ask.
//
// Requests are HTTP, GET /status and POST /reload, with answers in JSON, so that other
// programs can ask, too: curl --unix-socket /run/tlswarden/status http://tlswarden/status.
//
// # Limits
//
// At most 16 connections at once on each socket, and 10 seconds for a request's header.
// One reload runs at a time; who asks meanwhile waits for its own. A client that goes
// away does not stop a reload that has begun.
//
// # Diagnostics
//
// The server logs nothing. A client's error says whether nobody answers, and what to do
// ([ErrNotRunning]), or whether the socket may not be used by this user.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/net/netutil"
)

// DefaultDir is where the sockets are if the configuration names no other directory:
// what the service manager makes for the daemon.
func DefaultDir() string {
	if runtime.GOOS == "freebsd" {
		return "/var/run/tlswarden"
	}
	return "/run/tlswarden"
}

// The names of the sockets in the directory, and the modes that they have.
const (
	StatusSocket = "status"
	StatusMode   = 0o660
	ReloadSocket = "reload"
	ReloadMode   = 0o600
)

// Daemon is what is asked. Its functions are called from several goroutines.
type Daemon interface {
	Status() Status
	// Reload returns when the rules of the files are in place, or are refused.
	Reload() Reload
}

const (
	mostAtOnce = 16
	headerFor  = 10 * time.Second
	idleFor    = time.Minute
)

// Serve answers on both listeners until end is called, which closes them. What is
// under way then gets a second to end.
func Serve(d Daemon, status, reload net.Listener) (end func()) {
	ofStatus, ofReload := http.NewServeMux(), http.NewServeMux()
	ofStatus.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { answer(w, d.Status()) })
	ofReload.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) { answer(w, d.Reload()) })
	servers := []*http.Server{serve(ofStatus, status), serve(ofReload, reload)}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for _, s := range servers {
			if s.Shutdown(ctx) != nil {
				s.Close()
			}
		}
	}
}

func serve(handler http.Handler, ln net.Listener) *http.Server {
	s := &http.Server{Handler: handler, ReadHeaderTimeout: headerFor, IdleTimeout: idleFor, MaxHeaderBytes: 1 << 12}
	go s.Serve(netutil.LimitListener(ln, mostAtOnce))
	return s
}

func answer(w http.ResponseWriter, v any) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(data, '\n'))
}

// ErrNotRunning is the error if no daemon answers at its socket.
var ErrNotRunning = errors.New("tlswarden does not run")
