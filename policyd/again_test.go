package policyd

import (
	"strings"
	"testing"
)

// TestAskedAgain shows that an action which is given once goes to the one that asks
// again, where nobody was left to hear of it.
func TestAskedAgain(t *testing.T) {
	for domain, want := range map[string]string{"tag.example": "PREPEND X-TLS-Policy: ", "hold.example": "HOLD "} {
		s, g, _ := testServer(t, nil)
		address, _ := listen(t, s)
		g.block, g.begun = make(chan struct{}), make(chan struct{}, 1)
		question := ask{"RCPT", "1a.1", "a@" + domain, ""}
		gone, again := connect(t, address), connect(t, address)
		gone.send(question.String())
		<-g.begun
		gone.net.Close()
		close(g.block)
		if got := again.ask(question); !strings.HasPrefix(got, want) {
			t.Errorf("asked again, %s gets %q, want %q", domain, got, want)
		}
		if got := again.ask(question); strings.HasPrefix(got, want) {
			t.Errorf("asked a third time, %s gets %q", domain, got)
		}
	}
}
