package main

import (
	"context"
	"net"
	"testing"

	"tlswarden/internal/testkit"
	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

// deadline is long enough for all that is to come.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	t.Cleanup(cancel)
	return ctx
}

func runPlugin(t *testing.T, settings, domain string) (plugins.Facts, error) {
	t.Helper()
	return plugintest.Run(t, plugin(), settings).Lookup(t.Context(), plugins.Facts{"sender_domain": domain})
}

// TestSettings shows what is said of settings that are not in order.
func TestSettings(t *testing.T) {
	for _, c := range []struct{ settings, want string }{
		{`{"resolvers": ["127.0.0.1"]}`, ""},
		{`{"resolvers": ["127.0.0.1", "[::1]:5353", "::1", "192.0.2.1:53"], "trust_ad": true, "timeout": "3s", "fetch_policy": true}`, ""},
		{`{"resolvers": ["dns.example"]}`, `resolvers: "dns.example" is no IP address, nor one with a port`},
		{`{"resolvers": ["127.0.0.1", "[::1]:x:y", ""], "timeout": "0s"}`, "timeout: takes more than 0 seconds\n" +
			`resolvers: "[::1]:x:y" is no IP address, nor one with a port` + "\n" + `resolvers: "" is no IP address, nor one with a port`},
		{`{"resolvers": ["127.0.0.1:http"]}`, `resolvers: "127.0.0.1:http" has no port`},
		{`{"resolver": "127.0.0.1"}`, "resolver: unknown key"},
		{`{"trust_ad": "yes"}`, "trust_ad: takes true or false, not string"},
	} {
		err := plugintest.Configure(t, plugin(), c.settings)
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.settings, err, c.want)
		}
	}
}

// TestResolvers shows whose AD bit is believed.
func TestResolvers(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		address string
		trustAD *bool
		want    server
	}{
		{"127.0.0.53", nil, server{"127.0.0.53:53", true}},
		{"::1", nil, server{"[::1]:53", true}},
		{"[::ffff:127.0.0.1]:5353", nil, server{"[::ffff:127.0.0.1]:5353", true}},
		{"192.0.2.1", nil, server{"192.0.2.1:53", false}},
		{"192.0.2.1:54", &yes, server{"192.0.2.1:54", true}},
		{"127.0.0.1", &no, server{"127.0.0.1:53", false}},
		{"fe80::1%lo", nil, server{"[fe80::1%lo]:53", false}},
	} {
		r, err := newResolver([]string{c.address}, c.trustAD)
		if err != nil || r.servers[0] != c.want {
			t.Errorf("%s: %v, %v; want %v", c.address, r, err, c.want)
		}
	}
}

// TestResolvConf shows that the system's name servers are used where none are given.
func TestResolvConf(t *testing.T) {
	r, err := newResolver(nil, nil)
	if err != nil {
		t.Skip(err) // this machine has none
	}
	for _, s := range r.servers {
		if _, port, err := net.SplitHostPort(s.address); err != nil || port != "53" {
			t.Errorf("%s: %v", s.address, err)
		}
	}
}
