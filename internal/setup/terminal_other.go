//go:build !linux

package setup

import (
	"errors"
	"os"
)

// openTerminal is for Linux only.
func openTerminal() (ours, theirs *os.File, err error) {
	return nil, nil, errors.ErrUnsupported
}
