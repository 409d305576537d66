package rules

import (
	"net/netip"
	"strconv"
	"time"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/tlsname"
)

// FieldID numbers the facts of the catalogue.
type FieldID uint8

// The facts, in the order of the catalogue.
const (
	FieldClient FieldID = iota
	FieldLocal
	FieldClientName
	FieldClientReverseName
	FieldClientPort
	FieldHelo
	FieldServerAddress
	FieldServerPort
	FieldDaemonName
	FieldPolicyContext
	FieldListenerTLSSeen
	FieldListenerCertSeen
	FieldTLS
	FieldTLSVersion
	FieldCipher
	FieldCipherBits
	FieldTLSSNI
	FieldCertPresented
	FieldCertVerified
	FieldCertSubject
	FieldCertDN
	FieldCertIssuer
	FieldCertFingerprint
	FieldCertKeyFingerprint
	FieldAuthenticated
	FieldSASLMethod
	FieldSASLUser
	FieldSender
	FieldSenderDomain
	FieldRecipient
	FieldRecipientDomain
	FieldSize
	FieldRequireTLS
	FieldMessageEncrypted
	FieldMessageTLSRequiredNo
	FieldMessageSPF
	FieldMessageDKIM
	FieldMessageDMARC
	FieldNow
	fieldCount
)

// FieldSet is a set of facts, for example those that a later stage will supply.
type FieldSet uint64

// SetOf returns the set of the given facts.
func SetOf(ids ...FieldID) FieldSet {
	var s FieldSet
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

// Has says whether the set holds a fact.
func (s FieldSet) Has(id FieldID) bool { return s&(1<<id) != 0 }

// Kind says what values a field has and so which forms a condition on it takes.
type Kind uint8

// The kinds of fields.
const (
	KindAddress     Kind = iota // IP address; conditions take addresses and CIDR blocks
	KindBool                    // true or false
	KindDomain                  // domain name, compared as lower-case A-label
	KindName                    // text compared without regard to case
	KindText                    // text compared as it is
	KindNumber                  // ordered number
	KindVersion                 // ordered protocol version, plaintext lowest
	KindCipher                  // cipher suite, by any of its names
	KindMailbox                 // envelope address
	KindFingerprint             // hexadecimal, colons and case ignored
	KindTime                    // ordered point in time
)

var kindNames = [...]string{
	"address", "boolean", "domain", "name", "text", "number", "TLS version",
	"cipher suite", "mailbox", "fingerprint", "time",
}

// String names the kind as the reference page does.
func (k Kind) String() string { return kindNames[k] }

// A names the kind with its article.
func (k Kind) A() string {
	if k == KindAddress {
		return "an " + k.String()
	}
	return "a " + k.String()
}

// Ordered says whether conditions may compare with <, <=, > and >=.
func (k Kind) Ordered() bool { return k == KindNumber || k == KindVersion || k == KindTime }

// Stage is a point of an SMTP session.
type Stage uint8

// The stages, in the order in which a session passes them.
const (
	StageConnect Stage = iota
	StageHelo
	StageMail
	StageRcpt
	StageEnd // end of message
)

var stageNames = [...]string{"connect", "HELO", "MAIL", "RCPT", "end of message"}

// String names the stage.
func (st Stage) String() string { return stageNames[st] }

// Supply says from which release on each server gives a fact to a front end;
// "" where it never does, "all" where each supported release does.
type Supply struct {
	PostfixMilter  string
	SendmailMilter string
	PostfixPolicy  string
	Gate           bool // the daemon itself supplies it to every front end
}

// Milter says whether a milter can supply the fact.
func (s Supply) Milter() bool { return s.Gate || s.PostfixMilter != "" || s.SendmailMilter != "" }

// Policy says whether the policy protocol can supply the fact.
func (s Supply) Policy() bool { return s.Gate || s.PostfixPolicy != "" }

// Field is the catalogue entry of one fact.
type Field struct {
	ID      FieldID
	Name    string // as rule files spell it
	Kind    Kind
	Meaning string
	Stage   Stage // from which on the fact can be there
	Supply  Supply
	read    func(*Session) (Value, bool)
}

// Values lists all values that the field can have, nil if any of its kind.
func (f *Field) Values() []string {
	switch f.ID {
	case FieldMessageEncrypted:
		return []string{"smime", "pgp", "no"}
	case FieldMessageSPF: // RFC 8601 section 2.7.2
		return []string{"none", "pass", "fail", "softfail", "policy", "neutral", "temperror", "permerror"}
	case FieldMessageDKIM: // RFC 8601 section 2.7.1
		return []string{"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"}
	case FieldMessageDMARC: // RFC 7489 section 11.2
		return []string{"none", "pass", "fail", "temperror", "permerror"}
	}
	return nil
}

// Value is a known value of a field, in the member that its kind uses.
type Value struct {
	Text   string     // domain, name, text, cipher suite, mailbox, fingerprint
	Number int64      // number, version, boolean (0, 1), time (Unix seconds), cipher suite (noSuite: none known)
	Addr   netip.Addr // address
	Other  string     // another form of a domain or mailbox, which is as good as Text; "": none

	at int64 // of the question, in Unix seconds; 0: before all that ends
}

// Read gives the field's value in a session, normalised for comparison, and
// whether it is known.
func (f *Field) Read(s *Session) (Value, bool) { return f.read(s) }

// Format renders a known value for people.
func (f *Field) Format(v Value) string {
	switch f.Kind {
	case KindAddress:
		if !v.Addr.IsValid() {
			return ""
		}
		return v.Addr.String()
	case KindBool:
		return strconv.FormatBool(v.Number != 0)
	case KindNumber:
		return strconv.FormatInt(v.Number, 10)
	case KindVersion:
		return tlsname.Version(v.Number).String()
	case KindTime:
		return time.Unix(v.Number, 0).UTC().Format(time.RFC3339)
	}
	return v.Text
}

func text(f Fact[string]) (Value, bool) { return Value{Text: f.value}, f.known }

func domain(f Fact[string]) (Value, bool) {
	return Value{Text: normalDomain(f.value), Other: mailaddr.OtherDomain(f.value)}, f.known
}

func addr(f Fact[netip.Addr]) (Value, bool) { return Value{Addr: f.value}, f.known }

func number[T int | int64 | uint16 | tlsname.Version](f Fact[T]) (Value, bool) {
	return Value{Number: int64(f.value)}, f.known
}

func boolean(f Fact[bool]) (Value, bool) { return Value{Number: boolNumber(f.value)}, f.known }

func readCipher(s *Session) (Value, bool) {
	v := Value{Text: s.tls.cipher.value, Number: noSuite}
	if s.tls.suite != nil {
		v.Number = suiteNumber(s.tls.suite)
	}
	return v, s.tls.cipher.known
}

// noSuite is the number of a cipher suite that the table lacks.
const noSuite = -1

// suiteNumber tells suites apart: SSLv2 uses some code points of its own.
func suiteNumber(s *tlsname.Suite) int64 { return int64(s.Family)<<32 | int64(s.ID) }
