// Stub is a plugin for tests. Its first argument says how it behaves at the start,
// and the sender's domain how it answers.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tlswarden/plugins"
	"tlswarden/plugins/proto"
)

func main() {
	mode := "good"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "early":
		fmt.Println("hello, I am a plugin")
	case "silent":
		time.Sleep(time.Hour)
	case "endless-line":
		for {
			fmt.Print("no end ")
		}
	case "exit":
		fmt.Fprintln(os.Stderr, "the database is away")
		os.Exit(3)
	case "say":
		fmt.Println(strings.ReplaceAll(os.Args[2], "DIR", os.Getenv("PLUGIN_UNIX_SOCKET_DIR")))
		time.Sleep(time.Hour)
	case "mute":
		mute()
	case "cookie":
		_ = os.Setenv(plugins.CookieKey, "another")
	case "crash-host":
		fmt.Fprintln(os.Stderr, `{"@message":123}`)
		fmt.Fprintln(os.Stderr, `{"@level":[],"@timestamp":{}}`)
	case "flood":
		go flood(os.Stderr)
	case "flood-late":
		go func() {
			time.Sleep(100 * time.Millisecond) // then it goes over the stream of go-plugin
			flood(os.Stderr)
			flood(os.Stdout)
		}()
	case "child", "far-child":
		leave(mode == "far-child", os.Args[2])
	}
	p := stub
	if mode == "panic" {
		p.Configure = func(plugins.Settings) error { panic("oh") }
	}
	if mode == "slow-configure" {
		p.Configure = func(plugins.Settings) error { select {} }
	}
	switch mode { // by which facts it knows a mailbox
	case "needs":
		p.Needs, p.CacheKey, p.Lookup = []string{"recipient"}, nil, confidential
	case "wants":
		p.Optional, p.CacheKey, p.Lookup = []string{"recipient"}, nil, confidential
	case "peeks":
		p.Optional, p.Lookup = []string{"recipient", "client"}, confidential
	case "both":
		p.Needs, p.Optional, p.CacheKey, p.Lookup = []string{"recipient", "client"}, nil, nil, confidential
	}
	if mode != "raw" && mode != "undescribed" {
		plugins.Serve(p)
		return
	}
	s, _ := plugins.NewServer(p)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{ProtocolVersion: plugins.ProtocolVersion, MagicCookieKey: plugins.CookieKey, MagicCookieValue: plugins.CookieValue},
		Plugins:         plugin.PluginSet{"plugin": raw{PluginServer: s, mode: mode}},
		GRPCServer:      plugin.DefaultGRPCServer,
	})
}

// mute listens, and says nothing to who connects.
func mute() {
	path := os.Getenv("PLUGIN_UNIX_SOCKET_DIR") + "/plugin"
	l, err := net.Listen("unix", path)
	if err != nil {
		os.Exit(1)
	}
	fmt.Println("1|1|unix|" + path + "|grpc|")
	for {
		if _, err := l.Accept(); err != nil {
			os.Exit(1)
		}
	}
}

func flood(to *os.File) {
	line := []byte(strings.Repeat("flood ", 200) + "\n")
	for i := 0; i < 100_000; i++ {
		if _, err := to.Write(line); err != nil {
			return
		}
	}
}

// leave starts a process that outlives the plugin, with the plugin's pipes.
func leave(far bool, file string) {
	c := exec.Command("sleep", "600")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: far}
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.WriteFile(file, []byte(strconv.Itoa(c.Process.Pid)), 0o600)
}

var stub = plugins.Plugin{
	Name: "stub", Version: "1.0",
	Facts: []plugins.Fact{
		{Key: "echo", Type: plugins.Text, Meaning: "the sender's domain"},
		{Key: "known", Type: plugins.Boolean, Meaning: "the client is known"},
		{Key: "calls", Type: plugins.Number},
		{Key: "address", Type: plugins.Address},
		{Key: "domain", Type: plugins.Domain},
		{Key: "mailbox", Type: plugins.Mailbox},
		{Key: "time", Type: plugins.Time},
	},
	Needs:     []string{"sender_domain"},
	Optional:  []string{"client", "size"},
	CacheKey:  []string{"sender_domain", "client"},
	TTL:       time.Hour,
	Configure: configure,
	Lookup:    lookup,
}

var calls, together atomic.Int64

type settings struct {
	Table string `json:"table"`
}

func configure(s plugins.Settings) error {
	var c settings
	if err := s.Decode(&c); err != nil {
		return err
	}
	if c.Table == "none" {
		return errors.Join(plugins.Problem("table", "there is no table %q", c.Table), plugins.Problem("query.column", "it is missing"))
	}
	return nil
}

func lookup(ctx context.Context, s plugins.Session) (plugins.Answer, error) {
	domain, _ := s.Text("sender_domain")
	a := plugins.Answer{Facts: plugins.Facts{"echo": domain, "calls": calls.Add(1), "known": s.Known("client")}}
	word, rest, _ := strings.Cut(domain, ".")
	switch word {
	case "every":
		a.Facts = plugins.Facts{
			"echo": domain, "address": "::ffff:192.0.2.1", "domain": "B\u00dcCHER.Example.",
			"mailbox": `"a"@Example.org`, "time": time.Unix(1000, 0),
		}
	case "nothing":
		a.Facts = nil
	case "brief":
		a.TTL = time.Minute
	case "never":
		a.TTL = -1
	case "error":
		return a, errors.New("half of it is away")
	case "panic":
		panic("oh")
	case "die":
		os.Exit(9)
	case "stop":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "slow":
		fmt.Fprintln(os.Stderr, "asked for something slow")
		d, _ := time.ParseDuration(rest)
		time.Sleep(d)
	case "wait":
		time.Sleep(time.Hour)
	case "together":
		n, _, _ := strings.Cut(rest, ".")
		want, _ := strconv.Atoi(n)
		for together.Add(1); together.Load() < int64(want) && ctx.Err() == nil; {
			time.Sleep(time.Millisecond)
		}
	case "env":
		var names []string
		for _, v := range os.Environ() {
			name, _, _ := strings.Cut(v, "=")
			names = append(names, name)
		}
		slices.Sort(names)
		dir, _ := os.Getwd()
		a.Facts["echo"] = strings.Join(names, " ") + " in " + dir
	case "zone":
		a.Facts["echo"] = "unset"
		if zone, ok := os.LookupEnv("TZ"); ok {
			a.Facts["echo"] = fmt.Sprintf("%q %s", zone, time.Local)
		}
	case "long":
		a.Facts["echo"] = strings.Repeat("x", plugins.MaxText)
	}
	return a, nil
}

// confidential knows which mailbox is confidential. Of one that it is not told, it
// says that it is not.
func confidential(_ context.Context, s plugins.Session) (plugins.Answer, error) {
	forms, _ := s.Forms("recipient")
	return plugins.Answer{Facts: plugins.Facts{"known": slices.Contains(forms, "strict@example.com")}}, nil
}

// raw is a plugin that the SDK would not let pass.
type raw struct {
	plugin.NetRPCUnsupportedPlugin
	proto.PluginServer
	mode string
}

func (r raw) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	proto.RegisterPluginServer(s, r)
	return nil
}

func (raw) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("not here")
}

func (r raw) Describe(ctx context.Context, req *proto.DescribeRequest) (*proto.DescribeResponse, error) {
	d, err := r.PluginServer.Describe(ctx, req)
	if r.mode == "undescribed" {
		d.Needs = append(d.Needs, &proto.Need{Name: "sendr"})
	}
	return d, err
}

func (r raw) Lookup(ctx context.Context, req *proto.LookupRequest) (*proto.LookupResponse, error) {
	text := func(s string) *proto.Value { return &proto.Value{Kind: &proto.Value_Text{Text: s}} }
	domain := req.Facts["sender_domain"].GetText()
	word, _, _ := strings.Cut(domain, ".")
	facts := map[string]*proto.Value{"echo": text(domain)}
	switch word {
	case "unoffered":
		facts["other"] = text("x")
	case "type":
		facts["known"] = text("true")
	case "empty":
		facts["known"] = &proto.Value{}
	case "address":
		facts["address"] = text("1.2.3")
	case "long":
		facts["domain"] = text(strings.Repeat("x", plugins.MaxText+1))
	case "huge":
		facts["domain"] = text(strings.Repeat("x", 100<<20))
	case "many":
		for i := range 1000 {
			facts["f"+strconv.Itoa(i)] = text("x")
		}
	case "bloat":
		for i := range 10_000 {
			facts["f"+strconv.Itoa(i)] = &proto.Value{}
		}
	case "status":
		return nil, status.Error(codes.Internal, strings.Repeat("x", 12<<20))
	case "ages":
		return &proto.LookupResponse{Facts: facts, CacheSeconds: 1 << 62}, nil
	default:
		return r.PluginServer.Lookup(ctx, req)
	}
	return &proto.LookupResponse{Facts: facts}, nil
}
