package mtatest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// HostName is the name that the servers under test call themselves, and the
// name in their certificate.
const HostName = "mx.example.com"

// Certs holds the certificates of one run: made at its start, known to nobody else.
type Certs struct {
	// CA is the authority, in PEM, that the servers trust.
	CA []byte
	// Server is the servers' certificate. Its key is RSA, so that suites
	// without forward secrecy can be agreed too.
	Server tls.Certificate
	// Trusted is a client certificate that CA issued.
	Trusted tls.Certificate
	// Untrusted is a client certificate that vouches for itself.
	Untrusted tls.Certificate
	// Nameless is a client certificate with its name in subjectAltName alone, as
	// RFC 9525 wants it. CA has a second authority, which issued it and has neither
	// a common name nor an organization.
	Nameless tls.Certificate
	// Odd and Percent are client certificates that CA issued to somebody who
	// tries whether his common name ends a header, a log line or a reply, and
	// whether it is read as a format.
	Odd, Percent tls.Certificate
}

const (
	oddName     = "odd\r\nX-TLS-Policy: pass\r\n\r\n\"\x7f<>\x1b[31m"
	percentName = "100%s%n \"\u00fc\" msg=decision"
)

// NewCerts makes all certificates, valid for a day.
func NewCerts() (*Certs, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("authority's key: %w", err)
	}
	caTemplate := template("tlswarden test authority", 1)
	caTemplate.IsCA = true
	caTemplate.BasicConstraintsValid = true
	caTemplate.KeyUsage = x509.KeyUsageCertSign
	ca, err := issue(caTemplate, caTemplate, caKey, caKey)
	if err != nil {
		return nil, err
	}
	certs := &Certs{CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]})}

	serverKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("server's key: %w", err)
	}
	if certs.Server, err = issue(template(HostName, 2), ca.Leaf, serverKey, caKey); err != nil {
		return nil, err
	}
	if certs.Trusted, err = client("client.example.org", 3, ca.Leaf, caKey); err != nil {
		return nil, err
	}
	if certs.Untrusted, err = client("stranger.example.net", 4, nil, nil); err != nil {
		return nil, err
	}
	if certs.Odd, err = client(oddName, 5, ca.Leaf, caKey); err != nil {
		return nil, err
	}
	if certs.Percent, err = client(percentName, 6, ca.Leaf, caKey); err != nil {
		return nil, err
	}
	return certs, certs.addNameless(caTemplate, caKey)
}

// addNameless makes the authority without a name, and what it issues. The key is
// that of the other authority.
func (c *Certs) addNameless(authority *x509.Certificate, key crypto.Signer) error {
	nobody := *authority
	nobody.SerialNumber, nobody.Subject, nobody.DNSNames = big.NewInt(7), pkix.Name{OrganizationalUnit: []string{"mail"}}, nil
	ca, err := issue(&nobody, &nobody, key, key)
	if err != nil {
		return err
	}
	c.CA = append(c.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]})...)
	leaf := template("", 8)
	leaf.Subject, leaf.DNSNames = pkix.Name{}, []string{"client.example.org"}
	c.Nameless, err = issue(leaf, ca.Leaf, key, key)
	return err
}

// client makes a client certificate, signed by itself if there is no authority.
func client(name string, serial int64, ca *x509.Certificate, caKey crypto.Signer) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key of %s: %w", name, err)
	}
	leaf := template(name, serial)
	leaf.DNSNames = nil // nobody looks for it, and not every name can stand there
	if ca == nil {
		ca, caKey = leaf, key
	}
	return issue(leaf, ca, key, caKey)
}

func template(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

func issue(leaf, parent *x509.Certificate, key, parentKey crypto.Signer) (tls.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), parentKey)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate of %s: %w", leaf.Subject.CommonName, err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate of %s: %w", leaf.Subject.CommonName, err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, nil
}

// write puts ca.pem, cert.pem and key.pem into dir, the key readable by its owner only.
func (c *Certs) write(dir string) error {
	key, err := x509.MarshalPKCS8PrivateKey(c.Server.PrivateKey)
	if err != nil {
		return fmt.Errorf("server's key: %w", err)
	}
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Server.Certificate[0]})
	files := []struct {
		name string
		mode os.FileMode
		data []byte
	}{
		{"ca.pem", 0o644, c.CA},
		{"cert.pem", 0o644, leaf},
		{"key.pem", 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})},
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(dir, file.name), file.data, file.mode); err != nil {
			return err
		}
	}
	return nil
}

// Expand replaces ${trusted.cert}, ${trusted.key}, ${untrusted.cert},
// ${untrusted.key} and ${nameless.cert} by the SHA-256 fingerprints of the client certificates and
// of their public keys, in Postfix's spelling (postconf(5), smtpd_tls_fingerprint_digest).
func (c *Certs) Expand(text string) string {
	return strings.NewReplacer(
		"${trusted.cert}", fingerprint(c.Trusted.Leaf.Raw),
		"${trusted.key}", fingerprint(c.Trusted.Leaf.RawSubjectPublicKeyInfo),
		"${nameless.cert}", fingerprint(c.Nameless.Leaf.Raw),
		"${untrusted.cert}", fingerprint(c.Untrusted.Leaf.Raw),
		"${untrusted.key}", fingerprint(c.Untrusted.Leaf.RawSubjectPublicKeyInfo),
	).Replace(text)
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}
