// Mutants changes decisions of the program, one at a time, as mutants.txt lists them,
// runs the tests that should notice, and prints each change that none of them does.
//
//	go run ./internal/mutants [REGEXP]
//
// It runs in the root of the tree, which it copies: nothing is changed there. With a
// regular expression it tries only what matches by file or description. Tests get five
// minutes, which ends those that a change keeps from ending.
//
// # Diagnostics
//
// A line says of each change that it was killed, or SURVIVED. A change that does not
// fit the source any more, or does not compile, is an error. The exit code is 0 if all
// were killed, and else 1.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 1 {
		return errors.New("usage: mutants [REGEXP]")
	}
	wanted, err := regexp.Compile(strings.Join(args, ""))
	if err != nil {
		return err
	}
	all, err := parse(table)
	if err != nil {
		return err
	}
	tree, err := os.MkdirTemp("", "tlswarden-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	if err := copyTree(tree); err != nil {
		return err
	}
	wrong := 0
	for _, m := range all {
		if !wanted.MatchString(m.String()) {
			continue
		}
		began := time.Now()
		said := try(tree, m)
		if said != killed {
			wrong++
		}
		fmt.Printf("%-8s %s (%.0f s)\n", said, m, time.Since(began).Seconds())
	}
	if wrong > 0 {
		return fmt.Errorf("%d changes were not killed", wrong)
	}
	return nil
}

const killed = "killed"

// try makes a change in a copy of the tree, runs the tests, and takes it back.
func try(tree string, m mutant) string {
	path := filepath.Join(tree, m.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	changed, err := m.apply(string(text))
	if err != nil {
		return err.Error()
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return err.Error()
	}
	defer func() { _ = os.WriteFile(path, text, 0o644) }() // the next one to change it tells
	if out, err := command(tree, "build", "./"+filepath.Dir(m.file)); err != nil {
		return "DOES NOT COMPILE: " + out + "\n"
	}
	for _, packages := range m.tests() {
		if _, err := command(tree, append([]string{"test", "-vet=off", "-failfast", "-timeout=5m"}, packages...)...); err != nil {
			return killed
		}
	}
	return "SURVIVED"
}

func command(tree string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = tree
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// copyTree copies what tests need of the tree.
func copyTree(to string) error {
	return filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || path == "build") {
			return fs.SkipDir
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, path), 0o755)
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), text, info.Mode().Perm())
	})
}
