package policyd

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tlswarden/internal/ratelimit"
)

// manyEarly is how many requests before RCPT, with none later, show that the
// service is asked in the wrong place.
const manyEarly = 50

// watchEarly counts requests in states in which nothing is decided.
func (s *Server) watchEarly(state string) {
	if s.late.Load() || !beforeRcpt(state) {
		return
	}
	if s.early.Add(1) == manyEarly {
		s.log.Warn("policy service is only asked before RCPT: put check_policy_service into smtpd_recipient_restrictions (or set smtpd_delay_reject = yes)")
	}
}

// headerLost warns once that a message lacks a header that it should have.
func (s *Server) headerLost(why string) {
	if s.lost.CompareAndSwap(false, true) {
		s.log.Warn("a header is lost: " + why + "; put check_policy_service into smtpd_recipient_restrictions and smtpd_data_restrictions")
	}
}

// watchLate notes that the service is asked when something can be decided, and
// warns once if Postfix does not say whether the session is encrypted.
func (s *Server) watchLate(r *request, st stage) {
	if !s.late.Load() {
		s.late.Store(true)
	}
	if st == stageData && !s.atData.Load() {
		s.atData.Store(true)
	}
	if !r.fact(attrProtocol).Known() && s.noTLS.CompareAndSwap(false, true) {
		s.log.Warn("policy requests come without encryption_protocol: Postfix is built without TLS, or older than 2.3; whether sessions are encrypted is unknown")
	}
}

// endAll ends all instances.
func (s *Server) endAll() {
	for in := s.instances.removeOldest(); in != nil; in = s.instances.removeOldest() {
		s.drop(in)
	}
}

// drop ends an instance that no request to come can find, but for one that found
// it before and waits for its lock: that ends it again.
func (s *Server) drop(in *instance) {
	in.mu.Lock()
	in.forgotten = true
	s.release(in)
}

// release unlocks an instance after a request.
func (s *Server) release(in *instance) {
	defer in.mu.Unlock()
	if in.forgotten {
		s.end(in)
	}
}

// end ends what an instance holds. The caller holds its lock.
func (s *Server) end(in *instance) {
	if in.owes() && !s.atData.Load() { // else the client may have given up before DATA
		s.headerLost("each takes a request of its own, and none came at DATA")
	}
	if in.tx == nil {
		return
	}
	if err := in.close(); err != nil {
		s.failure(err)
	}
	in.tx = nil
}

func (in *instance) close() (err error) {
	defer recovered(&err)
	defer in.tx.Close()
	if in.passed {
		in.tx.End(in.queueID)
	}
	return nil
}

// failure logs that something went wrong behind the gate.
func (s *Server) failure(err error) {
	args := []any{"error", err}
	if p := (*panicError)(nil); errors.As(err, &p) {
		args = append(args, "stack", string(p.stack))
	}
	s.limited(s.failures, slog.LevelError, "no verdict for a policy request", args...)
}

// warn logs something about bad input.
func (s *Server) warn(message string, args ...any) {
	s.limited(s.badInput, slog.LevelWarn, message, args...)
}

// limited logs a line unless there was one of its kind just now.
func (s *Server) limited(l *ratelimit.Limiter, level slog.Level, message string, args ...any) {
	ok, suppressed := l.Allow(time.Now())
	if !ok {
		return
	}
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	s.log.Log(context.Background(), level, message, args...)
}
