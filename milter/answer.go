package milter

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"tlswarden/rules"
)

// Event is an event of a message, and what the milter answers to it.
type Event struct {
	Name   string // "RCPT" or "end of message"
	Frames []Frame
}

// Frame is a whole frame of the milter protocol, the four bytes of its length
// included.
type Frame []byte

// Name is what libmilter's mfdef.h calls the frame.
func (f Frame) Name() string {
	switch f[lengthSize] {
	case actContinue:
		return "SMFIR_CONTINUE"
	case actReplyCode:
		return "SMFIR_REPLYCODE"
	case actQuarantine:
		return "SMFIR_QUARANTINE"
	case actInsertHeader:
		return "SMFIR_INSHEADER"
	case actChangeHeader:
		return "SMFIR_CHGHEADER"
	}
	return fmt.Sprintf("%q", f[lengthSize])
}

// answerWait bounds the dialogue of Answer, which takes no time at all.
const answerWait = 10 * time.Second

// Answer returns what a decision for the only recipient of a message comes to,
// byte for byte: it plays the message to a server of its own, as an MTA that
// offers all that the policy wants, and that sends nothing which would have to be
// removed. What the message says is as the session has it. If the verdict waits
// for that, RCPT is answered with SMFIR_CONTINUE.
func Answer(d *rules.Decision, s *rules.Session, p *rules.Policy) ([]Event, error) {
	server := New(Config{Gate: decided{d, s, p}, Log: slog.New(slog.DiscardHandler)})
	ours, theirs := net.Pipe()
	defer server.sessions.Wait()
	defer theirs.Close()
	if err := theirs.SetDeadline(time.Now().Add(answerWait)); err != nil {
		return nil, err
	}
	server.welcome(ours, new(listener))
	var offer [termsSize]byte
	wanted(p).put(offer[:])
	var events []Event
	for _, event := range []struct {
		name    string // "": the answer does not depend on the decision
		command byte
		content string
	}{
		{"", cmdNegotiate, string(offer[:])},
		{"", cmdMail, "<>\x00"},
		{"RCPT", cmdRcpt, "<>\x00"},
		{"end of message", cmdEnd, ""},
	} {
		frames, err := ask(theirs, event.command, event.content)
		if err != nil {
			return nil, fmt.Errorf("no answer to %q: %w", event.command, err)
		}
		if event.name != "" {
			events = append(events, Event{event.name, frames})
		}
		if event.command == cmdRcpt && frames[0][lengthSize] != actContinue {
			break // no recipient, no message
		}
	}
	return events, nil
}

// ask sends a command and reads its answer: changes, then the reply that ends
// it.
func ask(mta net.Conn, command byte, content string) ([]Frame, error) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)+1))
	b = append(append(b, command), content...)
	if _, err := mta.Write(b); err != nil {
		return nil, err
	}
	var frames []Frame
	for {
		var head [headSize]byte
		if _, err := io.ReadFull(mta, head[:]); err != nil {
			return nil, err
		}
		rest := make([]byte, binary.BigEndian.Uint32(head[:])-1)
		if _, err := io.ReadFull(mta, rest); err != nil {
			return nil, err
		}
		frames = append(frames, append(head[:], rest...))
		if !isChange(head[lengthSize]) {
			return frames, nil
		}
	}
}

// decided is a gate that has one decision, for one session.
type decided struct {
	decision *rules.Decision
	session  *rules.Session
	policy   *rules.Policy
}

func (g decided) Open() Transaction       { return g }
func (g decided) Policy() *rules.Policy   { return g.policy }
func (g decided) Begin(*rules.Session)    {}
func (g decided) Until(time.Time)         {}
func (g decided) Finish(*rules.Session)   {}
func (g decided) Withdraw(*rules.Session) {}
func (g decided) End(string)              {}
func (g decided) Close()                  {}

func (g decided) Unjudged(*rules.Session, string) {}

// Decide puts its session in the place of the one that was played, and waits
// where the policy waits for the message.
func (g decided) Decide(s *rules.Session, later rules.FieldSet, _ string) (rules.Decision, error) {
	*s = *g.session
	if later != 0 && g.policy != nil {
		s.Message = rules.MessageFacts{}
		if v := g.policy.Evaluate(s, later); v.Pending {
			return rules.Decision{Verdict: v}, nil
		}
	}
	return *g.decision, nil
}
