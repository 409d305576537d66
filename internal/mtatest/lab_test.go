package mtatest

import (
	"strings"
	"testing"
)

func TestProtocolFaults(t *testing.T) {
	const log = `Nov 22 20:04:26 mx postfix/smtpd[3317]: connect from localhost[127.0.0.1]
Nov 22 20:04:26 mx postfix/smtpd[3317]: warning: milter inet:127.0.0.1:8465: can't read SMFIC_OPTNEG reply packet header: Success
Nov 22 20:04:26 mx postfix/cleanup[3318]: panic: cleanup_milter_error: missing errno to error flag mapping
Nov 22 20:04:26 mx postfix/smtpd[3317]: warning: milter inet:127.0.0.1:8465: unexpected filter response SMFIR_ADDHEADER after event SMFIC_RCPT
Nov 22 20:04:26 mx postfix/smtpd[3317]: warning: unknown smtpd restriction: "DUNO"
Nov 22 20:04:26 mx postfix/smtpd[3317]: NOQUEUE: milter-reject: RCPT from localhost[127.0.0.1]: 451 4.7.0 TLSv1 is below TLSv1.2
Nov 22 20:04:26 mx sendmail[1]: Milter (tlswarden): to error state
`
	got := protocolFaults(log)
	if len(got) != 4 || !strings.Contains(got[0], "panic") || !strings.Contains(got[3], "to error state") {
		t.Errorf("%q", got)
	}
}
