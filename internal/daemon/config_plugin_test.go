package daemon

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/pluginhost"
)

func configured(t *testing.T, text string) (Config, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, found := LoadConfig(file)
	var b strings.Builder
	for _, d := range found {
		b.WriteString(strings.TrimPrefix(d.String(), file+":") + "\n")
	}
	return c, b.String()
}

func TestPluginConfig(t *testing.T) {
	c, found := configured(t, `
[plugin.lookup]
path        = "/usr/libexec/tlswarden/lookup"
args        = ["-v", "x"]
sha256      = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
env         = { LANG = "C.UTF-8" }
mtls        = false
timeout     = "500ms"
concurrency = 7
cache       = 20
[plugin.lookup.settings]
file  = "partners.csv"
big   = 9007199254740993
ratio = 1.5
when  = [2027-01-31, 2027-01-31T12:00:00Z, 2027-01-31T12:00:00.5, 10:00:00]
query = { by = ["client"], deep.er = true }
[[plugin.lookup.settings.table]]
name = "a"
[plugin.dns]
path = "/usr/libexec/tlswarden/dns"
`)
	if found != "" {
		t.Fatal(found)
	}
	want := []pluginhost.Config{
		{
			Name: "lookup", Path: "/usr/libexec/tlswarden/lookup", Args: []string{"-v", "x"},
			SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			Env:    map[string]string{"LANG": "C.UTF-8"}, Timeout: 500 * time.Millisecond, Concurrency: 7, CacheSize: 20,
			Settings: []byte(`{"big":9007199254740993,"file":"partners.csv","query":{"by":["client"],"deep":{"er":true}},"ratio":1.5,"table":[{"name":"a"}],` +
				`"when":["2027-01-31","2027-01-31T12:00:00Z","2027-01-31T12:00:00.5","10:00:00"]}`),
		},
		{Name: "dns", Path: "/usr/libexec/tlswarden/dns", MTLS: true, Timeout: 2 * time.Second, Concurrency: 100, CacheSize: 10_000, Settings: []byte("{}")},
	}
	for i, w := range want {
		if got := c.Plugins[i].Config; !reflect.DeepEqual(got, w) {
			t.Errorf("got  %+v\nwant %+v", got, w)
		}
	}
	for path, line := range map[string]int{
		"file": 12, "query": 16, "query.by": 16, "query.by[0]": 16, "table.0.name": 18, "table.1": 17, "nothing": 11, "query.none.x": 16, "": 11, "file.x": 12,
	} {
		if got := c.Plugins[0].settingPos(path).Line; got != line {
			t.Errorf("%q stands in line %d, want %d", path, got, line)
		}
	}
	if got := c.Plugins[1].settingPos("file").Line; got != 19 {
		t.Errorf("what is missing without settings is reported in line %d", got)
	}
}

func TestBadPluginConfig(t *testing.T) {
	for text, want := range map[string]string{
		`[plugin]`: `1: error: [plugin] names no plugin
	hint: write [plugin.NAME] above the keys of each
`,
		"[[plugin]]\npath = \"/x\"": "1: error: plugin must be a table, not an array of tables\n",
		`plugin.path = "/x"`: `1: error: plugin "path" must be a table, not a string
	hint: write [plugin.NAME] above the keys of each
`,
		"[plugin.\"a.b\"]\npath = \"/x\"": `1: error: plugin "a.b": the name of a plugin has lower-case letters, digits and "_", and begins with a letter` + "\n",
		`[plugin.a]
pth = "x"
[plugin.b]
path = "plugins/b"
sha256 = "abc"
mtls = "yes"
timeout = "9s"
concurrency = 0
cache = 10_000_000
args = [1]
[plugin.b.env]
"A=B" = "x"
PLUGIN_MIN_PORT = "1"
C = 1
D = "\u0000"
[plugin.b.settings]
limit = [1.5, inf]
[plugin.c]
path = "/c"
timeout = "5"
settings = 1
`: `1: error: [plugin.a] has no path
	hint: path = "/usr/libexec/tlswarden/lookup", for example
2: error: [plugin.a] unknown key "pth"
	hint: did you mean path?
4: error: [plugin.b] path must be absolute, not "plugins/b"
	hint: what is run must not depend on where a file lies
5: error: [plugin.b] sha256 must be 64 hexadecimal digits, not "abc"
	hint: as sha256sum prints it
6: error: [plugin.b] mtls must be true or false, not a string
7: error: [plugin.b] timeout must be a time such as "2s" or "500ms", of at most 8s, not "9s"
8: error: [plugin.b] concurrency must be between 1 and 1000, not 0
9: error: [plugin.b] cache must be between 1 and 1000000, not 10000000
10: error: [plugin.b] args takes strings, not an integer
12: error: [plugin.b] env: "A=B" is no name of a variable
13: error: [plugin.b] env: PLUGIN_MIN_PORT is for the daemon to set
14: error: [plugin.b] env: C must be a string, not an integer
15: error: [plugin.b] env: D has a NUL
17: error: [plugin.b] settings: JSON, in which the plugin gets them, has no +Inf
20: error: [plugin.c] timeout must be a time such as "2s" or "500ms", of at most 8s, not "5"
21: error: [plugin.c] settings must be a table, not an integer
`,
	} {
		if _, found := configured(t, text); found != want {
			t.Errorf("%s\ngot:\n%swant:\n%s", text, found, want)
		}
	}
}
