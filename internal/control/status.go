package control

import (
	"time"

	"tlswarden/internal/tomlfile"
)

// Status is what a daemon tells of itself. Members are added over time and never renamed.
type Status struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Config  string    `json:"config"` // the name of tlswarden.toml, "" for the built-in configuration

	Enforce   string `json:"enforce"`
	OnFailure string `json:"on_failure"`

	Policy   *Policy   `json:"policy"`   // nil: no rules are in place
	Reload   *Reload   `json:"reload"`   // the latest, nil if there was none
	Fronts   []Front   `json:"fronts"`   // an element for each address that is listened on
	Plugins  []Plugin  `json:"plugins"`  // in the order of the configuration
	Catches  []Catch   `json:"catches"`  // where a reject is a deferral as our own STARTTLS may be broken
	Findings []Finding `json:"findings"` // what is not as it should be, the worst first
}

// Policy tells of the rules in place.
type Policy struct {
	Rules    int        `json:"rules"` // how many, the built-in rule included
	Since    time.Time  `json:"since"`
	Hash     string     `json:"hash"`     // of the files that they were read from (rulefile.Hash)
	LastGood *time.Time `json:"lastGood"` // they are the copy of what was in order then, as the files did not load
	Differs  []string   `json:"differs"`  // the files that are not what the rules were read from any more
}

// Reload tells of an attempt to put the files' rules in place.
type Reload struct {
	At      time.Time            `json:"at"`
	OK      bool                 `json:"ok"`      // false: the policy that ran before goes on
	Message string               `json:"message"` // what became of it, without a full stop
	Found   tomlfile.Diagnostics `json:"found"`   // in the configuration and the rules
}

// Front tells of an address at which a front end listens.
type Front struct {
	Front   string     `json:"front"`   // "milter" or "policy"
	Address string     `json:"address"` // as in the configuration
	Open    int        `json:"open"`    // connections
	Last    *time.Time `json:"last"`    // the latest answer, nil if there was none since the start
}

// Plugin tells of a plugin.
type Plugin struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Error    string `json:"error"` // why it does not work, "" if it does
	Restarts uint64 `json:"restarts"`
	Calls    uint64 `json:"calls"`
	Failures uint64 `json:"failures"`
}

// Catch is an address of the mail server where no encrypted session was seen within 24
// hours, or none with a client certificate.
type Catch struct {
	Server  string    `json:"server"`  // address and port, with the name of the host if it is known
	Clients string    `json:"clients"` // "loopback", "private" or "public"
	Lacks   string    `json:"lacks"`   // "tls" or "cert"
	Since   time.Time `json:"since"`   // when a reject was last found to be a deferral for this
}

// Level is how bad a finding is. It is the exit code of tlswarden status.
type Level int

// The levels, which are those of monitoring plugins.
const (
	Well Level = iota
	Warning
	Critical
)

// String is the level in lower case.
func (l Level) String() string { return [...]string{"well", "warning", "critical"}[l] }

// MarshalText returns the level as String does, for JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText returns; what is not known is critical.
func (l *Level) UnmarshalText(text []byte) error {
	*l = Critical
	for _, known := range []Level{Well, Warning} {
		if string(text) == known.String() {
			*l = known
		}
	}
	return nil
}

// Finding is something that is not as it should be.
type Finding struct {
	Level   Level  `json:"level"`
	Message string `json:"message"` // with what to do about it
}

// Level is that of the worst finding.
func (s *Status) Level() Level {
	worst := Well
	for _, f := range s.Findings {
		worst = max(worst, f.Level)
	}
	return worst
}
