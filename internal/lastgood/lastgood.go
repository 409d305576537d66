// Package lastgood keeps a copy of the rules that loaded last, so that a start whose
// rules do not load has rules nevertheless: without any, mail is answered by on_failure
// alone.
//
// After each load that is in order, [Save] a [Of] what was read. When rules do not load
// at the start, [Read] the copy and load it with [Copy.File] as rulefile.Options.Read,
// under the names that the files had: diagnostics and dates are as they were.
//
// # Limits
//
// The copy holds rule files and the files of lists, not tlswarden.toml. It is one file in
// the state directory, readable by the daemon's user, with at most 64 MiB
// (package statefile). The copy of another release is refused.
//
// # Diagnostics
//
// Nothing is logged here. Each error names the file; where there is no copy it is
// fs.ErrNotExist.
package lastgood

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"tlswarden/internal/statefile"
	"tlswarden/rules/rulefile"
)

// fileName is the name of the copy in the state directory.
const fileName = "last-good-rules.json"

// version is that of the form of the file.
const version = 1

// Copy is what was read for a policy.
type Copy struct {
	Version int       `json:"version"`
	Loaded  time.Time `json:"loaded"` // when these rules were in order
	Rules   []string  `json:"rules"`  // the rule files, in their order
	Files   []file    `json:"files"`  // these, and the files of lists
}

type file struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Of is a copy of the files that were read for a policy, of which those with the names
// rules are rule files.
func Of(rules []string, read []rulefile.Source, now time.Time) Copy {
	c := Copy{Version: version, Loaded: now.UTC().Truncate(time.Second), Rules: rules}
	seen := map[string]bool{}
	for _, f := range read {
		if !seen[f.Name] {
			c.Files = append(c.Files, file{f.Name, string(f.Data)})
		}
		seen[f.Name] = true
	}
	return c
}

// File returns the text of a file, as rulefile.Options.Read does.
func (c *Copy) File(name string) ([]byte, error) {
	for _, f := range c.Files {
		if f.Name == name {
			return []byte(f.Text), nil
		}
	}
	return nil, fmt.Errorf("is not in the copy: %w", fs.ErrNotExist)
}

// Save writes a copy into the state directory.
func (c *Copy) Save(dir string) error {
	data, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		return err
	}
	return statefile.Write(dir, fileName, append(data, '\n'))
}

// Read reads the copy in the state directory.
func Read(dir string) (Copy, error) {
	data, err := statefile.Read(dir, fileName)
	if err != nil {
		return Copy{}, err
	}
	var c Copy
	if err := json.Unmarshal(data, &c); err != nil {
		return Copy{}, fmt.Errorf("%s: %w", filepath.Join(dir, fileName), err)
	}
	if c.Version != version {
		return Copy{}, fmt.Errorf("%s: version %d, of another release of tlswarden; this one reads version %d", filepath.Join(dir, fileName), c.Version, version)
	}
	return c, nil
}
