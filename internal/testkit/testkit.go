// Package testkit holds what tests share: the one way in which they wait.
//
// A test fails because the program is wrong, and never because the machine is slow.
// So a test waits for a condition, not for a time, and the bound of each wait is
// reached only by a program that hangs.
//
// # Limits
//
// A test that needs more than ten minutes, the limit of go test, is run with
// -timeout, as the Makefile does.
//
// # Diagnostics
//
// Until fails the test with what it waited for.
package testkit

import (
	"context"
	"os"
	"testing"
	"time"
)

// Patience bounds each wait for what must come.
const Patience = 5 * time.Minute

// Await waits until a condition holds, and reports whether it does. It looks at once,
// and then ever less often.
func Await(holds func() bool) bool {
	end, pause := time.Now().Add(Patience), time.Millisecond
	for !holds() {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
	return true
}

// Until waits until a condition holds. If it never does, it ends the test with the
// text, which says what was waited for.
func Until(t testing.TB, holds func() bool, format string, args ...any) {
	t.Helper()
	if !Await(holds) {
		t.Fatalf("this never came about: "+format, args...)
	}
}

// Context is the test's context with the bound of a wait.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// File waits until a file is there, and returns what it holds.
func File(t testing.TB, path string) string {
	t.Helper()
	var text []byte
	Until(t, func() bool {
		var err error
		text, err = os.ReadFile(path)
		return err == nil
	}, "%s is there", path)
	return string(text)
}
