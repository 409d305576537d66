package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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
	Env         map[string]string // besides PATH, LANG and TZ
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

// environment is all that the program gets, but for what go-plugin adds. Of the
// daemon's own, which may hold secrets and the service manager's sockets, only TZ goes
// there: a date in a table begins at the same moment as one in a rule.
func (c *Config) environment() []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	if zone, ok := os.LookupEnv("TZ"); ok {
		env = append(env, "TZ="+zone)
	}
	for name, value := range c.Env {
		env = append(env, name+"="+value)
	}
	return env
}
