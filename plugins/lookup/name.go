package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tlswarden/internal/mailaddr"
)

// checkText refuses what no fact of a session is.
func checkText(s string) error {
	switch {
	case s == "":
		return errors.New("is empty; write what the row is for, or remove the row")
	case len(s) > maxKey:
		return fmt.Errorf("has more than %d octets", maxKey)
	case !utf8.ValidString(s):
		return errors.New("is not in UTF-8; convert the file: iconv -f WINDOWS-1252 -t UTF-8")
	}
	return checkVisible(s)
}

// checkVisible refuses what no one sees, and so no one writes where it is compared.
func checkVisible(s string) error {
	for _, c := range s {
		if mailaddr.IsInvisible(c) || unicode.IsSpace(c) && c != ' ' {
			return fmt.Errorf("has a character that is not visible, U+%04X; write it without", c)
		}
	}
	return nil
}

// checkOne refuses several addresses or domains in the place of one.
func checkOne(s string) error {
	parts := strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ';' || c == ' ' || c == '|' })
	for _, part := range parts {
		if !strings.ContainsAny(part, "@.") {
			return nil
		}
	}
	if len(parts) > 1 {
		return errors.New("is more than one; write a row for each")
	}
	return nil
}

// domainKey is a domain name as the daemon tells it, and its other name. "@example.org"
// is the domain that all addresses there have.
func domainKey(s string) (normal, other string, err error) {
	name := strings.TrimPrefix(strings.TrimPrefix(s, "*"), "@")
	host, port, found := strings.Cut(name, ":")
	switch {
	case name == "" || strings.ContainsAny(name, "<>"):
		return "", "", errors.New("is not a valid domain name; to find the null sender, let the key be sender and write <>")
	case strings.HasPrefix(name, "."), strings.HasPrefix(s, "*."):
		return "", "", errors.New("is of subdomains, and a row stands for one domain; write a row for each, or a list of the rule files, which knows subdomains")
	case strings.HasPrefix(name, "["):
		if !mailaddr.IsLiteral(name) {
			return "", "", errors.New("is not a valid address literal, such as [192.0.2.1] or [IPv6:2001:db8::1]")
		}
		return strings.ToLower(name), "", nil
	case mailaddr.IsURL(name) || strings.Contains(name, "/"):
		return "", "", errors.New("is a URL; write the domain alone")
	case checkOne(name) != nil:
		return "", "", checkOne(name)
	case strings.Contains(name, "@"):
		return "", "", fmt.Errorf("is an address; write its domain, %s", name[strings.LastIndexByte(name, '@')+1:])
	case strings.Contains(name, "*"):
		return "", "", errors.New("has a *, and a row stands for one domain; write a row for each")
	case found && host != "" && strings.Trim(port, "0123456789") == "":
		return "", "", fmt.Errorf("has a port; write %s", host)
	}
	normal, other = mailaddr.Domain(name), mailaddr.OtherDomain(name)
	if !validName(normal) || other != "" && !validName(other) {
		return "", "", errors.New("is not a valid domain name; write one such as example.org")
	}
	return normal, other, nil
}

// checkDomain refuses what is not the one domain that a fact is.
func checkDomain(s string) error {
	if strings.HasPrefix(s, ".") || strings.ContainsAny(s, "<>*") || strings.HasPrefix(s, "@") || checkOne(s) != nil {
		return errors.New("is not one domain name; write one such as example.org")
	}
	_, _, err := domainKey(s)
	return err
}

// checkMailbox refuses what is not the one address that a fact is.
func checkMailbox(s string) error {
	if local, _ := mailaddr.Split(mailaddr.Unquote(s)); local == "" && s != "<>" || strings.HasPrefix(s, "*@") || !strings.Contains(s, `"`) && checkOne(s) != nil {
		return errors.New("is not one address; write one such as user@example.org")
	}
	_, _, err := mailboxKey(s)
	return err
}

// validName reports whether an A-label can be a domain name (RFC 1035 section 2.3.4), or
// what clients say in its place in HELO, such as names with "_".
func validName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return len(name) <= 253 && !strings.ContainsFunc(name, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune("!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~", c)
	})
}

// mailboxKey is an address as the daemon tells it, and with the other name of its domain.
// It may stand in angle brackets; "<>" is the null sender.
func mailboxKey(s string) (normal, other string, err error) {
	if s == "<>" {
		return "", "", nil
	}
	bare := s
	if strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") {
		bare = strings.TrimSpace(s[1 : len(s)-1])
	}
	written, domain := mailaddr.Split(bare)
	address := mailaddr.Unquote(bare)
	local, _ := mailaddr.Split(address)
	quoted := local != written
	switch {
	case mailaddr.IsURL(bare):
		return "", "", errors.New("is a URL; write the address alone")
	case !quoted && checkOne(bare) != nil:
		return "", "", checkOne(bare)
	case !quoted && (local == "" || local == "*") && domain != "":
		return "", "", errors.New("is a whole domain, and a row stands for one address; let the key be sender_domain or recipient_domain")
	case domain == "":
		return "", "", errors.New("is not a whole address; write one such as user@example.org")
	case !quoted && strings.ContainsAny(local, "<>()[]:;\\\"@*"):
		return "", "", errors.New("is not a valid address; write it alone, such as user@example.org")
	}
	if _, _, err := domainKey(domain); err != nil || strings.HasPrefix(domain, "*") {
		return "", "", fmt.Errorf("has the domain %q, which is not a valid one; write one address, such as user@example.org", domain)
	}
	return mailaddr.Normal(address), mailaddr.OtherNormal(address), nil
}
