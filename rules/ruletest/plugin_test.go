package ruletest

import (
	"strings"
	"testing"
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules/rulefile"
)

const exempting = `
[[rule]]
name = "exempt"
when = { plugin.lookup.exempt = true, plugin.lookup.score = "< 0" }
action = "accept"
[[rule]]
name = "members"
when = { plugin.lookup.level = "gold", plugin.lookup.domain = ".example.org" }
action = "reject"
`

func parsed(t *testing.T, session, expect string) (rulefile.Result, []Test) {
	t.Helper()
	text := exempting + "[[test]]\nname = \"t\"\nsession = { " + session + " }\nexpect = { " + expect + " }\n"
	res := rulefile.Load([]rulefile.Source{{Name: "t.toml", Data: []byte(text)}}, rulefile.Options{})
	if res.Policy == nil {
		t.Fatal(res.Found)
	}
	res.Found = nil
	return res, Parse(res.Tests, res.Policy, &res.Found)
}

// TestPluginFacts runs tests that say what plugins would.
func TestPluginFacts(t *testing.T) {
	const gold = `plugin.lookup.level = "GOLD", plugin.lookup.domain = "mx.Example.org."`
	for _, c := range []struct{ session, expect string }{
		{gold + `, plugin.lookup.exempt = true, plugin.lookup.score = -3`, `action = "accept", rule = "exempt"`},
		{gold + `, plugin.lookup.exempt = true, plugin.lookup.score = 3`, `action = "reject", rule = "members"`},
		{gold + `, plugin.lookup.exempt = false`, `action = "reject", rule = "members"`},
		{gold, `action = "defer", rule = "members"`}, // it might be exempt
		{`plugin.lookup.level = "", plugin.lookup.exempt = false`, `action = "accept", rule = ""`},
		{`tls = false`, `action = "accept", rule = ""`},
	} {
		res, tests := parsed(t, c.session, c.expect)
		if len(res.Found) > 0 {
			t.Fatal(res.Found)
		}
		Report(tests, res.Policy, time.Now(), &res.Found)
		if len(res.Found) > 0 {
			t.Errorf("%s: %v", c.session, res.Found)
		}
	}
}

func TestBadPluginFacts(t *testing.T) {
	for session, want := range map[string]string{
		`plugin.lookup.exempt = "true"`: "plugin.lookup.exempt takes true or false",
		`plugin.lookup.score = "1"`:     "plugin.lookup.score takes a number",
		`plugin.lookup.level = true`:    "plugin.lookup.level takes a string",
		`plugin.lookup.exmept = true`:   "plugin.lookup.exmept says nothing: no rule looks at it\n\thint: did you mean plugin.lookup.exempt?",
		`plugin.lookup = true`:          `there is no field "plugin.lookup"`,
	} {
		res, _ := parsed(t, session, `action = "accept"`)
		if len(res.Found) != 1 || !strings.HasSuffix(res.Found[0].String(), `error: test "t": `+want) {
			t.Errorf("%s: %v", session, res.Found)
		}
	}
}

// TestPluginFactsWithoutPolicy shows that tests of rules that cannot be used are
// not found fault with for the facts of plugins.
func TestPluginFactsWithoutPolicy(t *testing.T) {
	table, _ := tomlfile.Parse("t.toml", []byte("[[test]]\nsession = { plugin.a.b = 1 }\nexpect = { action = \"tag\" }\n"))
	var found tomlfile.Diagnostics
	e, _ := table.Get("test")
	if Parse(e.Value.([]*tomlfile.Table), nil, &found); len(found) > 0 {
		t.Error(found)
	}
}

// TestWithPluginFacts shows that facts of the command line are of the kinds that
// the rules compare with.
func TestWithPluginFacts(t *testing.T) {
	res, tests := parsed(t, `plugin.lookup.level = "gold", plugin.lookup.exempt = false`, `action = "accept"`)
	facts, err := tests[0].Facts.With(res.Policy, map[string]string{"plugin.lookup.exempt": "true", "plugin.lookup.score": "-1"})
	if err != nil || facts["plugin.lookup.exempt"] != true || facts["plugin.lookup.score"] != int64(-1) || facts["plugin.lookup.level"] != "gold" {
		t.Errorf("%v, %v", facts, err)
	}
	_, err = Facts{}.With(res.Policy, map[string]string{"plugin.lookup.exempt": "yes", "plugin.b.c": "1"})
	if err == nil || err.Error() != "plugin.b.c says nothing: no rule looks at it; plugin.lookup.exempt takes true or false" {
		t.Error(err)
	}
}
