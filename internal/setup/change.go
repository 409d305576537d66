package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Change is what is to become of one configuration file. Nothing is done before
// Apply.
type Change struct {
	File     string   // it is no link
	Old, New []byte   // the same if there is nothing to do
	Notes    []string // what is worth knowing
	Left     []string // what asks tlswarden, and is not changed by this
	Next     []string // the commands that make it take effect

	asked []question                                    // must answer: until they do, mail would be deferred
	try   func(ctx context.Context, draft string) error // looks at the new file before it gets its name
	check func(ctx context.Context) error               // looks at it when it has
}

// Needed says whether there is anything to do.
func (c *Change) Needed() bool { return !bytes.Equal(c.Old, c.New) }

// Answers is an error if nothing answers at an address that the mail server would
// ask.
func (c *Change) Answers(ctx context.Context) error {
	for _, q := range c.asked {
		if err := q.answers(ctx, startFor); err != nil {
			return err
		}
	}
	return nil
}

// Apply makes the change, and returns the name of the backup. The error says why it
// is not made: the file is as it was then, and there is no backup. Only if it could
// not be restored the name of the backup comes with an error.
func (c *Change) Apply(ctx context.Context, now time.Time) (string, error) {
	if err := c.Answers(ctx); errors.Is(err, fs.ErrPermission) {
		return "", err
	} else if err != nil {
		return "", fmt.Errorf("%w: start tlswarden first, as mail would be deferred", err)
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return "", err
	}
	next, err := draft(c.File, c.New, info)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(next) }() // it is not there any more if all went well
	if c.try != nil {
		if err := c.try(ctx, next); err != nil {
			return "", fmt.Errorf("%w; %s is as it was", err, c.File)
		}
	}
	saved, err := backup(c.File, c.Old, info, now)
	if err != nil {
		return "", err
	}
	if err := c.replace(next); err != nil {
		return "", errors.Join(err, os.Remove(saved))
	}
	if c.check == nil {
		return saved, nil
	}
	if err := c.check(ctx); err != nil {
		return c.restore(saved, err)
	}
	return saved, nil
}

// Apply makes changes, all or none, and returns the names of the backups, as
// Change.Apply does for one.
func Apply(ctx context.Context, changes []*Change, now time.Time) ([]string, error) {
	var saved []string
	for i, c := range changes {
		name, err := c.Apply(ctx, now)
		if err == nil {
			saved = append(saved, name)
			continue
		}
		for i--; i >= 0; i-- {
			_, err = changes[i].restore(saved[i], err)
		}
		return nil, err
	}
	return saved, nil
}

// replace gives the draft its name, unless the file was changed meanwhile.
func (c *Change) replace(draft string) error {
	if now, err := os.ReadFile(c.File); err != nil {
		return err
	} else if !bytes.Equal(now, c.Old) {
		return fmt.Errorf("%s was changed by somebody else meanwhile: try again", c.File)
	}
	if err := os.Rename(draft, c.File); err != nil {
		return err
	}
	syncDir(c.File)
	return nil
}

// restore gives the backup the file's name, because of the error why.
func (c *Change) restore(saved string, why error) (string, error) {
	if err := os.Rename(saved, c.File); err != nil {
		return saved, fmt.Errorf("%w; and it could not be undone: %w; what %s was is in %s", why, err, c.File, saved)
	}
	syncDir(c.File)
	return "", fmt.Errorf("%w; %s is as it was", why, c.File)
}

// syncDir makes a change of names outlast a crash, where the system can do that.
func syncDir(file string) {
	if d, err := os.Open(filepath.Dir(file)); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
