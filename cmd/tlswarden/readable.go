package main

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules/rulefile"
)

// daemonUser is as whom the packages have the daemon run.
const daemonUser = "tlswarden"

// addUnreadable adds the files that root has read for a check and that the daemon could
// not, to what was found. Only root can tell, and only where the daemon's user is there.
// Of the configuration that the packages' daemon reads it is an error.
func addUnreadable(config string, read []rulefile.Source, found *tomlfile.Diagnostics) {
	u, err := user.Lookup(daemonUser)
	if os.Geteuid() != 0 || err != nil {
		return
	}
	names := []string{config}
	for _, f := range read {
		if f.Name != "" {
			names = append(names, f.Name)
		}
	}
	say := found.Warnf
	if path, err := filepath.Abs(config); err == nil && path == defaultConfig {
		say = found.Errorf
	}
	for _, name := range unreadable(u, names) {
		say(tomlfile.Pos{File: name}, "type chgrp "+daemonUser+" "+name+" && chmod g+r "+name+", and see that it may search the directories above",
			"the user %s, as whom the daemon runs, cannot read this file", daemonUser)
	}
}

// unreadable are those of the files that a user cannot read, by the kernel's own word:
// modes alone do not tell of access control lists.
func unreadable(u *user.User, names []string) []string {
	groups, err := u.GroupIds()
	if err != nil {
		return nil
	}
	number := func(id string) uint32 {
		n, _ := strconv.ParseUint(id, 10, 32) // the system's own numbers
		return uint32(n)
	}
	as := &syscall.Credential{Uid: number(u.Uid), Gid: number(u.Gid)}
	for _, g := range groups {
		as.Groups = append(as.Groups, number(g))
	}
	// A relative name must be found from here, whatever the shell may enter.
	for i, name := range names {
		if path, err := filepath.Abs(name); err == nil {
			names[i] = path
		}
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", `for f; do [ -r "$f" ] || printf '%s\0' "$f"; done`, "sh"}, names...)...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(out), func(c rune) bool { return c == 0 })
}
