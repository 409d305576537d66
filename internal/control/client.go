package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
)

// mostBytes is how much of an answer is read.
const mostBytes = 64 << 20

// AskStatus asks the daemon with its sockets in dir how it is.
func AskStatus(ctx context.Context, dir string) (Status, error) {
	var s Status
	err := ask(ctx, http.MethodGet, filepath.Join(dir, StatusSocket), "/status", &s)
	return s, err
}

// AskReload has the daemon with its sockets in dir reload, and waits for what comes of
// it.
func AskReload(ctx context.Context, dir string) (Reload, error) {
	var r Reload
	err := ask(ctx, http.MethodPost, filepath.Join(dir, ReloadSocket), "/reload", &r)
	return r, err
}

func ask(ctx context.Context, method, socket, path string, to any) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	request, err := http.NewRequestWithContext(ctx, method, "http://tlswarden"+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return unanswered(socket, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, mostBytes))
	switch {
	case err != nil:
		return unanswered(socket, err)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answers %s; is it the socket of another version of tlswarden?", socket, response.Status)
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s: the answer is not the expected JSON: %w", socket, err)
	}
	return nil
}

// unanswered is the error of a socket that gives no answer.
func unanswered(socket string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w, or has its sockets elsewhere: nothing answers at %s; start it, such as by systemctl start tlswarden", ErrNotRunning, socket)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not ask tlswarden at %s; run this as root", socket)
	}
	var request *url.Error
	if errors.As(err, &request) { // which repeats a URL that nobody typed
		err = request.Err
	}
	return fmt.Errorf("no answer from %s: %w", socket, err)
}
