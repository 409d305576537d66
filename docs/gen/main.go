// Command gen writes the reference page, docs/reference.md, and the manual pages
// tlswarden.rules(5) and tlswarden.toml(5) in docs/man: from the catalogue of fields,
// the built-in profiles, and the descriptions of keys that stand here. What the manual
// pages say besides stands in their sources, which have ".in" after their names.
//
//	go run ./docs/gen [DIRECTORY]
//
// The directory is that of the documentation, by default docs.
//
// # Diagnostics
//
// It is silent when all is well. If a file cannot be read or written it says so and
// ends with status 1. Its tests fail if a page is not up to date, and if a key
// of rule files or of the configuration is not described or one is described that
// does not exist.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	dir := "docs"
	if len(args) > 0 {
		dir = args[0]
	}
	if err := write(dir); err != nil {
		fmt.Fprintln(stderr, "gen:", err)
		return 1
	}
	return 0
}

// write writes all pages.
func write(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "reference.md"), []byte(reference()), 0o644); err != nil {
		return err
	}
	for _, name := range manuals {
		page := filepath.Join(dir, "man", name)
		text, err := manualPage(page + ".in")
		if err != nil {
			return err
		}
		if err := os.WriteFile(page, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
