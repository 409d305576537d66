package main

import (
	"strings"

	"github.com/miekg/dns"
)

// The tags that begin the records.
const (
	stsTag    = "v=STSv1"
	tlsrptTag = "v=TLSRPTv1"
)

// hasSTS says whether TXT records are those of a domain with MTA-STS: RFC 8461
// section 3.1.
func hasSTS(records []dns.RR) bool {
	text, ok := onlyOne(records, stsTag)
	return ok && validSTS(text)
}

// hasTLSRPT says whether TXT records are those of a domain that wants reports:
// RFC 8460 section 3.
func hasTLSRPT(records []dns.RR) bool {
	text, ok := onlyOne(records, tlsrptTag)
	return ok && validTLSRPT(text)
}

// onlyOne returns the one record that begins with a tag and ";". Others are
// discarded; if several are left, the domain counts as having none.
func onlyOne(records []dns.RR, tag string) (text string, ok bool) {
	n := 0
	for _, rr := range records {
		txt, isTXT := rr.(*dns.TXT)
		if !isTXT {
			continue
		}
		// The strings of a record are joined without spaces.
		if joined := strings.Join(txt.Txt, ""); strings.HasPrefix(joined, tag+";") {
			text = joined
			n++
		}
	}
	return text, n == 1
}

// validSTS reads the record: RFC 8461 section 3.1, sts-text-record. It must have an
// id; of several the first one counts.
func validSTS(text string) bool {
	list, ok := fields(text)
	if !ok {
		return false
	}
	for _, f := range list {
		if f.name == "id" {
			return len(f.value) <= 32 && all(f.value, alphanumeric)
		}
	}
	return false
}

// validTLSRPT reads the record: RFC 8460 section 3, tlsrpt-record. Reports must be
// wanted at some address.
func validTLSRPT(text string) bool {
	list, ok := fields(text)
	if !ok {
		return false
	}
	for _, f := range list {
		if f.name == "rua" {
			return validAddresses(f.value)
		}
	}
	return false
}

// validAddresses are URIs with commas between them. Both forms that reports can be
// sent by are known; others may be added.
func validAddresses(list string) bool {
	usable := false
	for uri := range strings.SplitSeq(list, ",") {
		scheme, rest, ok := strings.Cut(strings.Trim(uri, " \t"), ":")
		if !ok || !validName(scheme) || rest == "" || !all(rest, visible) {
			return false
		}
		usable = usable || strings.EqualFold(scheme, "mailto") || strings.EqualFold(scheme, "https")
	}
	return usable
}

// field is one "name=value" of a record.
type field struct{ name, value string }

// fields takes apart what follows the version: "name=value", each after ";" with
// space and tab around it. A ";" may stand at the end.
func fields(text string) (list []field, ok bool) {
	_, rest, _ := strings.Cut(text, ";")
	rest = strings.Trim(rest, " \t")
	rest = strings.TrimRight(strings.TrimSuffix(rest, ";"), " \t")
	if rest == "" {
		return nil, false
	}
	for part := range strings.SplitSeq(rest, ";") {
		name, value, found := strings.Cut(strings.Trim(part, " \t"), "=")
		if !found || !validName(name) || value == "" {
			return nil, false
		}
		// Only the addresses of TLSRPT may have spaces (around commas) and "=".
		if name != "rua" && !all(value, func(c byte) bool { return visible(c) && c != '=' }) {
			return nil, false
		}
		list = append(list, field{name, value})
	}
	return list, true
}

// validName is sts-ext-name and tlsrpt-ext-name, which are the same.
func validName(name string) bool {
	return name != "" && len(name) <= 32 && alphanumeric(name[0]) &&
		all(name, func(c byte) bool { return alphanumeric(c) || c == '_' || c == '-' || c == '.' })
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func visible(c byte) bool { return '!' <= c && c <= '~' }
