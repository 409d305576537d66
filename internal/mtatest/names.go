package mtatest

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Names is a name server on loopback that knows some records, all of them as if
// DNSSEC secured them, and that there are no others.
type Names struct {
	// Address is where it listens, by UDP.
	Address string
	server  *dns.Server
	records []dns.RR
}

// StartNames starts a name server. The records are in the form of a zone file, one
// a line.
func StartNames(records string) (*Names, error) {
	n := &Names{}
	for line := range strings.Lines(records) {
		rr, err := dns.NewRR(line)
		if err != nil {
			return nil, fmt.Errorf("record %q: %w", strings.TrimSpace(line), err)
		}
		if rr != nil {
			n.records = append(n.records, rr)
		}
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n.Address = packets.LocalAddr().String()
	started := make(chan struct{})
	n.server = &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(n.answer), NotifyStartedFunc: func() { close(started) }}
	go func() { _ = n.server.ActivateAndServe() }() // it fails at the end, when the socket is closed
	<-started
	return n, nil
}

// answer says what there is, or that there is no such name.
func (n *Names) answer(w dns.ResponseWriter, q *dns.Msg) {
	a := new(dns.Msg)
	a.SetReply(q)
	a.AuthenticatedData = true
	asked := q.Question[0]
	a.Rcode = dns.RcodeNameError
	if slices.ContainsFunc(n.records, func(rr dns.RR) bool { return dns.IsSubDomain(asked.Name, rr.Header().Name) }) {
		a.Rcode = dns.RcodeSuccess
	}
	for _, rr := range n.records {
		if strings.EqualFold(rr.Header().Name, asked.Name) && rr.Header().Rrtype == asked.Qtype {
			a.Answer = append(a.Answer, rr)
		}
	}
	_ = w.WriteMsg(a) // who asked asks again
}

// Stop ends it.
func (n *Names) Stop() error { return n.server.Shutdown() }
