package loadtest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"tlswarden/internal/testkit"
)

// The steps that a milter may ask an MTA to leave out, mfdef.h.
const (
	noEOH  = 0x40  // SMFIP_NOEOH
	noData = 0x200 // SMFIP_NODATA
	offers = 0x3ff // these and the older ones
)

// mta is a client of the milter.
type mta struct {
	conn  net.Conn
	in    *bufio.Reader
	steps uint32 // what the milter asked to leave out
	n     int
}

// dialMilter connects and negotiates.
func dialMilter(network, address string) (*mta, error) {
	c, err := net.DialTimeout(network, address, testkit.Patience)
	if err != nil {
		return nil, err
	}
	m := &mta{conn: c, in: bufio.NewReader(c)}
	if err := m.negotiate(); err != nil {
		m.conn.Close()
		return nil, err
	}
	return m, nil
}

func (m *mta) close() { m.conn.Close() }

func (m *mta) negotiate() error {
	offer := binary.BigEndian.AppendUint32(nil, 6)       // SMFI_PROT_VERSION
	offer = binary.BigEndian.AppendUint32(offer, 0x1ff)  // SMFIF_*: all
	offer = binary.BigEndian.AppendUint32(offer, offers) // SMFIP_*
	if err := m.send('O', string(offer)); err != nil {
		return err
	}
	code, content, err := m.receive()
	if err != nil {
		return err
	}
	if code != 'O' || len(content) < 12 {
		return fmt.Errorf("negotiation answered by %q %q", code, content)
	}
	m.steps = binary.BigEndian.Uint32([]byte(content[8:]))
	return nil
}

// frame is a command or macros.
func frame(code byte, content string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)+1))
	return append(append(b, code), content...)
}

func (m *mta) send(code byte, content string) error {
	if err := m.conn.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		return err
	}
	if _, err := m.conn.Write(frame(code, content)); err != nil {
		return closedBy(err)
	}
	return nil
}

// receive reads a frame; a close before its first byte is errClosed.
func (m *mta) receive() (byte, string, error) {
	var head [4]byte
	if n, err := io.ReadFull(m.in, head[:]); err != nil && n == 0 {
		return 0, "", closedBy(err)
	} else if err != nil {
		return 0, "", fmt.Errorf("half a frame: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || size > 64<<10 {
		return 0, "", fmt.Errorf("a frame of %d bytes", size)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(m.in, b); err != nil {
		return 0, "", fmt.Errorf("half a frame: %w", err)
	}
	return b[0], string(b[1:]), nil
}

// command sends a command and returns all that is answered, a letter a frame,
// with the text of replies.
func (m *mta) command(code byte, content string) (string, error) {
	if err := m.send(code, content); err != nil {
		return "", err
	}
	var answer strings.Builder
	for {
		code, content, err := m.receive()
		if err != nil {
			return "", err
		}
		answer.WriteByte(code)
		switch code {
		case 'i': // SMFIR_INSHEADER: an index, a name and a value
			answer.WriteString(" " + strings.ReplaceAll(content[min(4, len(content)):], "\x00", " "))
		case 'm', 'q', 'h':
		default:
			answer.WriteString(strings.TrimSuffix(content, "\x00"))
			return answer.String(), nil
		}
	}
}

// expect sends a command and checks how its answer begins.
func (m *mta) expect(code byte, content, want string) error {
	got, err := m.command(code, content)
	if err == nil && !strings.HasPrefix(got, want) {
		err = fmt.Errorf("%c %q: answered %q, not %q", code, content, got, want)
	}
	return err
}

// connect tells of a client.
func (m *mta) connect() error {
	if err := m.expect('C', "mail.example.org\x004\x04\x01198.51.100.7\x00", "c"); err != nil {
		return err
	}
	return m.expect('H', "mail.example.org\x00", "c")
}

// mail begins a message, which tells of TLS or of plaintext: with the macro j the
// lists that were asked for are shown to be honoured.
func (m *mta) mail(tls bool) error {
	macros := "Mj\x00mx.example.com\x00"
	if tls {
		macros += "{tls_version}\x00TLSv1.3\x00{cipher}\x00TLS_AES_256_GCM_SHA384\x00{cipher_bits}\x00256\x00"
	}
	if err := m.send('D', macros); err != nil {
		return err
	}
	return m.expect('M', "<a@example.org>\x00", "c")
}

// rest gives the recipients of a message, and its end.
func (m *mta) rest(tls bool, recipients int) error {
	refused := "y4" // no TLS was seen on the listener, so that STARTTLS may be broken there
	if tls {
		refused = "y5"
	}
	if err := m.expect('R', "<nobody@example.com>\x00", refused); err != nil {
		return inside(err)
	}
	for i := range recipients {
		if err := m.expect('R', fmt.Sprintf("<anna%d@example.com>\x00", i), "c"); err != nil {
			return inside(err)
		}
	}
	if m.steps&noData == 0 {
		if err := m.expect('T', "", "c"); err != nil {
			return inside(err)
		}
	}
	if m.steps&noEOH == 0 {
		if err := m.expect('N', "", "c"); err != nil {
			return inside(err)
		}
	}
	want := "c"
	if !tls {
		want = "i X-TLS-Policy fail; none"
	}
	return inside(m.expect('E', "", want))
}

// inside makes a close within a transaction an error of its own.
func inside(err error) error {
	if err != nil {
		return fmt.Errorf("within a transaction: %v", err)
	}
	return nil
}

// message sends a message, encrypted or not in turn.
func (m *mta) message(recipients int) error {
	m.n++
	tls := m.n%2 == 0
	if err := m.mail(tls); err != nil {
		return err
	}
	return m.rest(tls, recipients)
}
