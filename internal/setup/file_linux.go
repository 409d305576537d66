package setup

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// keepAttributes gives a file the extended attributes of another that say who may do
// what with it, and those of users; xattr(7). A list that it got from its directory
// goes. What cannot be set is an error: else somebody could not read it any more.
func keepAttributes(from, to string) error {
	want, err := attributes(from)
	if err != nil {
		return err
	}
	have, err := attributes(to)
	if err != nil {
		return err
	}
	if _, ok := have[accessList]; ok && want[accessList] == "" {
		err = syscall.Removexattr(to, accessList)
	}
	for name, value := range want {
		if have[name] == value {
			continue
		}
		if set := syscall.Setxattr(to, name, []byte(value), 0); set != nil {
			err = errors.Join(err, fmt.Errorf("attribute %s of %s: %w", name, to, set))
		}
	}
	return err
}

const accessList = "system.posix_acl_access"

// attributes are those of a file that are to be kept: none, where the file system
// has no such thing.
func attributes(file string) (map[string]string, error) {
	names := make([]byte, 64<<10) // XATTR_LIST_MAX
	n, err := syscall.Listxattr(file, names)
	if errors.Is(err, syscall.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("attributes of %s: %w", file, err)
	}
	out := map[string]string{}
	for name := range strings.SplitSeq(string(names[:n]), "\x00") {
		if name != accessList && name != "security.selinux" && !strings.HasPrefix(name, "user.") {
			continue
		}
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX
		n, err := syscall.Getxattr(file, name, value)
		if err != nil {
			return nil, fmt.Errorf("attribute %s of %s: %w", name, file, err)
		}
		out[name] = string(value[:n])
	}
	return out, nil
}
