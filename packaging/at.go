package packaging

import "strings"

// PostfixMilterAt is the entry of smtpd_milters for a milter at another address,
// as Postfix writes it: inet:host:port or unix:/path.
func PostfixMilterAt(address string) string {
	_, entry, _ := strings.Cut(PostfixMilter(), " = ")
	return strings.Replace(entry, "inet:"+MilterAddress, address, 1)
}

// PostfixPolicyAt is the restriction that asks a policy service at another
// address, as Postfix writes it.
func PostfixPolicyAt(address string) string {
	return strings.Replace(PostfixPolicy(), "inet:"+PolicyAddress, address, 1)
}

// SendmailMilterAt is the line of sendmail.mc for a milter at another address, as
// Sendmail writes it: inet:port@host, inet6:port@host or local:/path.
func SendmailMilterAt(address string) string {
	host, port, _ := strings.Cut(MilterAddress, ":")
	return strings.Replace(SendmailMilter(), "inet:"+port+"@"+host, address, 1)
}
