package main

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"
	_ "time/tzdata" // for the scripts

	"github.com/rogpeppe/go-internal/testscript"

	"tlswarden/plugins"
)

// TestMain makes the real main a command of the scripts, and a plugin.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tlswarden": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"partners":  partners,
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(e *testscript.Env) error {
		e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector lets every command end a second late
		e.Setenv("TMPDIR", os.TempDir())        // the path of a script's own directory is too long for sockets (unix(7))
		path, err := exec.LookPath("partners")
		e.Setenv("PARTNERS", path)
		return err
	}})
}

// partners is a plugin that knows some domains from its settings.
func partners() {
	settings := struct {
		Gold   []string `json:"gold"`
		Exempt []string `json:"exempt"`
	}{}
	plugins.Serve(plugins.Plugin{
		Name: "partners", Version: "1",
		Facts: []plugins.Fact{
			{Key: "exempt", Type: plugins.Boolean, Meaning: "no contract with this domain asks for encryption"},
			{Key: "level", Type: plugins.Name, Meaning: "what the contract says"},
			{Key: "since", Type: plugins.Time, Meaning: "when it was made"},
		},
		Needs:     []string{"sender_domain"},
		Configure: func(s plugins.Settings) error { return s.Decode(&settings) },
		Lookup: func(_ context.Context, s plugins.Session) (plugins.Answer, error) {
			domain, _ := s.Text("sender_domain")
			level := ""
			if slices.Contains(settings.Gold, domain) {
				level = "Gold"
			}
			return plugins.Answer{Facts: plugins.Facts{"exempt": slices.Contains(settings.Exempt, domain), "level": level}}, nil
		},
	})
}
