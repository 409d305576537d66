package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"tlswarden/internal/tomlfile"
)

// tell is the change of the configuration after which the listen entries of a front
// end for these addresses have the keys that a mail server tells. Where the file
// cannot be changed so, a note has what to write.
func (a Addresses) tell(server, front string, at []Address, keys []key) (*Change, error) {
	c := &Change{File: a.File, Next: []string{"a restart of tlswarden, such as systemctl restart tlswarden"}}
	if len(at) == 0 {
		return c, nil
	}
	file, err := filepath.EvalSymlinks(a.File)
	if errors.Is(err, fs.ErrNotExist) {
		c.Notes = a.lacking(server, front, at, keys)
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	c.File = file
	if c.Old, err = tomlfile.ReadFile(file); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	root, found := tomlfile.Parse(a.File, c.Old)
	if root == nil {
		return nil, errors.New(found[0].String())
	}
	c.New = c.Old
	entries := listenEntries(root, front)
	if entries == nil {
		c.Notes = a.lacking(server, front, at, keys)
		return c, nil
	}
	entries = slices.DeleteFunc(entries, func(e tomlfile.Element) bool { return !slices.ContainsFunc(at, a.entryAddress(e).same) })
	c.Notes = whys(entries, keys)
	next, err := fillIn(c.Old, root, front, entries, keys)
	if err != nil {
		c.Notes = append(c.Notes, fmt.Sprintf("%s is left as it is, for %v; write by hand, into each entry of [%s] that %s asks: %s", a.File, err, front, server, written(keys)))
		return c, nil
	}
	c.New = next
	return c, nil
}

// lacking is a note of the whole tables that are to be written, where the
// configuration has none and the built-in addresses are in force.
func (a Addresses) lacking(server, front string, at []Address, keys []key) []string {
	if written(keys) == "" {
		return nil
	}
	lines := []string{fmt.Sprintf("%s names no addresses; write there, so that tlswarden reads addresses as %s does:", a.File, server)}
	for _, f := range []string{Milter, Policy} {
		var entries []string
		for _, address := range a.of(f) {
			entry := literal(address.String())
			if f == front && slices.ContainsFunc(at, address.same) {
				entry = inlineTable(entry, keys)
			}
			entries = append(entries, entry)
		}
		lines = append(lines, "["+f+"]", "listen = ["+strings.Join(entries, ", ")+"]")
	}
	return []string{strings.Join(lines, "\n  ")}
}

// inlineTable is the entry that a string becomes.
func inlineTable(address string, keys []key) string {
	return "{ address = " + address + ", " + written(keys) + " }"
}

// listenEntries are the entries of a front end's listen, as the daemon reads them.
func listenEntries(root *tomlfile.Table, front string) tomlfile.Array {
	e, _ := root.Get(front)
	table, ok := e.Value.(*tomlfile.Table)
	if !ok {
		return nil
	}
	list, _ := tomlfile.Read(table, "", &tomlfile.Diagnostics{}).List("listen")
	return slices.Clone(list)
}

// entryAddress is where an entry listens.
func (a Addresses) entryAddress(e tomlfile.Element) Address {
	written, _ := e.Value.(string)
	if table, ok := e.Value.(*tomlfile.Table); ok {
		address, _ := table.Get("address")
		written, _ = address.Value.(string)
	}
	address, _ := ParseAddress(written)
	if address.Path != "" && !filepath.IsAbs(address.Path) {
		address.Path = filepath.Join(filepath.Dir(a.File), address.Path)
	}
	return address
}

// whys are the notes of keys that have no value, in the mail server or in an entry.
func whys(entries tomlfile.Array, keys []key) []string {
	var out []string
	for _, k := range keys {
		lacks := func(e tomlfile.Element) bool {
			table, ok := e.Value.(*tomlfile.Table)
			if ok {
				_, ok = table.Get(k.name)
			}
			return !ok
		}
		if k.value == nil && k.why != "" && slices.ContainsFunc(entries, lacks) {
			out = append(out, k.why)
		}
	}
	return out
}
