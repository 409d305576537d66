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
	end := mailaddr.Unroute(written)
	user, domain := mailaddr.Split(end)
	switch {
	case end != written && !onTheWay(written, macro, user):
		return mailaddr.Address{Written: written} // virtusertable has had its way, or it is another route
	case end != written && !local:
		return mailaddr.Resolved(written, macro)
	case strings.Contains(domain, ".") && !strings.HasPrefix(domain, "["):
		return mailaddr.Resolved(written, end)
	case !local: // the domain was completed, or is a literal of another server
		return mailaddr.Resolved(written, macro)
	case domain == "" && s.reads.Origin != "":
		return mailaddr.Resolved(written, user+"@"+s.reads.Origin)
	}
	return mailaddr.Address{Written: written, Local: user}
}

// onTheWay reports whether what Sendmail tells fits the way of a route: the user at
// its end, or for a mailbox elsewhere a host on it.
func onTheWay(written, macro, user string) bool {
	local, domain := mailaddr.Split(macro)
	if domain == "" {
		return mailaddr.Fold(local) == mailaddr.Fold(user)
	}
	return strings.Contains(mailaddr.Fold(written), mailaddr.Fold(strings.TrimSuffix(domain, ".")))
}
