package setup

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestApplyKeepsAccess shows that a file that is replaced, and its backup, keep mode,
// owner, access control list and attributes, and get no list from their directory.
func TestApplyKeepsAccess(t *testing.T) {
	c := changeOf(t)
	dir := filepath.Dir(c.File)
	list := accessListOf(0o6, 0o4)
	err := errors.Join(syscall.Setxattr(c.File, accessList, list, 0), syscall.Setxattr(c.File, "user.note", []byte("ours"), 0))
	if errors.Is(err, syscall.ENOTSUP) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(c.File, 12345, 23456); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Setxattr(dir, "system.posix_acl_default", accessListOf(0o7, 0o7), 0); err != nil {
		t.Fatal(err)
	}
	was := access(t, c.File)
	saved, err := c.Apply(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{c.File, saved} {
		if is := access(t, file); is != was {
			t.Errorf("%s: %+v, not %+v", file, is, was)
		}
	}
	// One without a list gets none.
	if err := syscall.Removexattr(c.File, accessList); err != nil {
		t.Fatal(err)
	}
	was = access(t, c.File)
	c.Old, c.New = c.New, []byte("newer\n")
	if _, err := c.Apply(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if is := access(t, c.File); is != was || is.list != "" {
		t.Errorf("%+v, not %+v", is, was)
	}
}

// rights are what a file has besides its text.
type rights struct {
	mode       os.FileMode
	uid, gid   uint32
	list, note string
}

func access(t *testing.T, file string) rights {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := attributes(file)
	if err != nil {
		t.Fatal(err)
	}
	sys := info.Sys().(*syscall.Stat_t)
	return rights{info.Mode(), sys.Uid, sys.Gid, all[accessList], all["user.note"]}
}

// accessListOf is an access control list with rights for one user by name, as the
// kernel has it; acl(5), linux/posix_acl_xattr.h.
func accessListOf(named, mask uint16) []byte {
	list := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range [][3]uint32{{0x01, 6, ^uint32(0)}, {0x02, uint32(named), 65534}, {0x04, 4, ^uint32(0)}, {0x10, uint32(mask), ^uint32(0)}, {0x20, 0, ^uint32(0)}} {
		list = binary.LittleEndian.AppendUint16(list, uint16(entry[0]))
		list = binary.LittleEndian.AppendUint16(list, uint16(entry[1]))
		list = binary.LittleEndian.AppendUint32(list, entry[2])
	}
	return list
}
