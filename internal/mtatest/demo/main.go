// Demo shows tlswarden at work behind a real Postfix: it starts both privately
// on loopback, sends mail in plaintext and under TLS 1.0, 1.2 and 1.3 through the
// milter and through the policy service, prints the dialogues, the verdicts and
// the delivered headers, and removes all that it started.
//
//	go run ./internal/mtatest/demo PROGRAM
//
// With the directory of the built plugins it shows those at work instead: what each
// says of a mail, and what becomes of that. No other network is asked.
//
//	go run ./internal/mtatest/demo PROGRAM PLUGINS
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"tlswarden/internal/mtatest"
)

// rules are the rules of the demonstration.
//
//go:embed rules.toml
var rules string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	switch len(os.Args) {
	case 2:
		err = run(ctx, os.Args[1], os.Stdout)
	case 3:
		err = runPlugins(ctx, os.Args[1], os.Args[2], os.Stdout)
	default:
		fmt.Fprintln(os.Stderr, "demo: usage: demo PROGRAM [PLUGINS]")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// mail is one session of the demonstration.
type mail struct {
	title     string
	version   string // of TLS, "" for plaintext
	cipher    string
	recipient string
	sender    string
}

// mails begin with TLS: until an encrypted session was seen on a listener, a
// reject of plaintext is a defer, for the listener's own STARTTLS may be broken.
var mails = []mail{
	{"TLS 1.3", "TLSv1.3", "", "anna@example.com", "sender@example.org"},
	{"TLS 1.2", "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "anna@example.com", "sender@example.org"},
	{"TLS 1.0", "TLSv1", "ECDHE-RSA-AES256-SHA", "anna@example.com", "sender@example.org"},
	{"plaintext", "", "", "anna@example.com", "sender@example.org"},
	{"plaintext to the legal department", "", "", "legal@example.com", "sender@example.org"},
}

func run(ctx context.Context, program string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "tlswarden-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
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
		Program: program, Dir: dir, Front: mtatest.FrontBoth, Files: map[string]string{"rules.toml": rules},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "A private Postfix %s and tlswarden are running on loopback. The rules are:\n\n%s", lab.MTA.Version(), indent(rules))
	err = sessions(ctx, lab, out)
	err = errors.Join(err, lab.StopDaemon(daemon))
	fmt.Fprintf(out, "\n==== What tlswarden logged\n\n%s\nAll processes are ended and all files are removed.\n", indent(daemon.Log()))
	return err
}

// sessions sends each mail through each front end.
func sessions(ctx context.Context, lab *mtatest.Lab, out io.Writer) error {
	for _, front := range []string{mtatest.FrontMilter, mtatest.FrontPolicy} {
		address, err := lab.MTA.Address("smtp", front)
		if err != nil {
			return err
		}
		for _, m := range mails {
			fmt.Fprintf(out, "\n==== %s, through the %s\n\n", m.title, frontName(front))
			if err := lab.MTA.Clear(ctx); err != nil {
				return err
			}
			verdict, err := send(ctx, lab, address, m, out)
			if err != nil {
				return err
			}
			if err := report(ctx, lab, m, verdict, out); err != nil {
				return err
			}
		}
	}
	return nil
}

func frontName(front string) string {
	if front == mtatest.FrontPolicy {
		return "policy service"
	}
	return front
}

// send holds one SMTP session and returns the reply that decided it.
func send(ctx context.Context, lab *mtatest.Lab, address string, m mail, out io.Writer) (mtatest.Reply, error) {
	var last mtatest.Reply
	client, err := mtatest.Dial(ctx, address, func(line string) {
		if !strings.HasPrefix(line, "S: 250-") || strings.HasSuffix(line, "STARTTLS") { // of the list of extensions, only this
			fmt.Fprintln(out, "    "+line)
		}
	})
	if err != nil {
		return last, err
	}
	defer client.Close()
	steps := []func() (mtatest.Reply, error){client.Greeting}
	command := func(line string) {
		steps = append(steps, func() (mtatest.Reply, error) { return client.Command(line) })
	}
	command("EHLO client.example.org")
	if m.version != "" {
		config, err := mtatest.TLSOptions{Version: m.version, Cipher: m.cipher}.Config(lab.Certs)
		if err != nil {
			return last, err
		}
		steps = append(steps, func() (mtatest.Reply, error) { return client.StartTLS(config) })
		command("EHLO client.example.org")
	}
	command("MAIL FROM:<" + m.sender + ">")
	command("RCPT TO:<" + m.recipient + ">")
	steps = append(steps, func() (mtatest.Reply, error) {
		return client.Data("From: " + m.sender + "\nTo: " + m.recipient + "\nSubject: " + m.title + "\n\nHello.\n")
	})
	for _, step := range steps {
		if last, err = step(); err != nil {
			return last, err
		}
		if !last.Positive() {
			break
		}
	}
	_, err = client.Command("QUIT")
	return last, err
}

// report says what became of the mail.
func report(ctx context.Context, lab *mtatest.Lab, m mail, verdict mtatest.Reply, out io.Writer) error {
	delivered, err := lab.MTA.Delivered(ctx)
	if err != nil {
		return err
	}
	messages := delivered[m.recipient]
	switch {
	case verdict.Code >= 500:
		fmt.Fprintln(out, "\n    => rejected: the sender gets the text above in a bounce")
	case verdict.Code >= 400:
		fmt.Fprintln(out, "\n    => deferred: the sender's server tries again later")
	case len(messages) == 0:
		return errors.New("the mail was accepted and not delivered")
	default:
		fmt.Fprintln(out, "\n    => delivered, with these fields at the top of its header:")
		for _, field := range topFields(messages[0]) {
			fmt.Fprintf(out, "       %s: %s\n", field.Name, field.Value)
		}
	}
	return nil
}

// topFields are the fields up to the MTA's own Received, and that one shortened.
func topFields(m mtatest.Message) []mtatest.HeaderField {
	var top []mtatest.HeaderField
	for _, field := range m.Header {
		if field.Name == "Received" {
			head, _, _ := strings.Cut(field.Value, " by ")
			return append(top, mtatest.HeaderField{Name: field.Name, Value: head + " ..."})
		}
		top = append(top, field)
	}
	return top
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}
