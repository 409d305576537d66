package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tlswarden/plugins"
)

// The defaults of Config.
const (
	DefaultTimeout     = 2 * time.Second
	DefaultConcurrency = 100
	DefaultCacheSize   = 10_000
)

// Config is one plugin as the admin configures it.
type Config struct {
	Name        string            // as rules say: plugin.NAME.KEY
	Path        string            // of the program, absolute
	Args        []string          // of the program
	SHA256      string            // of the program, hexadecimal; "": not pinned
	Env         map[string]string // besides PATH and LANG
	MTLS        bool              // encrypt and authenticate the socket, with certificates made anew at each start
	Timeout     time.Duration     // of one call; 0: DefaultTimeout
	Concurrency int               // calls at once, more are not made; 0: DefaultConcurrency
	CacheSize   int               // answers kept; 0: DefaultCacheSize
	Settings    []byte            // the plugin's own table as a JSON object
}

// Options are what all plugins share.
type Options struct {
	Log *slog.Logger     // nil: nothing is logged
	Dir string           // for sockets, made with mode 0700 if it is not there; "": a temporary one
	Now func() time.Time // the clock by which answers expire; nil: time.Now
}

// check says why a configuration can never work, and sets what was left out.
func (c *Config) check() error {
	if !plugins.ValidKey(c.Name) {
		return fmt.Errorf("%q is no name of a plugin: lower-case letters, digits and \"_\" are, beginning with a letter", c.Name)
	}
	if !filepath.IsAbs(c.Path) {
		return fmt.Errorf("plugin %s: %q is no absolute path", c.Name, c.Path)
	}
	if sum, err := hex.DecodeString(c.SHA256); err != nil || len(sum) != sha256.Size && c.SHA256 != "" {
		return fmt.Errorf("plugin %s: %q is no SHA-256 checksum of 64 hexadecimal digits", c.Name, c.SHA256)
	}
	for name, value := range c.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") ||
			strings.HasPrefix(name, "PLUGIN_") || strings.HasPrefix(name, "TLSWARDEN_") {
			return fmt.Errorf("plugin %s: the environment variable %q cannot be set", c.Name, name)
		}
	}
	if c.Timeout < 0 || c.Concurrency < 0 || c.CacheSize < 0 {
		return fmt.Errorf("plugin %s: timeout, concurrency and cache size are above 0", c.Name)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.CacheSize == 0 {
		c.CacheSize = DefaultCacheSize
	}
	return nil
}

// environment is all that the program gets, but for what go-plugin adds. Nothing of
// the daemon's own goes there: it may hold secrets and the service manager's
// sockets.
func (c *Config) environment() []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	for name, value := range c.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// program finds the program and says why it must not be run. The path that is
// returned has no symbolic links.
func (c *Config) program() (string, error) {
	path, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return "", fmt.Errorf("%s is not an executable file", path)
	}
	for _, p := range []string{path, filepath.Clean(c.Path)} {
		if err := safe(p); err != nil {
			return "", err
		}
	}
	return path, c.checksum(path)
}

// safe says whether someone other than root and the daemon's own user could put
// another program into a path, like sshd of its users' files (auth.c, safe_path).
// In a directory with the sticky bit nobody can replace what is another's.
func safe(path string) error {
	for p := path; ; p = filepath.Dir(p) {
		info, err := os.Lstat(p)
		if err != nil {
			return err
		}
		mode := info.Mode()
		if mode&0o022 != 0 && mode&(fs.ModeSymlink|fs.ModeSticky) == 0 {
			return fmt.Errorf("%s can be written by others (mode %04o)", p, mode.Perm())
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
			return fmt.Errorf("%s belongs to another user (uid %d)", p, st.Uid)
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}

// checksum compares the program with the checksum that is pinned.
func (c *Config) checksum(path string) error {
	if c.SHA256 == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != strings.ToLower(c.SHA256) {
		return fmt.Errorf("the checksum of %s is %s, not the pinned %s", path, sum, strings.ToLower(c.SHA256))
	}
	return nil
}

// maxDir is the longest path of the socket directory: the path of a socket has at
// most 107 octets (unix(7)), of which go-plugin takes up to 38.
const maxDir = 69

// directory makes the directory for sockets. If it is a temporary one, the daemon
// removes it at its end.
func (o *Options) directory() (dir string, temporary bool, err error) {
	if o.Dir == "" {
		dir, err = os.MkdirTemp("", "tlswarden-")
		return dir, true, err
	}
	if len(o.Dir) > maxDir {
		return "", false, fmt.Errorf("the directory %s for the sockets of plugins has more than %d octets", o.Dir, maxDir)
	}
	err = os.Mkdir(o.Dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = os.Chmod(o.Dir, 0o700)
	}
	return o.Dir, false, err
}
