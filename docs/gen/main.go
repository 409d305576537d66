// Command gen writes the reference page of rule files, docs/reference.md: from
// the catalogue of fields, the built-in profiles, and the descriptions of keys
// that stand here.
//
//	go run ./docs/gen [FILE]
//
// # Diagnostics
//
// It is silent when all is well. If the file cannot be written it says so and
// ends with status 1. Its tests fail if the page is not up to date, and if a key
// of rule files is not described or one is described that does not exist.
package main

import (
	"fmt"
	"io"
	"os"
)

const page = "docs/reference.md"

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	target := page
	if len(args) > 0 {
		target = args[0]
	}
	if err := os.WriteFile(target, []byte(reference()), 0o644); err != nil {
		fmt.Fprintln(stderr, "gen:", err)
		return 1
	}
	return 0
}
