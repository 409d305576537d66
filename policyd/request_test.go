package policyd

import (
	"errors"
	"strings"
	"testing"
)

const first = "request=smtpd_access_policy\n"

func TestParse(t *testing.T) {
	cases := []struct {
		name, text string
		want       error
		sender     string
	}{
		{"the least", first, nil, ""},
		{"a value", first + "sender=a@b\n", nil, "a@b"},
		{"equals signs in a value", first + "sender=a=b=@c=\n", nil, "a=b=@c="},
		{"blanks are part of a value", first + "sender= a \n", nil, " a "},
		{"unknown attributes", first + "colour=red\nsender=a\ncolour=blue\n", nil, "a"},
		{"names are case-sensitive", first + "Sender=a\n", nil, ""},
		{"the same twice", first + "sender=a\nsender=a\n", nil, "a"},
		{"a CR inside a value", first + "sender=a\rb\n", nil, "a\rb"},
		{"bytes beyond ASCII", first + "sender=\xff\xc3\xa4\n", nil, "\xff\xc3\xa4"},
		{"longest line", first + "sender=" + strings.Repeat("a", maxLine-7) + "\n", nil, strings.Repeat("a", maxLine-7)},
		{"most attributes", first + strings.Repeat("x=y\n", maxAttributes-1), nil, ""},

		{"nothing", "", errNotAPolicyRequest, ""},
		{"another first attribute", "sender=a\n" + first, errNotAPolicyRequest, ""},
		{"another kind of request", "request=junk_mail\n", errNotAPolicyRequest, ""},
		{"no equals sign", first + "sender\n", errNoEquals, ""},
		{"no name", first + "=a\n", errNoEquals, ""},
		{"CR LF", first + "sender=a\r\n", errCarriageReturn, ""},
		{"CR LF in the first line", "request=smtpd_access_policy\r\n", errCarriageReturn, ""},
		{"NUL in a value", first + "sender=a\x00b\n", errNUL, ""},
		{"NUL in a name", first + "sen\x00der=a\n", errNUL, ""},
		{"two values", first + "sender=a\nsender=b\n", errContradiction, ""},
		{"a value and an empty one", first + "sender=\nsender=b\n", errContradiction, ""},
		{"two requests in one", first + "request=x\n", errContradiction, ""},
		{"too long a line", first + "sender=" + strings.Repeat("a", maxLine-6) + "\n", errLongLine, ""},
		{"too long an unknown line", first + strings.Repeat("a", maxLine) + "=\n", errLongLine, ""},
		{"too many attributes", first + strings.Repeat("x=y\n", maxAttributes), errManyAttributes, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var r request
			err := r.parse([]byte(c.text))
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil && r.text(attrSender) != c.sender {
				t.Errorf("sender %q, want %q", r.text(attrSender), c.sender)
			}
		})
	}
}

// TestParseForgets checks that a request leaves nothing behind for the next.
func TestParseForgets(t *testing.T) {
	var r request
	if err := r.parse([]byte(first + "sender=a\nccert_subject=b\n")); err != nil {
		t.Fatal(err)
	}
	if err := r.parse([]byte(first)); err != nil {
		t.Fatal(err)
	}
	for a := attrRequest + 1; a < attributeCount; a++ {
		if r.fact(a).Known() {
			t.Errorf("attribute %d is left over", a)
		}
	}
}

// attributeOf finds an attribute that is of use by its name.
func attributeOf(name string) (attribute, bool) {
	place, ok := find([]byte(name+"="), 0)
	return usual[place].number, ok && usual[place].number != noAttribute
}

// usedNames are the attributes that a session is made of, and those that steer
// the dialogue.
var usedNames = strings.Fields(`request protocol_state instance queue_id client_address client_name
	reverse_client_name client_port helo_name server_address server_port sender recipient size
	sasl_method sasl_username ccert_subject ccert_issuer ccert_fingerprint ccert_pubkey_fingerprint
	encryption_protocol encryption_cipher encryption_keysize tls_sni policy_context`)

// naive reads a request in the plainest way; nil is one that cannot be read.
func naive(text string) map[string]string {
	values := map[string]string{}
	lines := strings.Split(text, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	if len(lines) > maxAttributes || strings.Contains(text, "\x00") || !strings.HasPrefix(text+"\n", first) {
		return nil
	}
	used := map[string]bool{}
	for _, name := range usedNames {
		used[name] = true
	}
	for _, l := range lines {
		parts := strings.SplitN(l, "=", 2)
		if len(l) > maxLine || len(parts) < 2 || parts[0] == "" || strings.HasSuffix(l, "\r") {
			return nil
		}
		if had, ok := values[parts[0]]; ok && used[parts[0]] && had != parts[1] {
			return nil
		}
		values[parts[0]] = parts[1]
	}
	return values
}

// FuzzRequest compares the parser with a naive one, and fills a session.
func FuzzRequest(f *testing.F) {
	f.Add(strings.TrimSuffix(requestOf(fullSession(), "RCPT", "1a.2.3.4"), "\n"))
	f.Add(first + "sender=a=b\nsender=\n")
	f.Add(first + "ccert_subject=a+2Bb+\n" + "encryption_protocol=unknown\nsize=-1\nclient_address=::ffff:1.2.3.4%x\n")
	f.Add(first + "a\r\n")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, text string) {
		var r request
		err := r.parse([]byte(text))
		want := naive(text)
		if (err == nil) != (want != nil) {
			t.Fatalf("error %v, the naive parser read %v", err, want)
		}
		if err != nil {
			return
		}
		for _, name := range usedNames {
			a, ok := attributeOf(name)
			if !ok {
				t.Fatalf("%s is not known", name)
			}
			value, known := r.fact(a).Get()
			if v, has := want[name]; v != value || has != known {
				t.Errorf("%s is %q, %v, want %q, %v", name, value, known, v, has)
			}
		}
		s := session(t, text+"\n")
		if used, ok := s.TLSUsed().Get(); ok != r.fact(attrProtocol).Known() || ok && used != (r.text(attrProtocol) != "") {
			t.Errorf("TLS is %v, %v with encryption_protocol %q", used, ok, r.text(attrProtocol))
		}
		if len(decodeXtext(text)) > len(text) {
			t.Error("decoding made the text longer")
		}
	})
}

// TestUsedNames checks that each attribute has one name.
func TestUsedNames(t *testing.T) {
	seen := map[attribute]bool{}
	for _, name := range usedNames {
		a, ok := attributeOf(name)
		if !ok || seen[a] {
			t.Errorf("%s: found %v, again %v", name, ok, seen[a])
		}
		seen[a] = true
	}
	if len(seen) != int(attributeCount) {
		t.Errorf("%d names for %d attributes", len(seen), attributeCount)
	}
}
