package message

import (
	"strings"
	"testing"
)

// TestFileNames gives octets a name in each way: what is called .p7m is S/MIME (RFC
// 8551 section 3.9), and encrypted if its content is.
func TestFileNames(t *testing.T) {
	const octets, file = "Content-Type: application/octet-stream", "\nContent-Disposition: attachment"
	const yes, no, maybe = "smime no unknown", "no no no", "unknown no unknown"
	for _, c := range []struct{ header, want string }{
		{octets + "; name=smime.p7m", yes},
		{octets + "; name=\"smime.p7m\"", yes},
		{octets + "; NAME = \"Numbers.P7M\" (c)", yes},
		{octets + " (c); (c) name (c) = (c) smime.p7m (c)", yes},
		{octets + "; x=y; name=smime.p7m; z", yes},
		{octets + "; charset=a; charset=b; name=smime.p7m", yes},
		{octets + "; name=smime.p7m; name=\"smime.p7m\"", yes},
		{"content-type: Application/Octet-Stream;\n\tname=smime.p7m", yes},
		{octets + file + "; filename=smime.p7m", yes},
		{octets + file + ";\n filename=\"smime.p7m\"; size=12", yes},
		{"Content-Disposition: inline (c) ; (c) FileName (c) = (c) smime.p7m\n" + octets, yes},
		{octets + "\nContent-Disposition: filename=smime.p7m", yes},
		{octets + "\nContent-Disposition: attachment; creation-date=\"x\"; filename=smime.p7m", yes},
		{octets + "; name=\"C:\\My Mail\\smime.p7m\"", yes},
		{octets + "; name=\"a (1).p7m\"", yes},
		{octets + "; name=\"smime.p7m \"", yes},
		{octets + "; name=\"a long\n name.p7m\"", yes},
		{octets + "; name=a.p7m" + file + "; filename=b.p7m", yes},
		{octets + "; filename=smime.p7m", yes},
		{octets + file + "; name=smime.p7m", yes},

		// RFC 2231.
		{octets + "; name*=us-ascii'en'smime.p7m", yes},
		{octets + "; name*=utf-8''smime%2Ep7m", yes},
		{octets + "; name*=utf-8''smime%2e%70%37%6D", yes},
		{octets + file + "; filename*=UTF-8''Gr%C3%BC%C3%9Fe.p7m", yes},
		{octets + file + "; filename*0=\"smi\"; filename*1=\"me.p\"; filename*2=\"7m\"", yes},
		{octets + file + "; filename*1=me.p7m; filename*0=smi", yes},
		{octets + file + "; filename*0*=utf-8''smi; filename*1*=me%2E; filename*2=p7m", yes},
		{octets + file + "; filename=smime.p7m; filename*=utf-8''smime.p7m", yes},
		{octets + file + "; filename*0=smime; filename*2=.p7m", maybe},
		{octets + file + "; filename*1=smime.p7m", maybe},
		{octets + file + "; filename*0=a; filename*0=b; filename*1=.p7m", maybe},
		{octets + file + "; filename*x=a.p7m", maybe},
		{octets + file + "; filename=a.bin; filename*=utf-8''smime.p7m", maybe},
		{octets + file + "; filename*0=smime; filename*1=.p7m.bin", no},
		{octets + "; name=smime%2Ep7m", maybe},
		{octets + file + "; filename=\"smime.p7%6d\"", maybe},
		{octets + file + "; filename*0=smime%2E; filename*1=p7m", maybe},
		{octets + "; name=100%.pdf", no},
		{octets + "; name*=utf-16le''s%00.%00p%007%00m%00", maybe},
		{octets + "; name*=UTF-7''smime+AC4-p7m", maybe},
		{octets + file + "; filename*0*=utf-16le''s%00.%00p%00; filename*1*=7%00m%00", maybe},
		{octets + file + "; filename*=iso-8859-15'de'Gr%FC%DFe.pdf", no},

		// Encoded words.
		{octets + "; name=\"=?utf-8?Q?smime=2Ep7m?=\"", yes},
		{octets + "; name=\"=?UTF-8?B?c21pbWUucDdt?=\"", yes},
		{octets + "; name==?utf-8?Q?smime=2Ep7m?=", yes},
		{octets + "; name=\"=?iso-8859-15?q?Gr=FC=DFe?= =?iso-8859-15?q?=2Ep7m?=\"", yes},
		{octets + file + ";\n filename=\"=?koi8-r?B?zsHNxQ==?=\n =?koi8-r?B?LnA3bQ==?=\"", yes},
		{octets + "; name=\"=?utf-8?Q?smime?=.p7m\"", yes},
		{octets + "; name==?utf-8?Q?smi?= =?utf-8?Q?me.p7m?=", maybe},
		{octets + "; name=\"=?utf-8?Q?numbers.pdf?=\"", no},
		{octets + "; name=\"=?windows-1252?Q?n=FCmbers.pdf?=\"", no},
		{octets + file + "; filename=\"=?utf-8?B?ZWluLnA3bQ?=\"", maybe},
		{octets + file + "; filename=\"=?utf-8?B?ZWluLnA3bQ=?=\"", maybe},
		{octets + "; name=\"=?utf-8?Q?smime=2p7m?=\"", maybe},
		{octets + "; name=\"=?utf-8?Q?a?= =?utf-8?X?smime.p7m?=\"", maybe},
		{octets + "; name=\"=?utf-16le?B?cwAuAHAANwBtAA==?=\"", maybe},
		{octets + "; name=\"=?utf-8?Q?smime=3Fp7m?=\"", no},

		// Names that readers read in different ways, or that contradict each other.
		{octets + "; name=smime.bin; name=smime.p7m", maybe},
		{octets + "; name=a.bin" + file + "; filename=smime.p7m", maybe},
		{octets + "; name=smime.p7m" + file + "; filename=a.bin", maybe},
		{octets + file + "; filename=a.bin\nContent-Disposition: attachment; filename=smime.p7m", maybe},
		{octets + "; name=my smime.p7m", maybe},
		{octets + "; name=smime(1).p7m", maybe},
		{octets + "; name=\"smime.p7m", maybe},
		{octets + file + " filename=\"smime.p7m\"", maybe},
		{octets + file + " filename=smime.p7m", maybe},
		{octets + " x; name=smime.p7m", maybe},
		{octets + " (; name=a.bin); name=smime.p7m", maybe},
		{"Content-Type: application/x-smime; name=smime.p7m", maybe},
		{"Content-Type: application/pkcs7; name=smime.p7m", maybe},
		{"Content-Type: binary/octet-stream" + file + "; filename=smime.p7m", maybe},
		{"Content-Type: file" + file + "; filename=smime.p7m", maybe},
		{"Content-Disposition: attachment; filename=smime.p7m", maybe},
		{octets + "; name=smime.p7m.", maybe},
		{octets + "; name=\"'smime.p7m'\"", maybe},
		{octets + "; name='smime.p7m'", maybe},
		{octets + "; name=\"smime.p7m;\"", maybe},
		{octets + "; name=\"smime.p7m::$DATA\"", maybe},
		{octets + "; name=\"smime.p7m/\"", maybe},
		{octets + "; name*=utf-8''smime.p7m%00.pdf", maybe},
		{octets + "; name*=utf-8''smime.p7%E2%80%8Bm", maybe},
		{octets + "; name=\"smime.p7\u200bm\"", maybe},
		{octets + "; name=\"smime.p7m\u00a0\"", maybe},
		{octets + "; name=\"smime.p7\n m\"", maybe},
		{octets + "; name=\"smime.p7m\x01\"", maybe},
		{octets + "; name=\"smime.p7m?.pdf\"", maybe},

		// Other names.
		{octets, no},
		{octets + "; name=smime.p7s", no},
		{octets + "; name=p7m", no},
		{octets + "; name=smime.p7m.pdf", no},
		{octets + "; name=smime.p7max", no},
		{octets + "; name=smime.p7m_old", no},
		{octets + "; name=\"smime.pdf", no},
		{octets + file + "; filename=a.pdf\nX-Filename: smime.p7m", no},
		{octets + "; x-name=smime.p7m", no},
		{octets + " (name=smime.p7m)", no},
		{"Content-Type: text/html; name=smime.p7m", no},
		{"Content-Type: message/rfc822; name=smime.p7m", no},
		{"Content-Type: application/pdf; name=a.pdf", no},
	} {
		want := strings.Fields(c.want)
		for i, content := range []string{enveloped, signed, "neither"} {
			heldBy(t, c.header+"\nContent-Transfer-Encoding: base64", inBase([]byte(content)), want[i], want[i])
		}
	}
}
