package milter

import (
	"net/netip"
	"strings"

	"tlswarden/internal/mailaddr"
)

// address reads the path of MAIL or RCPT.
//
// Postfix tells by its macro which mailbox it takes the path for, routes undone
// and domain completed, and that counts for every path (MILTER_README; it resolves
// the address as trivial-rewrite(8) does). Sendmail does so for addresses that it
// hands on. Of those that it delivers itself it tells the local part alone, and
// after virtusertable, so that only routes are taken from there.
func (s *session) address(path, macro string) mailaddr.Address {
	written := mailaddr.Path(path)
	switch {
	case macro == "" || s.mta == mtaUnknown:
		return s.reads.Read(written, s.facts.ServerAddress.Or(netip.Addr{}))
	case s.mta == mtaPostfix:
		return mailaddr.Resolved(written, mailaddr.Path(macro))
	}
	return s.bySendmail(written, mailaddr.Path(macro))
}

// bySendmail reads an address of which Sendmail tells whether it is local.
func (s *session) bySendmail(written, macro string) mailaddr.Address {
	local := strings.IndexByte(macro, '@') < 0
	end := written
	if strings.ContainsAny(written, "%!") {
		if !local {
			return mailaddr.Resolved(written, macro)
		}
		end = unroute(written)
	}
	user, domain := mailaddr.Split(end)
	switch {
	case strings.Contains(domain, ".") && !strings.HasPrefix(domain, "["):
		return mailaddr.Resolved(written, end)
	case !local: // the domain was completed, or is a literal of another server
		return mailaddr.Resolved(written, macro)
	case domain == "" && s.reads.Origin != "":
		return mailaddr.Resolved(written, user+"@"+s.reads.Origin)
	}
	return mailaddr.Address{Written: written, Local: user}
}

// unroute takes the mailbox at the end of the routes user%host@host and
// host!user, each host of which the mail server takes for itself.
func unroute(address string) string {
	local, domain := mailaddr.Split(address)
	if user, hosts, ok := strings.Cut(local, "%"); ok {
		local = user
		domain, _, _ = strings.Cut(hosts, "%")
	}
	if i := strings.LastIndexByte(local, '!'); i >= 0 {
		domain = local[strings.LastIndexByte(local[:i], '!')+1 : i]
		local = local[i+1:]
	}
	return mailaddr.Join(local, domain)
}
