package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tlswarden/plugins"
	"tlswarden/plugins/proto"
)

// What is read of a plugin, in octets. A message can take much more memory than it
// has octets, for example where it has many facts, and many calls run at once. The
// largest answer that is of use has 32 facts of 1024 octets.
const (
	maxAnswer  = 64 << 10 // of an answer
	maxHeaders = 64 << 10 // of the headers of one, among them the text of an error
	maxSpeech  = 1 << 20  // of what Configure and Describe say: these are called one by one
)

// unfit is a cause that only an admin can remove.
type unfit struct{ error }

func (u unfit) Unwrap() error { return u.error }

// instance is one run of a plugin with the connection to it.
type instance struct {
	process   *process
	client    *plugin.Client
	calls     proto.PluginClient
	described *description
	doubt     chan struct{} // calls fail: does it answer at all?
	retired   atomic.Bool   // it has ended, or soon will
}

// run starts the plugin's program and connects to it. The go-plugin client cannot
// be started twice, so each run has its own.
func (p *supervisor) run(ctx context.Context) (*instance, error) {
	path, err := p.config.program()
	if err != nil {
		return nil, unfit{err}
	}
	if err := closed(p.dir); err != nil {
		return nil, unfit{fmt.Errorf("the directory for its socket: %w", err)}
	}
	in := &instance{process: newProcess(p.config, p.output, path), doubt: make(chan struct{}, 1)}
	in.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{ProtocolVersion: plugins.ProtocolVersion, MagicCookieKey: plugins.CookieKey, MagicCookieValue: plugins.CookieValue},
		Plugins:          plugin.PluginSet{},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, dir string) (runner.Runner, error) {
			in.process.prepare(dir, cmd.Env)
			return in.process, nil
		},
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: p.dir},
		SkipHostEnv:      true,
		AutoMTLS:         p.config.MTLS,
		StartTimeout:     2 * p.pace.start, // ctx ends before
		Logger:           newQuiet(),
		SyncStdout:       &lineWriter{out: p.output, stream: "stdout"},
		SyncStderr:       &lineWriter{out: p.output, stream: "stderr"},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
			grpc.WithMaxHeaderListSize(maxHeaders),
			grpc.WithStreamInterceptor(withoutBroker),
		},
	})
	if err = in.connect(ctx); err == nil {
		return in, nil
	}
	switch {
	case in.process.refused.Load() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = p.late(in.process.missing())
	case in.process.ID() != "":
		err = in.process.failure(err)
	}
	in.stop(p.pace.stop)
	return nil, err
}

// connect runs the program and connects to it, until ctx ends. That connecting then
// goes on is of no harm, but it would be waited for: a process that left its group
// can hold a connection open on which nothing comes.
func (in *instance) connect(ctx context.Context) error {
	defer context.AfterFunc(ctx, in.process.kill)()
	var connection plugin.ClientProtocol
	done := make(chan error, 1)
	go func() {
		var err error
		connection, err = in.client.Client()
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(2 * drain):
		}
		if err == nil {
			err = ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	in.calls = proto.NewPluginClient(connection.(*plugin.GRPCClient).Conn)
	return nil
}

// late is the error of a start that took too long; it says with what.
func (p *supervisor) late(missing string) error {
	return fmt.Errorf("%v after its start it has not %s", p.pace.start, missing)
}

// withoutBroker keeps go-plugin from opening the stream by which a plugin can ask
// for connections back: nobody here takes any, and they would be kept without limit
// (grpc_broker.go, getServerStream).
func withoutBroker(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, next grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
	if strings.HasPrefix(method, "/plugin.GRPCBroker/") {
		return nil, status.Error(codes.Unimplemented, "not used")
	}
	return next(ctx, desc, conn, method, o...)
}

// introduce calls Configure, and Describe: what a plugin offers and needs can depend
// on its settings.
func (p *supervisor) introduce(ctx context.Context, in *instance) (*description, error) {
	settings := p.config.Settings
	if len(settings) == 0 {
		settings = []byte("{}")
	}
	configured, err := in.calls.Configure(ctx, &proto.ConfigureRequest{Settings: settings}, grpc.MaxCallRecvMsgSize(maxSpeech))
	if err != nil {
		return nil, p.unanswered(ctx, in, "Configure", err)
	}
	if len(configured.Problems) > 0 {
		return nil, unfit{newSettingsError(configured.Problems)}
	}
	answer, err := in.calls.Describe(ctx, &proto.DescribeRequest{}, grpc.MaxCallRecvMsgSize(maxSpeech))
	if err != nil {
		return nil, p.unanswered(ctx, in, "Describe", err)
	}
	d, err := newDescription(answer)
	if err != nil {
		return nil, unfit{err}
	}
	return d, nil
}

// unanswered is the error of a start that a call failed.
func (p *supervisor) unanswered(ctx context.Context, in *instance, call string, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded {
		return p.late("answered " + call)
	}
	return fmt.Errorf("%s: %w", call, in.cause(err))
}

// cause tells why a call failed: that the process ended says more than that the
// connection broke.
func (in *instance) cause(err error) error {
	if status.Code(err) == codes.Unavailable {
		select {
		case <-in.process.gone:
			return fmt.Errorf("it ended (%s)", in.process.ended())
		case <-time.After(drain):
		}
	}
	return errors.New(statusText(err))
}

// watch waits until the plugin has ended, or does not answer, and says which.
func (p *supervisor) watch(ctx context.Context, in *instance) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-in.process.gone:
			return fmt.Errorf("it ended (%s)", in.process.ended())
		case <-in.doubt:
		}
		probe, cancel := context.WithTimeout(ctx, p.pace.probe)
		_, err := in.calls.Describe(probe, &proto.DescribeRequest{}, grpc.MaxCallRecvMsgSize(maxSpeech))
		cancel()
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("it does not answer: %w", in.cause(err))
		}
		p.relax()
	}
}

// stop ends the plugin: it is asked to, by the end of its standard input and by the
// call of go-plugin, and killed if it does not within the time. What go-plugin does
// here waits without limit, for example for a stopped process.
func (in *instance) stop(grace time.Duration) {
	if in.process.stdin != nil {
		_ = in.process.stdin.Close()
	}
	done := make(chan struct{})
	go func() {
		in.client.Kill()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(grace):
		in.process.kill()
		select {
		case <-done:
		case <-time.After(grace):
		}
	}
	if in.process.dir != "" {
		_ = os.RemoveAll(in.process.dir)
	}
}
