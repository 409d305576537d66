package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tlswarden/internal/mtatest"
)

// pluginRules are the rules of the demonstration of plugins.
//
//go:embed plugins.toml
var pluginRules string

// pluginMails are sent through the milter. The first is encrypted: see mails.
var pluginMails = []mail{
	{"a strict partner over TLS 1.3", "TLSv1.3", "", "anna@example.com", "a@bank.example"},
	{"a strict partner over TLS 1.2 with CBC", "TLSv1.2", "ECDHE-RSA-AES256-SHA", "anna@example.com", "a@bank.example"},
	{"a partner with an old server", "TLSv1", "ECDHE-RSA-AES256-SHA", "anna@example.com", "praxis@dentist.example"},
	{"somebody else with an old server", "TLSv1", "ECDHE-RSA-AES256-SHA", "anna@example.com", "a@example.org"},
	{"plaintext from a domain that we send to with TLS only", "", "", "anna@example.com", "a@www.clinic.example"},
	{"plaintext from a domain with DANE", "", "", "anna@example.com", "a@dane.example"},
	{"plaintext from a domain with MTA-STS", "", "", "anna@example.com", "a@news.example"},
	{"plaintext from a domain of which nothing is known", "", "", "anna@example.com", "a@example.org"},
}

// runPlugins shows the plugins that were built in a directory at work.
func runPlugins(ctx context.Context, program, built string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "tlswarden-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	plugins, err := mtatest.InstallPlugins(built)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plugins.Close()) }()
	certs, err := mtatest.NewCerts()
	if err != nil {
		return err
	}
	lab, err := mtatest.OpenLab(ctx, "postfix", certs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	daemon, err := lab.StartDaemon(ctx, mtatest.DaemonConfig{
		Program: program, Dir: dir, Front: mtatest.FrontMilter, Config: plugins.Config(), Files: map[string]string{"rules.toml": pluginRules},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "A private Postfix %s, tlswarden and three plugins are running on loopback. The rules are:\n\n%s\n", lab.MTA.Version(), indent(pluginRules))
	fmt.Fprintf(out, "The plugins are configured by\n%s\nand look at\n\n%s", indent(plugins.Config()), indent(plugins.Tables()))
	err = pluginSessions(ctx, lab, program, filepath.Join(dir, "tlswarden.toml"), daemon, out)
	err = errors.Join(err, lab.StopDaemon(daemon))
	fmt.Fprintf(out, "\n==== What tlswarden logged\n\n%s\nAll processes are ended and all files are removed.\n", indent(daemon.Log()))
	return err
}

// pluginSessions sends each mail, after telling what plugins say of it.
func pluginSessions(ctx context.Context, lab *mtatest.Lab, program, config string, daemon *mtatest.Daemon, out io.Writer) error {
	address, err := lab.MTA.Address("smtp", mtatest.FrontMilter)
	if err != nil {
		return err
	}
	for _, m := range pluginMails {
		fmt.Fprintf(out, "\n==== %s\n\n", m.title)
		facts, err := explain(ctx, program, config, m)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "    tlswarden explain --plugins says:\n%s\n", indent(facts))
		if err := lab.MTA.Clear(ctx); err != nil {
			return err
		}
		before := len(daemon.Log())
		verdict, err := send(ctx, lab, address, m, out)
		if err != nil {
			return err
		}
		if err := report(ctx, lab, m, verdict, out); err != nil {
			return err
		}
		for line := range strings.Lines(daemon.Log()[before:]) {
			if strings.Contains(line, "msg=decision") {
				fmt.Fprintf(out, "\n    the daemon logs:\n      %s", line)
			}
		}
	}
	return nil
}

// explain has the plugins asked about a mail, and returns what each said.
func explain(ctx context.Context, program, config string, m mail) (string, error) {
	args := []string{"explain", "--config", config, "--plugins", "--client", "127.0.0.1", "--sender", m.sender, "--recipient", m.recipient}
	if m.version == "" {
		args = append(args, "--tls", "false")
	} else {
		args = append(args, "--tls-version", m.version)
	}
	if m.cipher != "" {
		args = append(args, "--cipher", m.cipher)
	}
	text, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("explain: %w\n%s", err, text)
	}
	_, facts, _ := strings.Cut(string(text), "\nplugins\n")
	facts, _, found := strings.Cut(facts, "\nrules\n")
	if !found {
		return "", fmt.Errorf("explain says nothing of plugins:\n%s", text)
	}
	return facts + "\n", nil
}
