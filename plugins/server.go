package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tlswarden/plugins/proto"
)

// NewServer makes a plugin answer the calls of the contract. Programs use [Serve],
// and tests package plugintest. It fails if the plugin cannot work.
func NewServer(p Plugin) (proto.PluginServer, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	s := &server{}
	s.plugin.Store(&p)
	return s, nil
}

type server struct {
	proto.UnimplementedPluginServer
	plugin atomic.Pointer[Plugin]
}

// Describe says what the plugin offers and needs.
func (s *server) Describe(context.Context, *proto.DescribeRequest) (*proto.DescribeResponse, error) {
	p := s.plugin.Load()
	d := &proto.DescribeResponse{Name: p.Name, Version: p.Version, CacheKey: p.CacheKey, CacheSeconds: seconds(p.TTL)}
	for _, f := range p.Facts {
		d.Facts = append(d.Facts, &proto.Fact{Key: f.Key, Type: f.Type, Meaning: f.Meaning})
	}
	for _, name := range p.Needs {
		d.Needs = append(d.Needs, &proto.Need{Name: name})
	}
	for _, name := range p.Optional {
		d.Needs = append(d.Needs, &proto.Need{Name: name, Optional: true})
	}
	return d, nil
}

// Configure hands the settings to the plugin. Settings that nobody takes are
// problems.
func (s *server) Configure(_ context.Context, r *proto.ConfigureRequest) (*proto.ConfigureResponse, error) {
	p := s.plugin.Load()
	configure := p.Configure
	switch {
	case p.Setup != nil:
		configure = s.setup
	case configure == nil:
		configure = func(settings Settings) error { return settings.Decode(&struct{}{}) }
	}
	err := guard(func() error { return configure(Settings{json: r.Settings}) })
	return &proto.ConfigureResponse{Problems: problems(err)}, nil
}

// setup puts the plugin in place that the settings make.
func (s *server) setup(settings Settings) error {
	old := s.plugin.Load()
	p, err := old.Setup(settings)
	if err != nil {
		return err
	}
	p.Name, p.Version, p.Setup = old.Name, old.Version, nil
	if err := p.check(); err != nil {
		return err
	}
	s.plugin.Store(&p)
	return nil
}

// Lookup asks the plugin.
func (s *server) Lookup(ctx context.Context, r *proto.LookupRequest) (*proto.LookupResponse, error) {
	var a Answer
	p := s.plugin.Load()
	if p.Lookup == nil {
		return nil, status.Error(codes.FailedPrecondition, "the plugin has no settings yet")
	}
	err := guard(func() (err error) {
		a, err = p.Lookup(ctx, Session{facts: r.Facts})
		return err
	})
	facts, wrong := p.wire(a.Facts)
	out := &proto.LookupResponse{Facts: facts, CacheSeconds: seconds(a.TTL)}
	if err = errors.Join(append(wrong, err)...); err != nil {
		out.Error = oneLine(err.Error())
	}
	return out, nil
}

// guard turns a panic into an error, so that one odd session does not end the
// plugin.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", v, debug.Stack())
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return f()
}

// seconds are whole seconds, but never 0 of what is not.
func seconds(d time.Duration) int64 {
	if d > 0 && d < time.Second {
		return 1
	}
	if d < 0 {
		return -1
	}
	return int64(d / time.Second)
}

func oneLine(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\n", "; "), "?")
	if len(s) > MaxText {
		s = strings.ToValidUTF8(s[:MaxText], "")
	}
	return s
}
