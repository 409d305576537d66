package main

import (
	"slices"
	"strings"
	"testing"
)

func lite() dialect     { return liteDialect() }
func postgres() dialect { return dialect{mark: "$", dollar: true, escapes: true} }

// TestBind shows which parameters are taken for such.
func TestBind(t *testing.T) {
	for _, c := range []struct {
		d           dialect
		query, want string
		names       []string
	}{
		{lite(), "SELECT a FROM t WHERE d = :sender_domain", "SELECT a FROM t WHERE d = ?1", []string{"sender_domain"}},
		{lite(), "x=:a AND y=:b OR z=:a", "x=?1 AND y=?2 OR z=?1", []string{"a", "b"}},
		{postgres(), "x=:a AND y=:b OR z=:a", "x=$1 AND y=$2 OR z=$1", []string{"a", "b"}},
		{postgres(), ":client::inet << net", "$1::inet << net", []string{"client"}},
		{postgres(), "x::text", "x::text", nil},
		{lite(), "':a' \":b\" `:c` [:d] :e", "':a' \":b\" `:c` [:d] ?1", []string{"e"}},
		{lite(), "'it''s :a' :b", "'it''s :a' ?1", []string{"b"}},
		{lite(), "-- :a\n:b -- :c", "-- :a\n?1 -- :c", []string{"b"}},
		{lite(), "/* :a /* */ :b */", "/* :a /* */ ?1 */", []string{"b"}},
		{postgres(), "/* :a /* */ :b */ :c", "/* :a /* */ :b */ $1", []string{"c"}},
		{postgres(), "/* :a", "/* :a", nil},
		{postgres(), `E'\' :a' :b`, `E'\' :a' $1`, []string{"b"}},
		{postgres(), `'\' :a`, `'\' $1`, []string{"a"}},
		{postgres(), `DATE'\' :a`, `DATE'\' $1`, []string{"a"}},
		{postgres(), "$$ :a $$ :b", "$$ :a $$ $1", []string{"b"}},
		{postgres(), "$x$ :a $$ :b $x$ :c", "$x$ :a $$ :b $x$ $1", []string{"c"}},
		{postgres(), "$1 :a $ :b", "$1 $1 $ $2", []string{"a", "b"}},
		{postgres(), "a$b$ :a", "a$b$ $1", []string{"a"}},
		{postgres(), "x[1:2], y[:n]", "x[1:2], y[$1]", []string{"n"}},
		{lite(), ": :A :1 :", ": :A :1 :", nil},
		{lite(), "", "", nil},
	} {
		got, names := c.d.bind(c.query)
		if got != c.want || !slices.Equal(names, c.names) {
			t.Errorf("%s: %s, %q; want %s, %q", c.query, got, names, c.want, c.names)
		}
	}
}

// TestUnterminated shows which ";" ends a query.
func TestUnterminated(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1":                     "SELECT 1",
		"SELECT 1;":                    "SELECT 1",
		"SELECT 1 ; \n;-- that is all": "SELECT 1 ",
		"SELECT 1; /* ; */ ":           "SELECT 1",
		"SELECT ';' -- ;":              "SELECT ';' -- ;",
		"SELECT ';'; SELECT 2":         "SELECT ';'; SELECT 2",
		"SELECT 1; SELECT 2;":          "SELECT 1; SELECT 2",
		"":                             "",
	} {
		if got := lite().unterminated(query); got != want {
			t.Errorf("%q without its end is %q, want %q", query, got, want)
		}
	}
}

// FuzzBind shows that nothing of a query is lost, and that each name is told once.
func FuzzBind(f *testing.F) {
	for _, seed := range []string{"SELECT ':a' :b /* :c */ -- :d", "E'\\' $x$ :a $x$", ":a::b", "'", "[", "/*/*", "E'\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, d := range []dialect{lite(), postgres()} {
			bound, names := d.bind(query)
			if rest, ok := strings.CutPrefix(query, d.unterminated(query)); !ok || rest != "" && rest[0] != ';' {
				t.Errorf("%q loses %q", query, rest)
			}
			for i, name := range names {
				if slices.Contains(names[:i], name) || !strings.Contains(query, ":"+name) {
					t.Errorf("%q: the names %q", query, names)
				}
			}
			if len(names) == 0 && bound != query {
				t.Errorf("%q became %q", query, bound)
			}
		}
	})
}
