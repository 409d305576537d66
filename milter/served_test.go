package milter

import "testing"

// TestServerAddress shows that the address of the connection comes before the one that
// Sendmail was told to listen on, and that "any address" is none.
func TestServerAddress(t *testing.T) {
	for m, want := range map[macros]string{
		{ifAddr: "192.0.2.25", daemonAddr: "192.0.2.99"}: "192.0.2.25",
		{daemonAddr: "192.0.2.99"}:                       "192.0.2.99",
		{ifAddr: "0.0.0.0", daemonAddr: "192.0.2.99"}:    "192.0.2.99",
		{daemonAddr: "::"}:                               "unknown",
	} {
		var s session
		s.served(m)
		got := "unknown"
		if a, known := s.facts.ServerAddress.Get(); known {
			got = a.String()
		}
		if got != want {
			t.Errorf("%+v: %s, want %s", m, got, want)
		}
	}
}
