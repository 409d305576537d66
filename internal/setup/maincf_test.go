package setup

import (
	"slices"
	"strings"
	"testing"
)

// mainTexts are texts of main.cf, as administrators, distributions and other programs
// leave them.
var mainTexts = []string{
	"",
	"\n",
	"# nothing\n",
	"# no end",
	"   ",
	"myhostname = mx.example.com\n",
	"myhostname = mx.example.com",
	"myhostname = mx.example.com\n   ",
	"  lost\nmyhostname = mx.example.com\n",
	"PARAM =\n",
	"PARAM =",
	"PARAM = \n",
	"PARAM=\t \nmyhostname = mx.example.com\n",
	"PARAM =\n\n# behind\n\nmyhostname=mx.example.com\n",
	"PARAM =\n# a comment\n",
	"PARAM = ,\n",
	"PARAM =\n   ,\n  # a comment\n  ,\n",
	"PARAM\n  =\n",
	"  # indented comment\nPARAM =\r\nmyhostname = mx.example.com\r\n",
	"PARAM = A\n",
	"PARAM = A",
	"PARAM=A  \n",
	"PARAM =   A,\n",
	"PARAM = A , , B,,\n",
	"PARAM =,A\n",
	"PARAM\t=\tA\tB\n\n\n",
	"PARAM = A, B\r\nmyhostname = mx.example.com\r\n",
	"PARAM = A\n    B\n    C\nmyhostname = mx.example.com\n",
	"PARAM =\n    A,\n    # between\n    B,\n\n#at the margin\n\tC\nmyhostname = mx.example.com\n",
	"PARAM =\n    A\n    ,B\n    ,C\n",
	"PARAM = A,\n# here\n   B   ,\n# there",
	"PARAM =\n  A, B,\n  C,",
	"PARAM = A\n  # the last line is a comment\n\n   \n",
	"PARAM = A\nmyhostname = mx.example.com\nPARAM = B\n",
	"PARAM = A\nPARAM =\n",
	"PARAM =\nPARAM = A, B",
	"PARAM = { C, x = y,\n  # inside\n  z }, A\n",
	"PARAM = A{ B, { C } }, ${x?{a, b}:{c}}\n",
	"PARAMS = A\n#PARAM = B\n PARAM = C\n",
	"no equals sign\nPARAM = A\n",
	"PARAM = a=, b=\n=\nPARAM_x = y\n",
	"PARAM = A \v\f B\n",
}

// mainText is one of them for a front end, with elements that its list can have.
func mainText(text, front string) string {
	with := strings.NewReplacer("PARAM", parameterOf(front).name, "A", "inet:a.example:1", "B", "unix:b", "C", "inet:c.example:1")
	if front == Policy {
		with = strings.NewReplacer("PARAM", parameterOf(front).name, "A", "reject_unlisted_recipient", "B", "check_policy_service inet:a.example:1", "C", "reject_unauth_destination")
	}
	return with.Replace(text)
}

func entryOf(front string) string {
	if front == Policy {
		return policyEntry
	}
	return milterEntry
}

// TestPut shows that an entry which is put in at whatever place is there, and that
// the text is as it was when it is taken out.
func TestPut(t *testing.T) {
	for _, front := range fronts {
		for _, text := range mainTexts {
			roundTrip(t, front, mainText(text, front))
		}
	}
}

// roundTrip puts an entry in at each place and takes it out again.
func roundTrip(t *testing.T, front, text string) {
	t.Helper()
	p := parameterOf(front)
	was, _ := defined(text, p.name)
	tokens, err := split(was.value)
	if err != nil || p.asks(was.value, ourAddress) {
		return
	}
	for at := range len(tokens) + 1 {
		hooked, err := p.hook(text, entryOf(front), "", at)
		if err != nil {
			continue // it would be another restriction's argument
		}
		is, _ := defined(hooked, p.name)
		if want := slices.Insert(words(was.value), at, words(entryOf(front))...); !slices.Equal(words(is.value), want) {
			t.Fatalf("%q at %d is %q, not %q", text, at, words(is.value), want)
		}
		if back := takeOut(hooked, p, ourAddress); back != text {
			t.Fatalf("%q at %d is\n%q, and back\n%q", text, at, hooked, back)
		}
	}
}

// FuzzPut is TestPut with any text.
func FuzzPut(f *testing.F) {
	for _, text := range mainTexts {
		for _, front := range fronts {
			f.Add(mainText(text, front), front == Policy)
		}
	}
	f.Fuzz(func(t *testing.T, text string, policy bool) {
		front := Milter
		if policy {
			front = Policy
		}
		roundTrip(t, front, text)
	})
}

// TestTakeOut takes out what others wrote by hand, and nothing beside it.
func TestTakeOut(t *testing.T) {
	for _, test := range []struct{ front, text, want string }{
		{Milter, "smtpd_milters = inet:127.0.0.1:8465\nx = y\n", "x = y\n"},
		{Milter, "x = y\nsmtpd_milters =\n  # ours\n  inet:127.0.0.1:8465\n", "x = y\nsmtpd_milters =\n  # ours\n"},
		{Milter, "smtpd_milters = { inet:127.0.0.1:8465,\n   connect_timeout=5s }\nx = y", "x = y"},
		{Milter, "smtpd_milters = inet:127.0.0.1:8465, inet:a:1\n", "smtpd_milters = inet:a:1\n"},
		{Milter, "smtpd_milters = inet:127.0.0.1:8465,\n  # theirs\n  inet:a:1\n", "smtpd_milters = \n  # theirs\n  inet:a:1\n"},
		{Milter, "smtpd_milters = inet:a:1\n  inet:127.0.0.1:8465 {inet:127.0.0.1:8465}\n  # b\n  inet:b:1", "smtpd_milters = inet:a:1\n  # b\n  inet:b:1"},
		{Milter, "smtpd_milters = inet:127.0.0.1:84650\n", "smtpd_milters = inet:127.0.0.1:84650\n"},
		{Milter, "smtpd_milters = inet:a:1\nsmtpd_milters = inet:127.0.0.1:8465\n", "smtpd_milters = inet:a:1\nsmtpd_milters = \n"},
		{Milter, "smtpd_milters = inet:127.0.0.1:8465\nsmtpd_milters = inet:127.0.0.1:8465, inet:a:1\n", "smtpd_milters = \nsmtpd_milters = inet:a:1\n"},
		{Policy, "smtpd_recipient_restrictions = inet:127.0.0.1:8465\n", "smtpd_recipient_restrictions = inet:127.0.0.1:8465\n"}, // no restriction of ours
		{Policy, "smtpd_recipient_restrictions = a, Check_Policy_Service inet:127.0.0.1:8465, permit\n", "smtpd_recipient_restrictions = a, permit\n"},
		{Policy, "smtpd_recipient_restrictions = a, warn_if_reject check_policy_service\n inet:127.0.0.1:8465,\n reject_unauth_destination\n",
			"smtpd_recipient_restrictions = a,\n reject_unauth_destination\n"},
		{Policy, "smtpd_recipient_restrictions =\n  check_policy_service { inet:127.0.0.1:8465 }\n  check_policy_service unix:x\n", "smtpd_recipient_restrictions =\n  check_policy_service unix:x\n"},
		{Policy, "# smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:8465\n", "# smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:8465\n"},
	} {
		if got := takeOut(test.text, parameterOf(test.front), ourAddress); got != test.want {
			t.Errorf("%q:\n%q, not\n%q", test.text, got, test.want)
		}
	}
}

// TestPostconfReads shows that postconf(1) takes the places of main.cf for the same
// as we do, and what was put in for what was meant.
func TestPostconfReads(t *testing.T) {
	if _, err := find("postconf"); err != nil {
		t.Skip(err)
	}
	for _, front := range fronts {
		p := parameterOf(front)
		for _, text := range mainTexts {
			text = mainText(text, front)
			before, err := read(t.Context(), []byte(text))
			if err != nil {
				continue // Postfix takes no such file
			}
			was, _ := defined(text, p.name)
			same(t, text, before[p.name], words(was.value))
			hooked, err := p.hook(text, entryOf(front), "", len(words(was.value)))
			if err != nil {
				t.Errorf("%q: %v", text, err)
				continue
			}
			after, err := read(t.Context(), []byte(hooked))
			if err != nil {
				t.Errorf("%q: %v", hooked, err)
			}
			same(t, hooked, after[p.name], append(words(was.value), words(entryOf(front))...))
			delete(before, p.name)
			delete(after, p.name)
			if len(before) != len(after) {
				t.Errorf("%q: %q, and then %q", hooked, before, after)
			}
		}
	}
}

// same wants the elements of a value, whatever their white space.
func same(t *testing.T, text, value string, want []string) {
	t.Helper()
	if got := oneLine(strings.Join(words(value), " ")); got != oneLine(strings.Join(want, " ")) {
		t.Errorf("%q: postconf reads %q, not %q", text, got, want)
	}
}
