package main

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"tlswarden/internal/testkit"
)

// zone is a name server that says what the test wants, by UDP and TCP on one port.
type zone struct {
	address string
	asked   atomic.Int32

	mu      sync.Mutex
	records map[string][]dns.RR // by "name type"
	odd     map[string]oddity
	secure  bool // sets the AD bit
}

// oddity answers a question as no name server should. It returns nil to be silent.
type oddity func(q *dns.Msg, tcp bool) *dns.Msg

// serve starts a name server with records in master file form. A line that begins
// with a name alone makes the name exist without records.
func serve(t testing.TB, text string) *zone {
	t.Helper()
	z := &zone{records: map[string][]dns.RR{}, odd: map[string]oddity{}, secure: true}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		key := question(rr.Header().Name, rr.Header().Rrtype)
		z.records[key] = append(z.records[key], rr)
	}
	packets, listener := sockets(t)
	z.address = packets.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: z.handler(false)}, {Listener: listener, Handler: z.handler(true)}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return z
}

// sockets are one of each kind on the same port.
func sockets(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, listener
		}
		_ = packets.Close() // taken by somebody else
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

func question(name string, kind uint16) string {
	return strings.ToLower(name) + " " + dns.TypeToString[kind]
}

// oddly makes the answer to one question odd.
func (z *zone) oddly(name string, kind uint16, f oddity) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.odd[question(name, kind)] = f
}

// signed says whether answers have the AD bit.
func (z *zone) signed(yes bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.secure = yes
}

func (z *zone) handler(tcp bool) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		z.asked.Add(1)
		z.mu.Lock()
		defer z.mu.Unlock()
		a := z.answer(q)
		if f := z.odd[question(q.Question[0].Name, q.Question[0].Qtype)]; f != nil {
			a = f(q, tcp)
		}
		if a == nil {
			return
		}
		if opt := q.IsEdns0(); !tcp && opt != nil {
			a.Truncate(int(opt.UDPSize()))
		}
		_ = w.WriteMsg(a)
	}
}

// answer follows aliases as a recursive name server does. A name is missing if no
// record has it, or one below it.
func (z *zone) answer(q *dns.Msg) *dns.Msg {
	a := new(dns.Msg)
	a.SetReply(q)
	a.Compress = true
	a.AuthenticatedData = z.secure && q.IsEdns0() != nil && q.IsEdns0().Do()
	name, kind := q.Question[0].Name, q.Question[0].Qtype
	for range 5 {
		alias := z.records[question(name, dns.TypeCNAME)]
		if len(alias) == 0 || kind == dns.TypeCNAME {
			break
		}
		a.Answer = append(a.Answer, alias...)
		name = alias[0].(*dns.CNAME).Target
	}
	a.Answer = append(a.Answer, z.records[question(name, kind)]...)
	if len(z.records[question(name, kind)]) > 0 {
		return a
	}
	a.Ns = z.records[question("example.", dns.TypeSOA)]
	if !z.exists(name) {
		a.Rcode = dns.RcodeNameError
	}
	return a
}

func (z *zone) exists(name string) bool {
	for key := range z.records {
		if owner, _, _ := strings.Cut(key, " "); dns.IsSubDomain(name, owner) {
			return true
		}
	}
	return false
}

// publisherOf asks the given servers, whose AD bit is trusted.
func publisherOf(zones ...*zone) *publisher {
	r := &resolver{}
	for _, z := range zones {
		r.servers = append(r.servers, server{address: z.address, trusted: true})
	}
	return &publisher{resolver: r, timeout: testkit.Patience}
}

// code answers with a response code.
func code(rcode int) oddity {
	return func(q *dns.Msg, _ bool) *dns.Msg {
		a := new(dns.Msg)
		a.SetRcode(q, rcode)
		return a
	}
}

// insecure answers as the zone does, but without the AD bit.
func (z *zone) insecure(q *dns.Msg, _ bool) *dns.Msg {
	a := z.answer(q)
	a.AuthenticatedData = false
	return a
}

// silent does not answer.
func silent(*dns.Msg, bool) *dns.Msg { return nil }
