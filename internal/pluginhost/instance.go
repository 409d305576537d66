package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
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

// maxAnswer is the largest message of a plugin that is read, in octets.
const maxAnswer = 1 << 20

// unfit is a cause that only an admin can remove.
type unfit struct{ error }

func (u unfit) Unwrap() error { return u.error }

// instance is one run of a plugin with the connection to it.
type instance struct {
	process *process
	client  *plugin.Client
	calls   proto.PluginClient
	doubt   chan struct{} // calls fail: does it answer at all?
}

// run starts the plugin's program and connects to it. The go-plugin client cannot
// be started twice, so each run has its own.
func (p *supervisor) run(ctx context.Context) (*instance, error) {
	path, err := p.config.program()
	if err != nil {
		return nil, unfit{err}
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
		StartTimeout:     p.pace.start,
		Logger:           newQuiet(),
		SyncStdout:       &lineWriter{out: p.output, stream: "stdout"},
		SyncStderr:       &lineWriter{out: p.output, stream: "stderr"},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
			grpc.WithStreamInterceptor(withoutBroker),
		},
	})
	defer context.AfterFunc(ctx, in.process.kill)()
	connection, err := in.client.Client()
	if err == nil {
		in.calls = proto.NewPluginClient(connection.(*plugin.GRPCClient).Conn)
		return in, nil
	}
	if in.process.ID() != "" {
		err = in.process.failure(err)
	}
	in.stop(p.pace.stop)
	return nil, err
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
	ctx, cancel := context.WithTimeout(ctx, p.pace.start)
	defer cancel()
	settings := p.config.Settings
	if len(settings) == 0 {
		settings = []byte("{}")
	}
	configured, err := in.calls.Configure(ctx, &proto.ConfigureRequest{Settings: settings})
	if err != nil {
		return nil, fmt.Errorf("configure: %w", in.cause(err))
	}
	if len(configured.Problems) > 0 {
		return nil, unfit{newSettingsError(configured.Problems)}
	}
	answer, err := in.calls.Describe(ctx, &proto.DescribeRequest{})
	if err != nil {
		return nil, fmt.Errorf("describe: %w", in.cause(err))
	}
	d, err := newDescription(answer)
	if err != nil {
		return nil, unfit{err}
	}
	return d, nil
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
		_, err := in.calls.Describe(probe, &proto.DescribeRequest{})
		cancel()
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("it does not answer: %w", in.cause(err))
		}
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
