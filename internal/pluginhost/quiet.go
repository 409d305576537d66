package pluginhost

import "github.com/hashicorp/go-hclog"

// quiet is the logger of go-plugin: it says nothing. What it would say is in the
// errors that it returns, or is logged by the supervisor. Its level must be Off for
// loggers made from it, too: go-plugin then does not read entries of plugins (see
// [process]).
type quiet struct{ hclog.Logger }

func newQuiet() hclog.Logger { return quiet{hclog.NewNullLogger()} }

// GetLevel is Off.
func (quiet) GetLevel() hclog.Level { return hclog.Off }

// Named is the same.
func (q quiet) Named(string) hclog.Logger { return q }

// ResetNamed is the same.
func (q quiet) ResetNamed(string) hclog.Logger { return q }

// With is the same.
func (q quiet) With(...any) hclog.Logger { return q }
