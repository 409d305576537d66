package housetest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "tlswarden/"

// allowed says which packages of the module each package may import, and why.
// Packages that are not listed may import none.
var allowed = map[string]struct {
	imports []string
	reason  string
}{
	"cmd/tlswarden":         {[]string{"internal/civil", "internal/control", "internal/daemon", "internal/mailaddr", "internal/setup", "internal/tlsname", "internal/tomlfile", "milter", "policyd", "rules", "rules/rulefile", "rules/ruletest"}, "commands join the parts, explain shows what each front end answers, and a shell completes names of TLS versions"},
	"internal/control":      {[]string{"internal/tomlfile"}, "it carries answers and knows nobody who gives them"},
	"internal/daemon":       {[]string{"internal/control", "internal/gate", "internal/lastgood", "internal/mailaddr", "internal/pluginhost", "internal/ratelimit", "internal/statefile", "internal/systemd", "internal/tomlfile", "milter", "policyd", "rules", "rules/rulefile", "rules/ruletest"}, "the only place that knows both front ends, the gate and plugins"},
	"internal/gate":         {[]string{"internal/mailaddr", "internal/tlsname", "rules"}, "it makes verdicts and knows nothing of protocols or files"},
	"internal/lastgood":     {[]string{"internal/statefile", "rules/rulefile"}, "it keeps what rules were read from"},
	"internal/message":      {[]string{"rules"}, "it gives facts and knows no protocol"},
	"internal/pluginhost":   {[]string{"internal/ratelimit", "plugins", "plugins/proto", "rules"}, "it asks plugins for facts and knows neither gate nor files"},
	"internal/setup":        {[]string{"internal/mailaddr", "internal/tomlfile", "packaging"}, "mail servers are hooked up by the shipped lines, and tlswarden.toml gets what they tell"},
	"plugins":               {[]string{"plugins/proto"}, "what authors of plugins use depends on nothing that may change under them"},
	"plugins/plugintest":    {[]string{"internal/mailaddr", "plugins", "plugins/proto"}, "it runs a plugin as the daemon does"},
	"milter":                {[]string{"internal/mailaddr", "internal/message", "internal/ratelimit", "rules"}, "a front end knows neither the gate nor the other front end"},
	"policyd":               {[]string{"internal/mailaddr", "internal/ratelimit", "rules"}, "a front end knows neither the gate nor the other front end"},
	"plugins/dns":           {[]string{"plugins"}, "a plugin knows nothing of the daemon"},
	"plugins/lookup":        {[]string{"internal/civil", "internal/mailaddr", "plugins"}, "a plugin knows nothing of the daemon, but reads addresses and dates in tables as rules do"},
	"rules":                 {[]string{"internal/civil", "internal/mailaddr", "internal/tlsname"}, "the engine is pure"},
	"rules/rulefile":        {[]string{"internal/civil", "internal/tlsname", "internal/tomlfile", "rules"}, "it turns files into a policy and nothing else"},
	"rules/ruletest":        {[]string{"internal/civil", "internal/tlsname", "internal/tomlfile", "rules", "rules/rulefile"}, "it runs the tests of rule files"},
	"internal/tomlfile":     {[]string{"internal/civil"}, "a date in a file is a civil day"},
	"rules/ruletest/corpus": {[]string{"rules", "rules/rulefile", "rules/ruletest"}, "it loads what tests share"},
	"docs/gen":              {[]string{"rules"}, "the reference page is made from the catalogue and the profiles"},
	"internal/tlsname/gen":  {nil, "the generator reads its data only"},
	"internal/mtatest":      {[]string{"internal/testkit", "packaging"}, "mail servers are hooked up by the shipped lines"},
	"internal/mtatest/demo": {[]string{"internal/mtatest"}, "the demonstration uses the harness of the tests"},
}

// outside says which packages may import which modules that are not ours: each
// is confined to the place that knows how to handle it.
var outside = map[string]struct {
	importers []string
	tests     bool // any test may import it, too
	reason    string
}{
	"github.com/d--j/go-milter":       {[]string{"internal/mtatest"}, true, "a foreign milter client, in tests only"},
	"github.com/emersion/go-milter":   {[]string{"milter"}, false, "its hazards are handled in one place"},
	"github.com/coreos/go-systemd":    {[]string{"internal/systemd"}, false, "what the service manager passes and hears"},
	"github.com/hashicorp/golang-lru": {[]string{"internal/gate", "internal/pluginhost", "policyd"}, false, "bounded memory of what was seen and answered"},
	"github.com/hashicorp/go-plugin":  {[]string{"internal/pluginhost", "plugins"}, false, "its hazards are handled in one place on each side"},
	"github.com/hashicorp/go-hclog":   {[]string{"internal/pluginhost", "plugins"}, false, "the logger that go-plugin wants"},
	"google.golang.org/grpc":          {[]string{"internal/pluginhost", "plugins", "plugins/plugintest", "plugins/proto"}, false, "calls between daemon and plugins"},
	"google.golang.org/protobuf":      {[]string{"internal/pluginhost", "plugins/proto"}, false, "messages between daemon and plugins"},
	"golang.org/x/sync":               {[]string{"internal/pluginhost"}, false, "the same question is asked once"},
	"github.com/BurntSushi/toml":      {[]string{"internal/tomlfile"}, false, "all TOML is read with positions"},
	"github.com/miekg/dns":            {[]string{"internal/mtatest", "plugins/dns"}, false, "DNS records, and a name server for tests"},
	"github.com/jackc/pgx":            {[]string{"plugins/lookup"}, false, "PostgreSQL"},
	"modernc.org/sqlite":              {[]string{"plugins/lookup"}, false, "SQLite"},
	"github.com/spf13/cobra":          {[]string{"cmd/tlswarden"}, false, "the command line"},
	"golang.org/x/net":                {[]string{"internal/control", "internal/mailaddr", "internal/message"}, false, "internationalised domain names, and a bound of connections"},
	"golang.org/x/text":               {[]string{"internal/mailaddr"}, false, "the folding of case"},
	"golang.org/x/tools":              {[]string{"rules/ruletest/corpus"}, true, "txtar archives of cases, in tests only"},
	"github.com/rogpeppe/go-internal": {nil, true, "scripts over the real main, in tests only"},
}

// goFiles calls f for each Go file of the project, by its path from the root.
func goFiles(t *testing.T, f func(path string)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "build") {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") {
			f(filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestImports holds every file against the two tables. Tests of a package may
// import more of the module, but not what is confined elsewhere.
func TestImports(t *testing.T) {
	goFiles(t, func(path string) {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", path), nil, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			checkImport(t, path, pkg, name)
		}
	})
}

func checkImport(t *testing.T, path, pkg, name string) {
	test := strings.HasSuffix(path, "_test.go")
	if own, ok := strings.CutPrefix(name, module); ok {
		if test {
			return
		}
		if rule := allowed[pkg]; !slices.Contains(rule.imports, own) {
			t.Errorf("%s imports %s, which %s may not: %s", path, own, pkg, rule.reason)
		}
		return
	}
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
		return // the standard library
	}
	for mod, rule := range outside {
		if name == mod || strings.HasPrefix(name, mod+"/") {
			if !slices.Contains(rule.importers, pkg) && !(test && rule.tests) {
				t.Errorf("%s imports %s, which is confined: %s", path, name, rule.reason)
			}
			return
		}
	}
	t.Errorf("%s imports %s, which is in no table", path, name)
}

// TestTablesAreUsed shows that the tables name no package that is not there.
func TestTablesAreUsed(t *testing.T) {
	there := map[string]bool{}
	goFiles(t, func(path string) { there[filepath.ToSlash(filepath.Dir(path))] = true })
	for pkg := range allowed {
		if !there[pkg] {
			t.Errorf("the table of imports names %s, which does not exist", pkg)
		}
	}
}
