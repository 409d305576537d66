package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxPolicy is how many octets a policy may have (RFC 8461 section 3.3).
const maxPolicy = 64 << 10

// dialFunc is how connections are made.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// maxFetches is how many policies are fetched at once, and so how many connections
// there are to hosts that senders of mail choose.
const maxFetches = 32

// fetcher gets MTA-STS policies by HTTPS. It may be used by many goroutines at once.
type fetcher struct {
	dial  dialFunc
	tls   *tls.Config
	slots chan struct{} // one for each fetch that goes on
}

// newFetcher uses a dialer for connections, and roots to check certificates with;
// nil roots are those of the system.
func newFetcher(dial dialFunc, roots *x509.CertPool) *fetcher {
	return &fetcher{dial: dial, tls: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, slots: make(chan struct{}, maxFetches)}
}

// client is for one fetch: what it connects is closed when ctx ends, at the latest.
// A transport of package net/http would go on with a handshake after the request
// was given up, to have a connection for the next one; a host that takes connections
// and is silent would collect them.
func (f *fetcher) client(ctx context.Context) *http.Client {
	dial := func(_ context.Context, network, address string) (net.Conn, error) {
		c, err := f.dial(ctx, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = c.Close() })
		}
		return c, err
	}
	return &http.Client{
		// RFC 8461 section 3.3: redirects are not followed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dial,
			TLSClientConfig:        f.tls,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxConnsPerHost:        1,
			MaxResponseHeaderBytes: 16 << 10,
		},
	}
}

// policy is what matters of a policy here. Without a valid one, mode is empty.
type policy struct {
	mode   string
	maxAge time.Duration
}

// fetch gets the policy of a domain, a lower-case A-label form. What the server of
// the policy says is an answer, be it that there is none; that it cannot be
// reached, has no good certificate, or fails is an error. While [maxFetches] others
// go on it waits. Nothing of it stays when it has returned or ctx has ended.
func (f *fetcher) fetch(ctx context.Context, domain string) (policy, error) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return policy{}, fmt.Errorf("the policy of %s: %d others are being fetched", domain, maxFetches)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	url := "https://mta-sts." + domain + "/.well-known/mta-sts.txt"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return policy{}, err
	}
	req.Header.Set("User-Agent", "tlswarden-dns/"+version)
	resp, err := f.client(ctx).Do(req)
	if err != nil {
		return policy{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode >= 500:
		return policy{}, fmt.Errorf("%s: %s", url, resp.Status)
	case resp.StatusCode != http.StatusOK || !plainText(resp.Header.Get("Content-Type")):
		return policy{}, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPolicy+1))
	if err != nil {
		return policy{}, fmt.Errorf("%s: %w", url, err)
	}
	p, err := parsePolicy(string(body))
	if err != nil {
		return policy{}, nil // RFC 8461 section 3.2: as if there were none
	}
	return p, nil
}

// plainText says whether a policy may come in this media type: RFC 8461
// section 3.2.
func plainText(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "text/plain"
}

// parsePolicy reads a policy: RFC 8461 section 3.2.
func parsePolicy(text string) (policy, error) {
	if len(text) > maxPolicy {
		return policy{}, errors.New("the policy is too long")
	}
	keys := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\n") {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		key, value = strings.TrimRight(key, " \t"), strings.Trim(value, " \t")
		if !ok || !validName(key) || value == "" {
			return policy{}, errors.New("a line is not of the form \"key: value\"")
		}
		if key == "mx" && !validPattern(value) {
			return policy{}, errors.New("mx is no host name")
		}
		if _, twice := keys[key]; !twice { // of others than mx, the first one counts
			keys[key] = value
		}
	}
	age, err := strconv.ParseUint(keys["max_age"], 10, 64)
	switch mode := keys["mode"]; {
	case keys["version"] != "STSv1":
		return policy{}, errors.New("not a policy of version STSv1")
	case mode != "enforce" && mode != "testing" && mode != "none":
		return policy{}, errors.New("no mode that is known")
	case err != nil || len(keys["max_age"]) > 10:
		return policy{}, errors.New("max_age is no number")
	case keys["mx"] == "" && mode != "none":
		return policy{}, errors.New("no mx")
	}
	return policy{mode: keys["mode"], maxAge: time.Duration(min(age, 31557600)) * time.Second}, nil
}

// validPattern is a host name, or one with "*." before it.
func validPattern(value string) bool {
	name := strings.TrimPrefix(value, "*.")
	return len(name) <= 253 && validHost(name)
}

// validHost is a domain name of letters, digits, "-" and "_" (which occurs) in
// labels of 63 at most.
func validHost(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || !all(label, func(c byte) bool { return alphanumeric(c) || c == '-' || c == '_' }) {
			return false
		}
	}
	return true
}
