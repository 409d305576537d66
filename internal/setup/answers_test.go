package setup

import (
	"bufio"
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/testkit"
)

// TestAnswers shows what is taken for a front end that is alive. One that only
// accepts, as systemd does for a daemon that cannot start, is not.
func TestAnswers(t *testing.T) {
	const options = "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00"
	for name, test := range map[string]struct {
		front, answer string
		want          string // in the error, "" for none
	}{
		"milter":          {Milter, options, ""},
		"policy":          {Policy, "action=DUNNO\n\n", ""},
		"other milter":    {Milter, "220 mail ESMTP\r\n", "is no milter"},
		"other policy":    {Policy, "HTTP/1.1 400\r\n", "is no policy service"},
		"closes":          {Milter, "", "nothing answers at unix:"},
		"says nothing":    {Policy, "wait", "nothing answers at unix:"},
		"milter for both": {Policy, options, "is no policy service"},
	} {
		path := filepath.Join(t.TempDir(), "s")
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				if _, err := bufio.NewReader(c).ReadByte(); err == nil && test.answer != "wait" {
					_, _ = c.Write([]byte(test.answer)) // the other end sees whether it came
					_ = c.Close()
				}
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		if test.answer == "wait" {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		}
		err = question{Address{Path: path}, test.front}.answers(ctx, startFor)
		cancel()
		_ = ln.Close()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
