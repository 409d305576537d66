// Command gen writes the suite table of package tlsname from data/suites.csv.
// It runs in the folder of that package, by go generate.
//
// # Diagnostics
//
// It is silent when all is well. A file that cannot be read or written, and a
// row that is wrong, end it with a message and status 1, and nothing is written.
package main

import (
	"fmt"
	"io"
	"os"
)

const (
	source = "data/suites.csv"
	target = "zz_suites_gen.go"
)

func main() { os.Exit(run(os.Stderr)) }

func run(stderr io.Writer) int {
	if err := writeTable(); err != nil {
		fmt.Fprintln(stderr, "gen:", err)
		return 1
	}
	return 0
}

func writeTable() error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := generate(in)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	return os.WriteFile(target, out, 0o644)
}
