package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tlswarden/plugins"
)

// TestPolicy shows which policies are valid.
func TestPolicy(t *testing.T) {
	const good = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n"
	for name, c := range map[string]struct{ text, mode, err string }{
		"the example of RFC 8461": {strings.ReplaceAll(good, "\n", "\r\n"), "enforce", ""},
		"line feeds":              {good, "enforce", ""},
		"no end of line":          {strings.TrimSpace(good), "enforce", ""},
		"testing":                 {strings.Replace(good, "enforce", "testing", 1), "testing", ""},
		"none needs no mx":        {"version: STSv1\nmode: none\nmax_age: 86400", "none", ""},
		"spaces":                  {"version \t:STSv1 \nmode:  enforce\t\nmx:a.example\nmax_age: 1", "enforce", ""},
		"the first one counts":    {good + "mode: none\n", "enforce", ""},
		"others are passed over":  {good + "x-more: of: this\n", "enforce", ""},
		"max_age too great":       {strings.Replace(good, "604800", "9999999999", 1), "enforce", ""},
		"empty":                   {"", "", "form"},
		"no version":              {strings.Replace(good, "version: STSv1\n", "", 1), "", "version"},
		"version 2":               {strings.Replace(good, "STSv1", "STSv2", 1), "", "version"},
		"another mode":            {strings.Replace(good, "enforce", "Enforce", 1), "", "mode"},
		"no mode":                 {strings.Replace(good, "mode: enforce\n", "", 1), "", "mode"},
		"no mx":                   {"version: STSv1\nmode: enforce\nmax_age: 1", "", "no mx"},
		"mx is no name":           {strings.Replace(good, "*.example.net", "a.*.example.net", 1), "", "mx is no"},
		"mx with a final dot":     {strings.Replace(good, "*.example.net", "a.", 1), "", "mx is no"},
		"no max_age":              {strings.Replace(good, "max_age: 604800\n", "", 1), "", "max_age"},
		"max_age below 0":         {strings.Replace(good, "604800", "-1", 1), "", "max_age"},
		"max_age of 11 digits":    {strings.Replace(good, "604800", "00000000001", 1), "", "max_age"},
		"a line without colon":    {good + "oops\n", "", "form"},
		"an empty line":           {strings.Replace(good, "mode", "\nmode", 1), "", "form"},
		"HTML":                    {"<html>\n", "", "form"},
		"too long":                {good + "x: " + strings.Repeat("y", maxPolicy), "", "too long"},
	} {
		p, err := parsePolicy(c.text)
		if p.mode != c.mode || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v; want %q, %s", name, p, err, c.mode, c.err)
		}
	}
}

// FuzzPolicy shows that a valid policy has a mode and a time within the bounds.
func FuzzPolicy(f *testing.F) {
	f.Add("version: STSv1\nmode: enforce\nmx: mail.example.com\nmax_age: 604800\n")
	f.Add("version: STSv1\r\nmode: none\r\nmax_age: 9999999999")
	f.Add("a:b\n:\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePolicy(text)
		known := p.mode == "enforce" || p.mode == "testing" || p.mode == "none"
		if known != (err == nil) || p.maxAge < 0 || p.maxAge > 31557600*time.Second {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// site is a policy server whose certificate is for example.com, as that of
// httptest is, so that mta-sts.example.com is refused unless its name is taken.
type site struct {
	fetcher *fetcher
	asked   atomic.Int32
}

func policySite(t *testing.T, name string, h http.HandlerFunc) *site {
	s := &site{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		h(w, r)
	}))
	server.Config.ErrorLog = log.New(discard{}, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	s.fetcher = newFetcher(func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != "mta-sts.all.example:443" {
			return nil, fmt.Errorf("a connection to %s", address)
		}
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}, roots)
	if name != "" { // the name that the certificate is checked for
		s.fetcher.tls.ServerName = name
	}
	return s
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// TestFetch shows which answers of a policy's server are a policy, none, or a
// failure.
func TestFetch(t *testing.T) {
	const text = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmax_age: 604800\n"
	send := func(kind string, status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.Host != "mta-sts.all.example" || r.URL.Path != "/.well-known/mta-sts.txt" {
				status = http.StatusTeapot
			}
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", "https://mta-sts.all.example/other")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	stall := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, c := range map[string]struct {
		certificate string
		answer      http.HandlerFunc
		mode        any // nil: unknown
		asked       int32
	}{
		"a policy":       {"example.com", send("text/plain; charset=utf-8", 200, text), "enforce", 1},
		"another type":   {"example.com", send("text/html", 200, text), "", 1},
		"not found":      {"example.com", send("text/plain", 404, text), "", 1},
		"a redirect":     {"example.com", send("text/plain", 302, text), "", 1},
		"not a policy":   {"example.com", send("text/plain", 200, "hello"), "", 1},
		"too long":       {"example.com", send("text/plain", 200, text+"x: "+strings.Repeat("y", 1<<20)), "", 1},
		"a failure":      {"example.com", send("text/plain", 503, text), nil, 1},
		"no answer":      {"example.com", stall, nil, 1},
		"another name":   {"", send("text/plain", 200, text), nil, 0},
		"a long heading": {"example.com", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("y", 1<<20)) }, nil, 1},
		"ends in between": {"example.com", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte(text))
		}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := policySite(t, c.certificate, c.answer)
			p := publisherOf(serve(t, records))
			p.policies = s.fetcher
			if name == "no answer" {
				p.timeout = 5 * time.Second
			}
			a, err := p.lookup(t.Context(), "all.example")
			want := facts(true, true, true)
			want["mta_sts_mode"] = c.mode
			if !maps.Equal(a.Facts, want) || (err == nil) != (c.mode != nil) || s.asked.Load() != c.asked {
				t.Errorf("%v, %v, asked %d times; want %v", a.Facts, err, s.asked.Load(), want)
			}
		})
	}
}

// TestNoFetch shows that no policy is fetched from a domain whose record says
// nothing of one.
func TestNoFetch(t *testing.T) {
	s := policySite(t, "example.com", func(http.ResponseWriter, *http.Request) {})
	p := publisherOf(serve(t, records))
	p.policies = s.fetcher
	a, err := p.lookup(t.Context(), "half.example")
	want := facts(false, false, true)
	want["mta_sts_mode"] = ""
	if err != nil || !maps.Equal(a.Facts, want) || s.asked.Load() != 0 {
		t.Errorf("%v, %v, asked %d times", a.Facts, err, s.asked.Load())
	}
}

// TestDial shows that the host of a policy is looked for by the plugin's own name
// servers, and that an address on this machine is not connected to.
func TestDial(t *testing.T) {
	z := serve(t, "mta-sts.all.example. 900 A 127.0.0.1")
	p := publisherOf(z)
	_, err := newFetcher(p.resolver.dial, nil).fetch(deadline(t), "all.example")
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1 is not on the public net") || z.asked.Load() == 0 {
		t.Errorf("%v, %d questions", err, z.asked.Load())
	}
	z.oddly("mta-sts.all.example.", dns.TypeA, code(dns.RcodeNameError))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if c, err := p.resolver.dialer(nil).DialContext(deadline(t), "tcp", "mta-sts.all.example:"+port); err == nil {
		_ = c.Close()
		t.Error("a host that does not exist was connected to")
	}
}

// TestNullSender shows that the plugin answers for the null sender without a
// question.
func TestNullSender(t *testing.T) {
	z := serve(t, records)
	for settings, want := range map[string]plugins.Facts{
		`"fetch_policy": true`:  {"mta_sts": false, "mta_sts_mode": "", "dane": false, "tlsrpt": false},
		`"fetch_policy": false`: {"mta_sts": false, "dane": false, "tlsrpt": false},
	} {
		got, err := runPlugin(t, `{"resolvers": ["`+z.address+`"], `+settings+`}`, "")
		if err != nil || !maps.Equal(got, want) || z.asked.Load() != 0 {
			t.Errorf("%v, %v, %d questions", got, err, z.asked.Load())
		}
	}
}
