// Package policyd is the front end that speaks Postfix's policy delegation
// protocol. It turns the attributes of a request into a rules.Session, has a
// [Gate] decide, and turns the decision into an access(5) action. It knows
// nothing of where verdicts come from.
//
// # When it decides
//
// In the protocol states RCPT, DATA and END-OF-MESSAGE. In all others the
// answer is DUNNO: CONNECT and the first EHLO come before STARTTLS, and a
// rejection there would also refuse STARTTLS. A message that was decided at
// RCPT is not decided again at DATA, and one decided before END-OF-MESSAGE not
// again there.
//
// Within one "instance", which is Postfix's name for one mail transaction, the
// same question gets the same answer from memory, for the same recipient may be
// asked about from several restriction lists. That no verdict could be made is
// remembered, too, but does not count as decided. The instance ends when the
// same smtpd process asks about the next one, or closes the connection.
//
// # Attributes
//
// A missing attribute is an unknown fact: Postfix sends each since some release
// and leaves out those of SASL and TLS if it is built without. An attribute
// that is there and empty is a fact known to be empty, with these exceptions:
//
//	client_address           unknown if it is not an IP address ("unknown")
//	client_name,             unknown if "unknown": Postfix says so both of a
//	reverse_client_name      client without a name and of a DNS failure that may
//	                         pass, and sends no attribute that tells which
//	client_port, server_*    unknown if not a number or address, or 0
//	sender, recipient        as the client wrote them, so that they are read as
//	                         the listener's Postfix reads them (package mailaddr)
//	recipient                unknown if empty: DATA and END-OF-MESSAGE do not
//	                         name it if there are several
//	size                     unknown if 0 before END-OF-MESSAGE: no SIZE= given
//	encryption_protocol      plaintext if empty; if it is not the name of an SSL
//	                         or TLS version, TLS of an unknown version
//	sasl_method, _username   a login if one of them is not empty
//	ccert_subject, _issuer   xtext (RFC 3461 section 4); Postfix fills them only
//	                         for a certificate that it trusts, so either of them
//	                         says that it was verified. Empty beside a fingerprint
//	                         they are unknown, and so is whether it was: it may
//	                         have no such names (RFC 9525)
//	ccert_fingerprint        filled for untrusted certificates too: a
//	                         certificate was sent. A raw public key has a
//	                         ccert_pubkey_fingerprint alone, and is none.
//
// protocol_name, recipient_count, sasl_sender, etrn_domain, stress,
// compatibility_level and mail_version hold nothing that rules ask for.
//
// # Actions
//
//	accept       DUNNO, never OK, which would end the restriction list
//	tag          PREPEND of the tag header, and then of Authentication-Results, if
//	             the decision has one; each once an instance. Headers that say fail
//	             may follow ones that say pass, so that there are two of each at
//	             most. Those that say pass and still wait are dropped then.
//	quarantine   HOLD, once an instance; 451 4.3.5 where Postfix has no queue file
//	             (smtpd_proxy_filter): it ignores HOLD then, and delivers
//	defer        the reply: code, status and text
//	reject       the same
//	no verdict   DEFER_IF_PERMIT 4.3.0, or DUNNO, as Config.OnFailure says
//
// # Limits
//
// One request gets one action. So a message is held first, gets its tag header
// with the next request of its instance, and Authentication-Results with the one
// after that, if there are so many: a message with one recipient gets one request
// from smtpd_recipient_restrictions and one from smtpd_data_restrictions, so it
// lacks the third of three. There is no PREPEND at END-OF-MESSAGE. An
// Authentication-Results that a client forged is not removed: the protocol has no
// way to. A header line has 510 octets at most, with "action=PREPEND ".
//
// At RCPT no request tells whether there will be a queue file. A service that is not
// asked at DATA, too, has to be told of smtpd_proxy_filter (Postfix.ProxyFilter): it
// then holds only what has a queue id, which a message has from its second recipient
// on.
//
// Instances are remembered of the 4096 smtpd processes, or twice MaxConns, that
// were heard of last. Processes are told apart by the address of their host and by
// their id, which the instance's name begins with. An instance keeps its latest
// 256 answers. REQUIRETLS is not visible in this protocol, nor is anything of the
// message itself.
//
// A request may have 64 KiB, 200 attributes, and 16 KiB in one line. The time
// limits of Config may be cut by up to a sixteenth, and are never exceeded: they
// are not set anew for each request. IdleTimeout is counted from the moment at
// which the reply before is ready.
//
// # Sources
//
// Postfix SMTPD_POLICY_README (protocol and attributes), access(5) (actions),
// postconf(5) smtpd_policy_service_max_ttl and its siblings (time limits of the
// client), RFC 5321 and RFC 3463 (replies).
//
// # Diagnostics
//
// A request that cannot be read (a line without "=", a CR before the LF, a NUL,
// two values for one attribute, another first attribute than
// request=smtpd_access_policy, too long, too slow, cut off) is logged as a
// warning, and the connection closed without a reply, as SMTPD_POLICY_README
// asks for. So are connections beyond the limit of their listener, which
// the warning names. A panic outside the gate closes the connection, too, and is
// logged as an error with its stack. Postfix then tries once more and falls back
// to smtpd_policy_service_default_action.
//
// Without a verdict, or after a panic in the making of one, an error is logged
// (the panic with its stack), and the connection goes on.
//
// Once each is warned: of requests without encryption_protocol (Postfix built
// without TLS, or older than 2.3), of a service that is asked before RCPT only,
// and of a header that is lost, because it would have been due at END-OF-MESSAGE,
// or because the instance ended before and the service was never asked at DATA.
//
// Lines about bad input and failures are at most one a second of each kind, with
// the number of those left out. Silent are: clients that connect and leave,
// connections closed for idleness or at shutdown, and whatever was decided: the
// Gate logs that.
package policyd
