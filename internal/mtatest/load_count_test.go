package mtatest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// tally is what became of all mail of one front end, counted by recipient.
type tally struct {
	sent           int // recipients
	delivered      int // at the first attempt
	refused        int // at the first attempt, as the rules say
	laterDelivered int // after it was deferred
	laterRefused   int
	retries        int // transactions beyond the first of a message
	tagged         int // copies with a tag
	duplicates     int // more copies than one
	lost           int // accepted, and neither delivered nor refused
}

// columns are the names of a tally's numbers.
const columns = "   sent delivered refused deferred,delivered deferred,refused retries tagged duplicates lost"

func (t tally) String() string {
	return fmt.Sprintf("%7d %9d %7d %18d %16d %7d %6d %10d %4d",
		t.sent, t.delivered, t.refused, t.laterDelivered, t.laterRefused, t.retries, t.tagged, t.duplicates, t.lost)
}

func (t tally) plus(u tally) tally {
	return tally{t.sent + u.sent, t.delivered + u.delivered, t.refused + u.refused, t.laterDelivered + u.laterDelivered,
		t.laterRefused + u.laterRefused, t.retries + u.retries, t.tagged + u.tagged, t.duplicates + u.duplicates, t.lost + u.lost}
}

// deferred is how many recipients were deferred before their end.
func (t tally) deferred() int { return t.laterDelivered + t.laterRefused }

// counting compares what the clients were told with what was delivered.
type counting struct {
	tally
	delivered map[string][]Message

	wrong []string
}

// count counts the mail of one front end and takes from delivered what is its.
func count(clients []*loadClient, delivered map[string][]Message) *counting {
	c := &counting{delivered: delivered}
	for _, client := range clients {
		c.wrong = append(c.wrong, client.wrong...)
		for _, m := range client.mails {
			c.retries += max(0, len(m.attempts)-1)
			for _, recipient := range m.recipients() {
				c.recipient(m, recipient)
			}
		}
	}
	return c
}

// recipients are all that the message had.
func (m *loadMail) recipients() []string {
	all := slices.Clone(m.pending)
	for _, a := range m.attempts {
		all = append(all, a.offered...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// recipient counts what became of a message for one recipient.
func (c *counting) recipient(m *loadMail, recipient string) {
	copies := c.copies(m, recipient)
	if has([]string{recipient}, "strict") && !m.tls && copies > 0 {
		c.errorf("%s was delivered, though the rules refuse it", recipient)
	}
	c.sent++
	c.duplicates += max(0, copies-1)
	switch late := m.deferred[recipient]; {
	case m.refused[recipient] && late:
		c.laterRefused++
	case m.refused[recipient]:
		c.refused++
	case copies > 0 && slices.Contains(m.pending, recipient):
		c.errorf("%s was delivered, but its sender was never told so", recipient)
		fallthrough
	case copies > 0 && late:
		c.laterDelivered++
	case copies > 0:
		c.tally.delivered++
	case slices.Contains(m.pending, recipient):
		c.errorf("%s is still with its sender, after %d transactions", recipient, len(m.attempts))
	default:
		c.lost++
		c.errorf("%s is lost: it was accepted and not delivered", recipient)
	}
}

// copies counts what was delivered to a recipient, transaction by transaction.
func (c *counting) copies(m *loadMail, recipient string) int {
	bySubject := map[string][]Message{}
	for _, message := range c.delivered[recipient] {
		subject := strings.Join(message.Values("Subject"), " ")
		bySubject[subject] = append(bySubject[subject], message)
	}
	delete(c.delivered, recipient)
	total := 0
	for _, a := range m.attempts {
		got := bySubject[a.id]
		delete(bySubject, a.id)
		total += len(got)
		least, most := 0, 0
		if slices.Contains(a.taken, recipient) && a.end != notSent {
			most = 1
		}
		if most == 1 && a.end == accepted {
			least = 1
		}
		if len(got) < least || len(got) > most {
			c.errorf("%s got %d copies of transaction %s, expected %d to %d", recipient, len(got), a.id, least, most)
		}
		for _, message := range got {
			c.tags(m, a, recipient, message)
		}
	}
	for subject := range bySubject {
		c.errorf("%s got a message with the subject %q that is not its own", recipient, subject)
	}
	return total
}

// tags looks at the tag of a copy. A message gets its tag for all its
// recipients. The policy service may give one for a recipient that was then
// deferred by the milter behind it.
func (c *counting) tags(m *loadMail, a *loadAttempt, recipient string, message Message) {
	tags := message.Values("X-TLS-Policy")
	most, least := 0, 0
	if !m.tls && has(a.offered, "tagged") {
		most = 1
	}
	if !m.tls && has(a.taken, "tagged") {
		least = 1
	}
	wrong := slices.ContainsFunc(tags, func(tag string) bool { return tag != loadTag })
	if len(tags) < least || len(tags) > most || wrong {
		c.errorf("%s, transaction %s, has the tags %q, expected %d to %d of them", recipient, a.id, tags, least, most)
	}
	c.tagged += min(1, len(tags))
}

func (c *counting) errorf(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// decisionLines counts the decisions in the log by sender and recipient, those that took mail.
func decisionLines(log string) map[[2]string]int {
	lines := map[[2]string]int{}
	for line := range strings.Lines(log) {
		fields, err := parseLogLine(line)
		if err != nil {
			continue
		}
		values := map[string]string{}
		for _, field := range fields {
			values[field.key] = field.value
		}
		if values["msg"] == "decision" && (values["action"] == "accept" || values["action"] == "tag") {
			lines[[2]string{values["sender"], values["recipient"]}]++
		}
	}
	return lines
}

// cutShort tells of messages that were not taken though a recipient was.
func cutShort(clients []*loadClient) []string {
	var wrong []string
	for _, client := range clients {
		for _, m := range client.mails {
			for _, a := range m.attempts {
				if len(a.taken) > 0 && a.end != accepted {
					wrong = append(wrong, fmt.Sprintf("transaction %s had recipients, but was not finished", a.id))
				}
			}
		}
	}
	return wrong
}

// unanswered tells of replies that Postfix made for want of an answer.
func unanswered(clients []*loadClient) []string {
	var wrong []string
	for _, client := range clients {
		for reply, n := range client.replies {
			if strings.Contains(reply, "Service unavailable") {
				wrong = append(wrong, fmt.Sprintf("%s got %d times: %s", client.name, n, reply))
			}
		}
	}
	return wrong
}

// checkDecisions shows that the log has one decision for each recipient that was
// taken, whether one front end was asked about it or two.
func checkDecisions(t *testing.T, clients []*loadClient, lines map[[2]string]int) {
	t.Helper()
	var wrong []string
	for _, client := range clients {
		for _, m := range client.mails {
			for _, a := range m.attempts {
				for _, recipient := range a.taken {
					if got := lines[[2]string{a.sender(), recipient}]; a.end == accepted && got != 1 {
						wrong = append(wrong, fmt.Sprintf("%d decision lines for %s to %s, expected 1", got, a.sender(), recipient))
					}
				}
			}
		}
	}
	report(t, wrong)
}

// report fails the test with the first of what is wrong.
func report(t *testing.T, wrong []string) {
	t.Helper()
	for i, what := range wrong {
		if i == 20 {
			t.Errorf("and %d more", len(wrong)-i)
			return
		}
		t.Error(what)
	}
}

// logReplies shows the replies that were not positive, the most frequent first.
func logReplies(t *testing.T, front string, clients []*loadClient) {
	t.Helper()
	all := map[string]int{}
	for _, client := range clients {
		for reply, n := range client.replies {
			all[reply] += n
		}
	}
	for _, reply := range slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(all[b]-all[a], strings.Compare(a, b)) }) {
		t.Logf("%-8s%7d times %s", front, all[reply], reply)
	}
}
