package rules

import "strings"

// postfix, sendmail and both are the usual ways in which facts are supplied.
// Releases: Postfix SMTPD_POLICY_README and MILTER_README, Sendmail
// libmilter/docs. "all" is Postfix 2.6 and Sendmail 8.14, the first that let a
// milter ask for its macros.
func supply(postfixMilter, sendmailMilter, postfixPolicy string) Supply {
	return Supply{PostfixMilter: postfixMilter, SendmailMilter: sendmailMilter, PostfixPolicy: postfixPolicy}
}

// catalogue is the only list of fields: rule files, check, the reference page
// and the front ends' tests are driven by it. Its order is that of FieldID.
var catalogue = [fieldCount]Field{
	{FieldClient, "client", KindAddress, "IP address of the SMTP client", StageConnect, supply("all", "all", "2.1"),
		func(s *Session) (Value, bool) { return addr(s.Client) }},
	{FieldLocal, "local", KindBool, "the session comes from this machine: loopback address, unix-domain socket, sendmail -bs", StageConnect, supply("all", "all", "2.1"),
		func(s *Session) (Value, bool) { return boolean(s.Local) }},
	{FieldClientName, "client_name", KindDomain, "host name of the client, verified by a look-up in both directions; empty if it has none", StageConnect, supply("all", "all", "2.1"),
		func(s *Session) (Value, bool) { return domain(s.ClientName) }},
	{FieldClientReverseName, "client_reverse_name", KindDomain, "host name of the client by reverse look-up alone; anyone can claim it for addresses of their own", StageConnect, supply("all", "all", "2.2"),
		func(s *Session) (Value, bool) { return domain(s.ClientReverseName) }},
	{FieldClientPort, "client_port", KindNumber, "TCP port of the client", StageConnect, supply("all", "all", "3.0"),
		func(s *Session) (Value, bool) { return number(s.ClientPort) }},
	{FieldHelo, "helo", KindDomain, "argument of EHLO or HELO", StageHelo, supply("all", "all", "2.1"),
		func(s *Session) (Value, bool) { return domain(s.Helo) }},
	{FieldServerAddress, "server_address", KindAddress, "IP address of this server that the client connected to", StageConnect, supply("all", "all", "3.2"),
		func(s *Session) (Value, bool) { return addr(s.ServerAddress) }},
	{FieldServerPort, "server_port", KindNumber, "TCP port of this server that the client connected to: 25, 465, 587", StageConnect, supply("all", "all", "3.2"),
		func(s *Session) (Value, bool) { return number(s.ServerPort) }},
	{FieldDaemonName, "daemon_name", KindName, "milter macro {daemon_name}: Postfix's host name, or the Name= of Sendmail's DaemonPortOptions", StageConnect, supply("all", "all", ""),
		func(s *Session) (Value, bool) { return text(s.DaemonName) }},
	{FieldPolicyContext, "policy_context", KindText, "policy_context= of the check_policy_service that asks", StageRcpt, supply("", "", "3.1"),
		func(s *Session) (Value, bool) { return text(s.PolicyContext) }},
	{FieldListenerTLSSeen, "listener.tls_seen", KindBool, "an encrypted session was seen on this server address and port within 24 hours, from a client of the same kind (loopback, private, public)", StageConnect, Supply{Gate: true},
		func(s *Session) (Value, bool) { return boolean(s.ListenerTLSSeen) }},
	{FieldListenerCertSeen, "listener.cert_seen", KindBool, "a client certificate was seen on this server address and port within 24 hours, from a client of the same kind (loopback, private, public)", StageConnect, Supply{Gate: true},
		func(s *Session) (Value, bool) { return boolean(s.ListenerCertSeen) }},
	{FieldTLS, "tls", KindBool, "the session is encrypted", StageMail, supply("all", "all", "2.3"),
		func(s *Session) (Value, bool) { return boolean(s.tls.used) }},
	{FieldTLSVersion, "tls_version", KindVersion, "TLS protocol version; plaintext is \"none\" and stands below all", StageMail, supply("all", "all", "2.3"),
		func(s *Session) (Value, bool) { return number(s.tls.version) }},
	{FieldCipher, "cipher", KindCipher, "cipher suite, by any name that OpenSSL, IANA or GnuTLS gives it; empty for plaintext", StageMail, supply("all", "all", "2.3"), readCipher},
	{FieldCipherBits, "cipher_bits", KindNumber, "key bits of the cipher as the MTA reports them; releases of OpenSSL differ, so judge by suite", StageMail, supply("all", "all", "2.3"),
		func(s *Session) (Value, bool) { return number(s.tls.Bits) }},
	{FieldTLSSNI, "tls_sni", KindDomain, "server name that the client asked for (SNI)", StageMail, supply("3.12", "", "3.12"),
		func(s *Session) (Value, bool) { return domain(s.tls.SNI) }},
	{FieldCertPresented, "cert_presented", KindBool, "the client sent a certificate, trusted or not", StageMail, supply("", "all", "2.2"),
		func(s *Session) (Value, bool) { return boolean(s.tls.CertPresented) }},
	{FieldCertVerified, "cert_verified", KindBool, "the client sent a certificate and the server verified it. Postfix tells this by the common name of the subject, and common name or organization of the issuer; of a certificate without any, the policy service leaves it unknown, and the milter alone takes it for none", StageMail, supply("all", "all", "2.2"),
		func(s *Session) (Value, bool) { return boolean(s.tls.CertVerified) }},
	{FieldCertSubject, "cert_subject", KindName, "common name of the client certificate's subject", StageMail, supply("all", "all", "2.2"),
		func(s *Session) (Value, bool) { return text(s.tls.CertSubject) }},
	{FieldCertDN, "cert_dn", KindText, "the client certificate's whole subject, as in /C=DE/O=Example/CN=mx.example.org", StageMail, supply("", "all", ""),
		func(s *Session) (Value, bool) { return text(s.tls.CertDN) }},
	{FieldCertIssuer, "cert_issuer", KindName, "common name of the client certificate's issuer", StageMail, supply("all", "all", "2.2"),
		func(s *Session) (Value, bool) { return text(s.tls.CertIssuer) }},
	{FieldCertFingerprint, "cert_fingerprint", KindFingerprint, "fingerprint of the client certificate, by the digest of smtpd_tls_fingerprint_digest; from Sendmail by that of CertFingerprintAlgorithm, or else MD5", StageMail, supply("", "all", "2.2"),
		func(s *Session) (Value, bool) { return text(s.tls.CertFingerprint) }},
	{FieldCertKeyFingerprint, "cert_key_fingerprint", KindFingerprint, "fingerprint of the client certificate's public key; it survives a renewal with the same key", StageMail, supply("", "", "2.9"),
		func(s *Session) (Value, bool) { return text(s.tls.CertKeyFingerprint) }},
	{FieldAuthenticated, "authenticated", KindBool, "the client logged in (SMTP AUTH)", StageMail, supply("all", "all", "2.2"),
		func(s *Session) (Value, bool) { return boolean(s.Authenticated) }},
	{FieldSASLMethod, "sasl_method", KindName, "SASL mechanism of the login, empty without one", StageMail, supply("all", "all", "2.2"),
		func(s *Session) (Value, bool) { return text(s.SASLMethod) }},
	{FieldSASLUser, "sasl_user", KindText, "name of the user who logged in, empty without a login", StageMail, supply("all", "all", "2.2"),
		func(s *Session) (Value, bool) { return text(s.SASLUser) }},
	{FieldSender, "sender", KindMailbox, "envelope sender; \"<>\" is the null sender", StageMail, supply("all", "all", "2.1"),
		func(s *Session) (Value, bool) { return s.sender.read() }},
	{FieldSenderDomain, "sender_domain", KindDomain, "domain of the envelope sender; anyone can claim it. Empty for the null sender", StageMail, supply("all", "all", "2.1"),
		func(s *Session) (Value, bool) { return s.sender.readDomain() }},
	{FieldRecipient, "recipient", KindMailbox, "envelope recipient", StageRcpt, supply("all", "all", "2.1"),
		func(s *Session) (Value, bool) { return s.recipient.read() }},
	{FieldRecipientDomain, "recipient_domain", KindDomain, "domain of the envelope recipient", StageRcpt, supply("all", "all", "2.1"),
		func(s *Session) (Value, bool) { return s.recipient.readDomain() }},
	{FieldSize, "size", KindNumber, "size in octets that the client declared (SIZE=), or at END-OF-MESSAGE the real one", StageMail, supply("all", "all", "2.2"),
		func(s *Session) (Value, bool) { return number(s.Size) }},
	{FieldRequireTLS, "requiretls", KindBool, "the client gave REQUIRETLS with MAIL (RFC 8689)", StageMail, supply("all", "all", ""),
		func(s *Session) (Value, bool) { return boolean(s.RequireTLS) }},
	{FieldMessageEncrypted, "message.encrypted", KindName, "how the message, or a part of it, is encrypted by its structure; nothing is decrypted", StageEnd, supply("all", "all", ""),
		func(s *Session) (Value, bool) { return text(s.Message.Encrypted) }},
	{FieldMessageTLSRequiredNo, "message.tls_required_no", KindBool, "the message has the field TLS-Required: No (RFC 8689)", StageEnd, supply("all", "all", ""),
		func(s *Session) (Value, bool) { return boolean(s.Message.TLSRequiredNo) }},
	{FieldMessageSPF, "message.spf", KindName, "result of SPF in the Authentication-Results of a trusted authserv-id", StageEnd, supply("all", "all", ""),
		func(s *Session) (Value, bool) { return text(s.Message.SPF) }},
	{FieldMessageDKIM, "message.dkim", KindName, "result of DKIM there; pass if any signature passes, whosever it is", StageEnd, supply("all", "all", ""),
		func(s *Session) (Value, bool) { return text(s.Message.DKIM) }},
	{FieldMessageDMARC, "message.dmarc", KindName, "result of DMARC there, which ties SPF or DKIM to the author's domain", StageEnd, supply("all", "all", ""),
		func(s *Session) (Value, bool) { return text(s.Message.DMARC) }},
	{FieldNow, "now", KindTime, "time of the decision", StageConnect, Supply{Gate: true},
		func(s *Session) (Value, bool) { return Value{Number: s.Now.value.Unix()}, s.Now.known }},
}

// Fields returns the catalogue, in its order.
func Fields() []*Field {
	fs := make([]*Field, len(catalogue))
	for i := range catalogue {
		fs[i] = &catalogue[i]
	}
	return fs
}

// FieldNames returns the names of all fields, in the catalogue's order.
func FieldNames() []string {
	names := make([]string, len(catalogue))
	for i := range catalogue {
		names[i] = catalogue[i].Name
	}
	return names
}

// FieldByID returns a field of the catalogue.
func FieldByID(id FieldID) *Field { return &catalogue[id] }

// FieldByName returns the field that rule files call by this name, nil if there
// is none. Names are case-sensitive.
func FieldByName(name string) *Field {
	for i := range catalogue {
		if catalogue[i].Name == name {
			return &catalogue[i]
		}
	}
	return nil
}

// Names renders the names of a set of facts for people.
func (s FieldSet) Names() string {
	var names []string
	for i := range catalogue {
		if s.Has(FieldID(i)) {
			names = append(names, catalogue[i].Name)
		}
	}
	return strings.Join(names, ", ")
}
