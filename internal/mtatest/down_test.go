package mtatest

import (
	"testing"

	"tlswarden/internal/testkit"
)

// TestDaemonDown shows what the shipped lines make of mail while tlswarden is
// not running: it is deferred, by every server and front end, and not lost.
func TestDaemonDown(t *testing.T) {
	certs, err := NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range servers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			lab := openLab(t, server, certs)
			fronts := []string{FrontMilter}
			if server == "postfix" {
				fronts = append(fronts, FrontPolicy, FrontBoth)
			}
			for _, front := range fronts {
				t.Run(front, func(t *testing.T) { deferred(t, lab, front) })
			}
		})
	}
}

func deferred(t *testing.T, lab *Lab, front string) {
	ctx := testkit.Context(t)
	address, err := lab.MTA.Address("smtp", front)
	if err != nil {
		t.Fatal(err)
	}
	client, err := Dial(ctx, address, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	reply, err := client.Greeting()
	for _, line := range []string{"EHLO client.example.org", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.com>"} {
		if err == nil && reply.Positive() {
			reply, err = client.Command(line)
		}
	}
	if err != nil || reply.Code/100 != 4 {
		t.Errorf("the last reply is %v (%v), want one of class 4", reply, err)
	}
	delivered, err := lab.MTA.Delivered(ctx)
	if err != nil || len(delivered) > 0 {
		t.Errorf("delivered: %v %v", delivered, err)
	}
}
