// Package plugintest runs a plugin within a test, over the calls of the contract
// but without a process of its own.
//
//	p := plugintest.Run(t, weekday, `{"zone": "Europe/Berlin"}`)
//	facts, err := p.Lookup(t.Context(), plugins.Facts{"now": time.Unix(0, 0)})
//
// An address or a domain is given as [Mailbox] or [Domain], so that the plugin is told
// all of its forms, as by the daemon.
//
// # Limits
//
// Which facts of the session there are is not checked: only the daemon knows the
// catalogue. Start, restart and standard streams are not part of it.
//
// # Diagnostics
//
// What keeps the plugin from working fails the test. Problems of settings and
// errors of Lookup are returned.
package plugintest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"tlswarden/internal/mailaddr"
	"tlswarden/plugins"
	"tlswarden/plugins/proto"
)

// Mailbox is an address, such as the sender, as somebody writes it. Its extension is
// parted by "+".
type Mailbox string

// Domain is a domain name, such as that of the sender, as somebody writes it.
type Domain string

// Plugin is a plugin that runs in the test.
type Plugin struct {
	client proto.PluginClient
	types  map[string]plugins.Type
}

// Run starts a plugin with settings, a JSON object or "", and ends it with the
// test. Problems of the settings fail the test; see [Configure].
func Run(t testing.TB, p plugins.Plugin, settings string) *Plugin {
	t.Helper()
	r := start(t, p)
	if err := r.configure(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	d, err := r.client.Describe(t.Context(), &proto.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Facts {
		r.types[f.Key] = f.Type
	}
	return r
}

// Configure starts a plugin and returns the problems of its settings, each as
// "key: message", joined.
func Configure(t testing.TB, p plugins.Plugin, settings string) error {
	t.Helper()
	return start(t, p).configure(t.Context(), settings)
}

func start(t testing.TB, p plugins.Plugin) *Plugin {
	t.Helper()
	server, err := plugins.NewServer(p)
	if err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 16)
	s := grpc.NewServer()
	proto.RegisterPluginServer(s, server)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := &Plugin{client: proto.NewPluginClient(conn), types: map[string]plugins.Type{}}
	return r
}

func (r *Plugin) configure(ctx context.Context, settings string) error {
	answer, err := r.client.Configure(ctx, &proto.ConfigureRequest{Settings: []byte(settings)})
	if err != nil {
		return err
	}
	var found []error
	for _, p := range answer.Problems {
		found = append(found, plugins.Problem(p.Key, "%s", p.Message))
	}
	return errors.Join(found...)
}

// Lookup asks the plugin about a session of which the given facts are known:
// string, [Mailbox], [Domain], int, int64, bool, netip.Addr or time.Time. Answered are string, int64,
// bool, netip.Addr or time.Time, by the fact's type. There may be facts and an
// error.
func (r *Plugin) Lookup(ctx context.Context, known plugins.Facts) (plugins.Facts, error) {
	req := &proto.LookupRequest{Facts: map[string]*proto.Value{}}
	for name, value := range known {
		v, err := session(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		req.Facts[name] = v
	}
	answer, err := r.client.Lookup(ctx, req)
	if err != nil {
		return nil, err
	}
	facts := plugins.Facts{}
	for key, v := range answer.Facts {
		facts[key] = value(r.types[key], v)
	}
	if answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return facts, err
}

// session is a fact of a session as the daemon hands it on.
func session(value any) (*proto.Value, error) {
	switch v := value.(type) {
	case string:
		return &proto.Value{Kind: &proto.Value_Text{Text: v}}, nil
	case Mailbox:
		address := mailaddr.Unquote(string(v))
		normal, other := mailaddr.Normal(address), mailaddr.OtherNormal(address)
		return &proto.Value{Kind: &proto.Value_Text{Text: normal}, Also: mailaddr.Also(normal, other, mailaddr.DefaultDelimiters)}, nil
	case Domain:
		w := &proto.Value{Kind: &proto.Value_Text{Text: mailaddr.Domain(string(v))}}
		if other := mailaddr.OtherDomain(string(v)); other != "" {
			w.Also = []string{other}
		}
		return w, nil
	case netip.Addr:
		return &proto.Value{Kind: &proto.Value_Text{Text: v.String()}}, nil
	case int:
		return &proto.Value{Kind: &proto.Value_Number{Number: int64(v)}}, nil
	case int64:
		return &proto.Value{Kind: &proto.Value_Number{Number: v}}, nil
	case time.Time:
		return &proto.Value{Kind: &proto.Value_Number{Number: v.Unix()}}, nil
	case bool:
		return &proto.Value{Kind: &proto.Value_Flag{Flag: v}}, nil
	}
	return nil, fmt.Errorf("no fact is a %T", value)
}

// value is a fact of an answer in the Go type that belongs to its type.
func value(t plugins.Type, v *proto.Value) any {
	switch t {
	case plugins.Address:
		if a, err := netip.ParseAddr(v.GetText()); err == nil {
			return a
		}
		return v.GetText()
	case plugins.Number:
		return v.GetNumber()
	case plugins.Boolean:
		return v.GetFlag()
	case plugins.Time:
		return time.Unix(v.GetNumber(), 0)
	}
	return v.GetText()
}
