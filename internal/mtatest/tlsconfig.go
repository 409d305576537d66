package mtatest

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// TLSOptions is how a client does its TLS handshake.
type TLSOptions struct {
	// Version is the only version offered, as "TLSv1.2"; "" offers 1.2 and 1.3.
	Version string
	// Cipher is the only suite offered, by its OpenSSL name; "" offers what
	// crypto/tls does. Under TLS 1.3 it cannot be chosen.
	Cipher string
	// Cert is "trusted", "untrusted", "nameless", "odd", "percent", or "" for no client certificate.
	Cert string
}

// cipherSuites are the suites of crypto/tls by their OpenSSL names, as
// openssl-ciphers(1) pairs them.
var cipherSuites = map[string]uint16{
	"AES128-SHA":                  tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                  tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	"AES128-SHA256":               tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	"AES128-GCM-SHA256":           tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES256-GCM-SHA384":           tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-AES128-SHA":        tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":        tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES128-SHA256":     tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-RSA-AES128-GCM-SHA256": tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES256-GCM-SHA384": tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-CHACHA20-POLY1305": tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// versions are the protocol versions by the names that both servers report.
var versions = map[string]uint16{
	"TLSv1":   tls.VersionTLS10,
	"TLSv1.1": tls.VersionTLS11,
	"TLSv1.2": tls.VersionTLS12,
	"TLSv1.3": tls.VersionTLS13,
}

// Check says what is wrong with the options, before anything is started.
func (o TLSOptions) Check() error {
	if _, ok := versions[o.Version]; !ok && o.Version != "" {
		return fmt.Errorf("TLS version %q is none of %s", o.Version, strings.Join(sortedKeys(versions), " "))
	}
	if _, ok := cipherSuites[o.Cipher]; !ok && o.Cipher != "" {
		return fmt.Errorf("cipher %q is none of %s", o.Cipher, strings.Join(sortedKeys(cipherSuites), " "))
	}
	if o.Cipher != "" && o.Version == "TLSv1.3" {
		return fmt.Errorf("cipher %q cannot be chosen with TLSv1.3", o.Cipher)
	}
	if !slices.Contains([]string{"", "trusted", "untrusted", "nameless", "odd", "percent"}, o.Cert) {
		return fmt.Errorf("cert %q is none of trusted, untrusted, nameless, odd, percent", o.Cert)
	}
	return nil
}

// Config is the crypto/tls configuration for the options. The server's
// certificate is not verified: mail clients do not, unless DANE or MTA-STS tell them to.
func (o TLSOptions) Config(certs *Certs) (*tls.Config, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	config := &tls.Config{InsecureSkipVerify: true, ServerName: HostName}
	if o.Version != "" {
		config.MinVersion, config.MaxVersion = versions[o.Version], versions[o.Version]
	}
	if o.Cipher != "" {
		config.CipherSuites = []uint16{cipherSuites[o.Cipher]}
		if o.Version == "" {
			config.MaxVersion = tls.VersionTLS12 // or the suite would have no say
		}
	}
	// GetClientCertificate offers it whatever authorities the server names.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		switch o.Cert {
		case "trusted":
			return &certs.Trusted, nil
		case "untrusted":
			return &certs.Untrusted, nil
		case "nameless":
			return &certs.Nameless, nil
		case "odd":
			return &certs.Odd, nil
		case "percent":
			return &certs.Percent, nil
		}
		return &tls.Certificate{}, nil
	}
	return config, nil
}

func sortedKeys(m map[string]uint16) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
