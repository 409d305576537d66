package plugins

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"tlswarden/plugins/proto"
)

// The handshake between daemon and plugin.
const (
	ProtocolVersion = 1
	CookieKey       = "TLSWARDEN_PLUGIN" // environment variable that tells a plugin who starts it
	CookieValue     = "7ad1b06f3f3b4c5c8a0e"
)

// grace is how long calls that have begun may go on after SIGTERM.
const grace = 5 * time.Second

// Serve is the whole of a plugin's main function. It returns when the daemon has
// ended the plugin. A program that was not started by the daemon says so and exits.
func Serve(p Plugin) {
	s, err := NewServer(p)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	streams, endStreams := context.WithCancel(context.Background())
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{ProtocolVersion: ProtocolVersion, MagicCookieKey: CookieKey, MagicCookieValue: CookieValue},
		Plugins:         plugin.PluginSet{"plugin": registrar{server: s}},
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr}),
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			server := grpc.NewServer(append(o, grpc.StreamInterceptor(endable(streams)))...)
			go endAtSignal(server, endStreams)
			go endWithHost(server)
			return server
		},
	})
}

// endable makes streams end with ctx. Those by which go-plugin forwards output would
// never end, and a server that finishes its calls waits for streams, too.
func endable(ctx context.Context) grpc.StreamServerInterceptor {
	return func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		own, cancel := context.WithCancel(stream.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		return handle(server, endableStream{stream, own})
	}
}

type endableStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context is the context that ends the stream.
func (s endableStream) Context() context.Context { return s.ctx }

// endAtSignal ends the server at SIGTERM, once the calls that have begun are
// answered or their time is up.
func endAtSignal(server *grpc.Server, endStreams context.CancelFunc) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	time.AfterFunc(grace, server.Stop)
	endStreams()
	server.GracefulStop()
}

// endWithHost ends the server when standard input does. The daemon holds the other
// end of that pipe, so that the system closes it even where the daemon is killed.
func endWithHost(server *grpc.Server) {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return // not started by the daemon
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.Stop()
}

// registrar is how go-plugin takes a server.
type registrar struct {
	plugin.NetRPCUnsupportedPlugin
	server proto.PluginServer
}

// GRPCServer registers the calls.
func (r registrar) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	proto.RegisterPluginServer(s, r.server)
	return nil
}

// GRPCClient is the other side, which the daemon has.
func (registrar) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("a plugin calls no plugin")
}
