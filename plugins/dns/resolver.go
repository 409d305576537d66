package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

const (
	// udpSize is what answers by UDP may have without being fragmented
	// (RFC 9715 section 3.2).
	udpSize = 1400
	// rounds is how often each name server is asked: a datagram may be lost.
	rounds = 2
	// How long answers hold, whatever their records say.
	minTTL = time.Minute
	maxTTL = time.Hour
)

// resolver asks recursive name servers. It may be used by many goroutines at once.
type resolver struct {
	upstream               // of the settings
	conf     *resolvConf   // nil: upstream
	next     atomic.Uint32 // which server is asked first, if they take turns
}

// upstream are name servers, and how they are asked.
type upstream struct {
	servers []server
	rounds  int           // how often each is asked; 0: rounds
	wait    time.Duration // for one answer; 0: its share of the time
	rotate  bool          // they take turns
}

type server struct {
	address string // with port
	trusted bool   // its AD bit says that it checked DNSSEC, and nobody can forge that
}

// answer is what name servers say about one name and type. No records is an
// answer, too.
type answer struct {
	name    string   // to which aliases lead, lower-case
	records []dns.RR // of the type asked for
	missing bool     // there is no such name
	secure  bool     // checked by DNSSEC
	judged  bool     // secure was said by a server that is trusted in that
	ttl     time.Duration
}

// now are the name servers at the moment.
func (r *resolver) now() upstream {
	if r.conf != nil {
		return r.conf.read()
	}
	return r.upstream
}

// trustsAny says whether it can be known that an answer is secure.
func (u upstream) trustsAny() bool {
	return slices.ContainsFunc(u.servers, func(s server) bool { return s.trusted })
}

// ask asks one server after the other, all of them twice unless resolv.conf says
// otherwise, until one answers. Each has its share of the time that is left of ctx, which
// must have a deadline. The name is absolute: it ends with a dot.
func (r *resolver) ask(ctx context.Context, name string, kind uint16) (answer, error) {
	deadline, _ := ctx.Deadline()
	up := r.now()
	tries := cmp.Or(up.rounds, rounds) * len(up.servers)
	first := 0
	if up.rotate {
		first = int(r.next.Add(1) % uint32(len(up.servers)))
	}
	err := context.DeadlineExceeded
	for i := range tries {
		left := time.Until(deadline)
		if left <= 0 || ctx.Err() != nil {
			break
		}
		s := up.servers[(first+i)%len(up.servers)]
		share := left / time.Duration(tries-i)
		var m *dns.Msg
		if m, err = exchange(ctx, s.address, name, kind, min(share, cmp.Or(up.wait, share))); err == nil {
			return read(m, kind, s.trusted), nil
		}
	}
	return answer{}, fmt.Errorf("%s %s: %w", name, dns.TypeToString[kind], err)
}

// exchange asks one server by UDP, and by TCP if the answer is too long for that.
func exchange(ctx context.Context, address, name string, kind uint16, timeout time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	q := new(dns.Msg)
	q.SetQuestion(name, kind)
	q.SetEdns0(udpSize, true)
	q.AuthenticatedData = true // RFC 6840 section 5.7
	udp := &dns.Client{Net: "udp", Timeout: timeout}
	a, _, err := udp.ExchangeContext(ctx, q, address)
	// What is left of a message that was cut need not be well-formed.
	if a != nil && a.Truncated && a.Id == q.Id {
		tcp := &dns.Client{Net: "tcp", Timeout: timeout}
		a, _, err = tcp.ExchangeContext(ctx, q, address)
	}
	if err != nil {
		return nil, err
	}
	return a, fits(q, a)
}

// fits says what keeps a message from being the answer to a question.
func fits(q, a *dns.Msg) error {
	switch {
	case !a.Response || a.Opcode != dns.OpcodeQuery || len(a.Question) != 1 || a.Truncated:
		return errors.New("not an answer")
	case !strings.EqualFold(a.Question[0].Name, q.Question[0].Name) || a.Question[0].Qtype != q.Question[0].Qtype:
		return errors.New("an answer to another question")
	case a.Rcode != dns.RcodeSuccess && a.Rcode != dns.RcodeNameError:
		if text, ok := dns.RcodeToString[a.Rcode]; ok {
			return errors.New(text)
		}
		return fmt.Errorf("response code %d", a.Rcode)
	}
	return nil
}

// read takes the records of one type from an answer that fits. Aliases (CNAME)
// were followed by the name server, and their time to live counts, too.
func read(m *dns.Msg, kind uint16, trusted bool) answer {
	a := answer{name: aliased(m), missing: m.Rcode == dns.RcodeNameError, secure: trusted && m.AuthenticatedData, judged: trusted, ttl: maxTTL}
	for _, rr := range m.Answer {
		a.ttl = min(a.ttl, seconds(rr.Header().Ttl))
		if rr.Header().Rrtype == kind {
			a.records = append(a.records, rr)
		}
	}
	if len(a.records) == 0 {
		a.ttl = min(a.ttl, negativeTTL(m))
	}
	a.ttl = max(a.ttl, minTTL)
	return a
}

// aliased is the name to which aliases lead from the one that was asked for.
func aliased(m *dns.Msg) string {
	if len(m.Question) == 0 {
		return ""
	}
	to := map[string]string{}
	for _, rr := range m.Answer {
		if r, ok := rr.(*dns.CNAME); ok {
			to[strings.ToLower(r.Hdr.Name)] = strings.ToLower(r.Target)
		}
	}
	name := strings.ToLower(m.Question[0].Name)
	for range to { // longer, it would be a circle
		if next, ok := to[name]; ok {
			name = next
		}
	}
	return name
}

// negativeTTL is how long it holds that there are no records: RFC 2308 section 5.
func negativeTTL(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(seconds(soa.Hdr.Ttl), seconds(soa.Minttl))
		}
	}
	return minTTL
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// dial connects to a host by name, which the same name servers resolve, but only
// to addresses of the public net: whoever sends mail chooses the name.
func (r *resolver) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return r.dialer(publicOnly).DialContext(ctx, network, absolute(address))
}

// absolute makes the name in an address with a port one that ends with a dot: Go's
// resolver puts no domain of the search list of resolv.conf behind that.
func absolute(address string) string {
	host, port, err := net.SplitHostPort(address)
	if _, ip := netip.ParseAddr(host); err != nil || ip == nil || strings.HasSuffix(host, ".") {
		return address
	}
	return net.JoinHostPort(host+".", port)
}

// control is asked before each connection.
type control = func(ctx context.Context, network, address string, c syscall.RawConn) error

func (r *resolver) dialer(c control) *net.Dialer {
	own := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		servers := r.now().servers
		s := servers[r.next.Add(1)%uint32(len(servers))]
		return new(net.Dialer).DialContext(ctx, network, s.address)
	}}
	return &net.Dialer{Resolver: own, ControlContext: c}
}
