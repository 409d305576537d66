package mtatest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Domain is the domain that the servers under test deliver mail for.
const Domain = "example.com"

// Message is a delivered message.
type Message struct {
	// Raw is the file as the server wrote it.
	Raw string
	// Header holds its header fields, unfolded, from the top.
	Header []HeaderField
}

// HeaderField is one header field. Its value has no line breaks and no blanks at its ends.
type HeaderField struct{ Name, Value string }

// Values returns the values of all header fields of that name, from the top.
func (m Message) Values(name string) []string {
	var values []string
	for _, field := range m.Header {
		if strings.EqualFold(field.Name, name) {
			values = append(values, field.Value)
		}
	}
	return values
}

// AboveReceived says whether the topmost field of that name stands above all Received fields.
func (m Message) AboveReceived(name string) bool {
	for _, field := range m.Header {
		switch {
		case strings.EqualFold(field.Name, name):
			return true
		case strings.EqualFold(field.Name, "Received"):
			return false
		}
	}
	return false
}

// parseMessage splits off the header of a message. It stops at the first line
// that is no header field (RFC 5322 section 2.2).
func parseMessage(raw string) Message {
	message := Message{Raw: raw}
	for line := range strings.Lines(raw) {
		line = strings.TrimRight(line, "\r\n")
		if last := len(message.Header) - 1; last >= 0 && strings.TrimLeft(line, " \t") != line {
			folded := message.Header[last].Value + " " + strings.TrimSpace(line)
			message.Header[last].Value = strings.TrimSpace(folded)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			break
		}
		message.Header = append(message.Header, HeaderField{name, strings.TrimSpace(value)})
	}
	return message
}

// nobody is the user that owns the delivered mail. Neither server delivers as root.
const nobody = 65534

// mailbox is a directory with one subdirectory for each local part, in which
// "new" holds a file for each message, as in a Maildir.
type mailbox string

// read returns the messages by recipient.
func (m mailbox) read() (map[string][]Message, error) {
	paths, err := filepath.Glob(filepath.Join(string(m), "*", "new", "*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	delivered := map[string][]Message{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		recipient := filepath.Base(filepath.Dir(filepath.Dir(path))) + "@" + Domain
		delivered[recipient] = append(delivered[recipient], parseMessage(string(raw)))
	}
	return delivered, nil
}

// writeDeliver writes the program that both servers deliver with: it takes a
// local part as its argument and a message on its input.
func (m mailbox) writeDeliver(path string) error {
	script := `#!/bin/sh
set -eu
umask 022
mkdir -p "` + string(m) + `/$1/tmp" "` + string(m) + `/$1/new"
cd "` + string(m) + `/$1"
name=$(date +%s%N).$$
cat >"tmp/$name"
mv "tmp/$name" "new/$name"
`
	return os.WriteFile(path, []byte(script), 0o755)
}

func (m mailbox) clear() error { return emptyDirectory(string(m)) }

// emptyDirectory removes what is in dir, but not dir.
func emptyDirectory(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// filesBelow lists the names of regular files below the directories. Files
// and directories that go away meanwhile are no error: queues change while they are read.
func filesBelow(dirs ...string) ([]string, error) {
	var names []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case entry.Type().IsRegular():
				names = append(names, entry.Name())
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// logSince returns what stands in the file beyond offset. A file that is not there is empty.
func logSince(path string, offset int64) string {
	data, err := os.ReadFile(path)
	if err != nil || int64(len(data)) < offset {
		return ""
	}
	return string(data[offset:])
}

// fileSize returns the size of a file, 0 if it is not there.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
