package rules

import (
	"errors"
	"strings"
	"testing"
)

// TestFieldSet shows which entries a field with listed values takes, and what the
// set then holds.
func TestFieldSet(t *testing.T) {
	encrypted := FieldByID(FieldMessageEncrypted)
	for _, c := range []struct {
		entries []any
		holds   string // of smime, pgp, no
		wrong   string
	}{
		{[]any{"smime"}, "smime ", ""},
		{[]any{"SMIME", "PGP"}, "smime pgp ", ""},
		{[]any{"!no"}, "smime pgp ", ""},
		{[]any{"! no", "/^[ns]/"}, "smime ", ""},
		{[]any{"!no", "!smime", "!pgp"}, "", ""},
		{[]any{"pgpp"}, "", `"pgpp" is not a value of message.encrypted; its values are smime, pgp, no`},
		{[]any{"!yes"}, "", `"yes" is not a value of message.encrypted; its values are smime, pgp, no`},
		{[]any{""}, "", `"" is not a value of message.encrypted; its values are smime, pgp, no`},
		{[]any{"/"}, "", `"/" is not a value of message.encrypted; its values are smime, pgp, no`},
		{[]any{"/^x/"}, "", `"/^x/" matches no value of message.encrypted; its values are smime, pgp, no`},
		{[]any{"/(/"}, "", "bad regular expression: missing closing ): `(?i)(`"},
		{[]any{true}, "", "true and false go with booleans, and this is a name"},
	} {
		s, wrong := encrypted.NewSet(), ""
		for _, e := range c.entries {
			if err := s.Add(e); err != nil {
				wrong = err.Error()
			}
		}
		if wrong != c.wrong {
			t.Errorf("%q: error %q, want %q", c.entries, wrong, c.wrong)
			continue
		}
		if c.wrong != "" {
			continue
		}
		held, told := s.held()
		holds := ""
		for _, v := range encrypted.Values() {
			if s.Holds(Value{Text: v}) {
				holds += v + " "
			}
		}
		if holds != c.holds || !told || len(held) != len(strings.Fields(holds)) {
			t.Errorf("%q holds %q, told %v", c.entries, holds, held)
		}
		if newRelations().never(encrypted, s) != (c.holds == "") {
			t.Errorf("%q: whether it ever holds is wrong", c.entries)
		}
	}
	var unknown *UnknownValueError
	if err := encrypted.NewSet().Add("gpg"); !errors.As(err, &unknown) || unknown.Entry != "gpg" || len(unknown.Values) != 3 {
		t.Errorf("%v", err)
	}
	if err := FieldByID(FieldHelo).NewSet().Add("gpg"); err != nil {
		t.Errorf("a field without listed values: %v", err)
	}
}
