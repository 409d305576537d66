package rulefile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// Source is one rule file.
type Source struct {
	Name string // as diagnostics call it
	Data []byte
}

// Options say what the daemon can supply. The zero value is that of check
// without a configuration: both front ends.
type Options struct {
	NoMilter bool // no milter is enabled
	NoPolicy bool // no policy service is enabled

	// The plugins that the configuration names, by their names. Nil: it is not
	// known which there are, and rules may name any.
	Plugins map[string]Plugin

	// Read reads a rule file or the file of a list; nil: [tomlfile.ReadFile].
	Read func(name string) ([]byte, error)

	Now  time.Time      // for what has expired; zero: the time of the run
	Zone *time.Location // in which dates are meant; nil: that of the process
}

// Result is what was read.
type Result struct {
	Policy *rules.Policy     // nil if there were errors
	Tests  []*tomlfile.Table // the [[test]] tables
	Found  tomlfile.Diagnostics

	Lists, Profiles int // how many the files define

	Files []Source // what was read by Options.Read: rule files in their order, and those of lists
}

// LoadFiles reads rule files in the order given. A file that cannot be read is
// an error among the diagnostics.
func LoadFiles(names []string, o Options) Result {
	var found tomlfile.Diagnostics
	var sources []Source
	for _, name := range names {
		data, err := o.read(name)
		if err != nil {
			found.Errorf(tomlfile.Pos{File: name}, "", "%v", err)
			continue
		}
		sources = append(sources, Source{Name: name, Data: data})
	}
	r := Load(sources, o)
	r.Files = append(sources, r.Files...)
	if len(found) > 0 {
		r.Policy, r.Found = nil, append(found, r.Found...)
	}
	return r
}

func (o *Options) read(name string) ([]byte, error) {
	if o.Read != nil {
		return o.Read(name)
	}
	return tomlfile.ReadFile(name)
}

// Hash identifies the contents of files that were read for a policy, whatever their order.
func Hash(read []Source) string {
	sums := make(map[string]bool, len(read))
	for _, f := range read {
		sum := sha256.Sum256(f.Data)
		sums[fmt.Sprintf("%q %x", f.Name, sum)] = true
	}
	all := sha256.New()
	for _, sum := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintln(all, sum)
	}
	return hex.EncodeToString(all.Sum(nil))
}

// Glob expands patterns, relative to a directory, into file names in the order
// of the patterns and, within one, of the names. Wildcards may stand in the last
// part of a pattern, and do not match names that begin with a dot. A pattern
// without wildcards stands for its file, whether it exists or not; one that
// matches nothing is an error, and so is a directory that cannot be read: rules
// must not vanish without a word.
func Glob(dir string, patterns []string) ([]string, error) {
	var out []string
	for _, p := range patterns {
		names, err := glob(dir, p)
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
	}
	return out, nil
}

const wildcards = "*?["

func glob(dir, pattern string) ([]string, error) {
	folder, last := filepath.Split(pattern)
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(dir, folder)
	}
	if strings.ContainsAny(filepath.Dir(pattern), wildcards) {
		return nil, fmt.Errorf("%q has wildcards before its last part", pattern)
	}
	if !strings.ContainsAny(last, wildcards) {
		return []string{filepath.Join(folder, last)}, nil
	}
	entries, err := os.ReadDir(folder) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("%q: %w", pattern, err)
	}
	var names []string
	for _, e := range entries {
		match, err := filepath.Match(last, e.Name())
		if err != nil {
			return nil, fmt.Errorf("bad pattern %q", pattern)
		}
		if match && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, filepath.Join(folder, e.Name()))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no file matches %q", pattern)
	}
	return names, nil
}

// Load reads rule files that are in memory.
func Load(sources []Source, o Options) Result {
	l := newLoader(o)
	var tables []*tomlfile.Table
	for _, s := range sources {
		t, found := tomlfile.Parse(s.Name, s.Data)
		l.found = append(l.found, found...)
		if t != nil {
			tables = append(tables, t)
		}
	}
	if len(tables) < len(sources) { // what else is wrong may be so for that alone
		l.found.Sort()
		return Result{Found: l.found}
	}
	for _, t := range tables {
		l.file(t)
	}
	l.compile()
	hintAtTop(l.found)
	moreHints(l.found)
	if len(l.rules) == 0 && len(sources) > 0 && !l.found.HasErrors() {
		l.found.Warnf(tomlfile.Pos{File: sources[0].Name}, "", "there is no [[rule]]: all mail is accepted")
	}
	res := Result{Tests: l.tests, Found: l.found, Lists: len(l.lists), Profiles: len(l.sortedProfiles()), Files: l.read}
	res.Found.Sort()
	if !res.Found.HasErrors() {
		res.Policy = rules.New(l.config)
		if l.authservAt.Line != 0 && !res.Policy.Stamps() {
			res.Found.Warnf(l.authservAt, "set on = \"all\"", "[tag] authserv_id has no effect: no rule tags, and on is not \"all\"")
			res.Found.Sort()
		}
	}
	return res
}

// loader collects what the files say. First all tables are taken, then lists
// and profiles are compiled as rules ask for them, so that a rule may use what
// stands below it or in another file.
type loader struct {
	opts     Options
	now      time.Time
	zone     *time.Location
	found    tomlfile.Diagnostics
	config   rules.Config
	lists    map[string]*list
	profiles map[string]*profile
	read     []Source // files of lists
	rules    []*tomlfile.Table
	tests    []*tomlfile.Table
	names    map[string]tomlfile.Pos // of rules
	tagAt    tomlfile.Pos
	replyAt  tomlfile.Pos

	messageAt  tomlfile.Pos
	authservAt tomlfile.Pos

	supplied rules.SuppliedFields  // the facts of plugins that rules look at
	guessed  map[string]rules.Kind // of these, by how rules use them

	delimiterAt tomlfile.Pos // Line 0: the default stands
}

func newLoader(o Options) *loader {
	l := &loader{opts: o, lists: map[string]*list{}, profiles: map[string]*profile{}, names: map[string]tomlfile.Pos{}}
	if l.now, l.zone = o.Now, o.Zone; l.now.IsZero() {
		l.now = time.Now()
	}
	if l.zone == nil {
		l.zone = time.Local
	}
	l.config.Zone = l.zone
	for _, p := range rules.BuiltinProfiles() {
		l.profiles[p.Name] = &profile{built: p, builtin: true}
	}
	return l
}

// file takes the tables of one file.
func (l *loader) file(t *tomlfile.Table) {
	r := tomlfile.Read(t, "", &l.found)
	if b, _, ok := r.Bool("judge_local"); ok {
		l.config.JudgeLocal = l.config.JudgeLocal || b
	}
	l.delimiters(r)
	if t, pos, ok := r.Table("reply"); ok && l.once(&l.replyAt, pos, "reply") {
		l.reply(t)
	}
	if t, pos, ok := r.Table("tag"); ok && l.once(&l.tagAt, pos, "tag") {
		l.tag(t)
	}
	if t, pos, ok := r.Table("message"); ok && l.once(&l.messageAt, pos, "message") {
		l.message(t)
	}
	if t, _, ok := r.Table("list"); ok {
		l.takeLists(t)
	}
	if t, _, ok := r.Table("profile"); ok {
		l.takeProfiles(t)
	}
	if e, _ := t.Get("rule"); isExceptAlone(e.Value) {
		l.found.Errorf(e.Pos, "put it below the [[rule]] that it belongs to, in the file of that rule", "[[rule.except]] stands above the first [[rule]]")
		return
	}
	l.rules = append(l.rules, r.Tables("rule")...)
	l.tests = append(l.tests, r.Tables("test")...)
	if IsConfig(t) {
		l.found.Errorf(tomlfile.Pos{File: t.Pos.File}, "write --config "+t.Pos.File, "this is a configuration of the daemon, and a rule file is wanted")
		return
	}
	r.Done()
}

// isExceptAlone reports whether what should be rules is a table that such a heading
// makes.
func isExceptAlone(v any) bool {
	t, ok := v.(*tomlfile.Table)
	if !ok {
		return false
	}
	_, ok = t.Get("except")
	return ok && len(t.Entries) == 1
}

// once lets a table stand in one file only.
func (l *loader) once(at *tomlfile.Pos, pos tomlfile.Pos, name string) bool {
	if at.Line != 0 {
		l.found.Errorf(pos, "", "[%s] stands at %s:%d already", name, at.File, at.Line)
		return false
	}
	*at = pos
	return true
}

// compile turns what was taken into the policy's configuration.
func (l *loader) compile() {
	for _, p := range l.sortedProfiles() {
		l.compileProfile(p)
	}
	l.guess()
	for _, t := range l.rules {
		if rule := l.rule(t); rule != nil {
			l.config.Rules = append(l.config.Rules, rule)
		}
	}
	l.unused()
	l.ownResults()
}
