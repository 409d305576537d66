// Package milter is the front end that speaks the milter protocol with Postfix
// and Sendmail. It turns events and macros into a rules.Session, has a [Gate]
// decide, and turns the decision into replies and changes. It knows nothing of
// where verdicts come from.
//
// # When it decides
//
// At RCPT, once for each recipient that the MTA itself takes. Never at CONNECT
// or HELO, which come before STARTTLS: a rejection there makes both MTAs refuse
// STARTTLS, too. A recipient whose verdict waits for facts of the message is
// let through and decided at its end; all recipients that wait must wait for
// the same rule, be the same to every condition on recipients, and share the
// message with no others, or are told 452 4.5.3, so that the sender sends them a
// copy of their own. Their strongest verdict is then the reply to the message.
// Rules that only record make nobody wait: the gate is told what the message says
// when it is there.
//
// Nothing that waits passes because an event does not come. Under
// smtpd_proxy_filter DATA is the last that Postfix tells of a message: it then has
// no queue id at DATA, where it else has one. Those that wait are decided there,
// with the facts of the message unknown, whatever the MTA. Where DATA is not told
// either (milter_protocol below 4) nobody waits, and mail to be quarantined gets
// 451 4.3.5 at RCPT, unless the MTA is Sendmail, or there is a queue id: then the
// end of the message comes. If it yet does not come after DATA, that is recorded.
//
// What is known of the connection stays until the MTA says it anew. What is
// known of a message is forgotten at the next MAIL: SMFIC_ABORT comes after
// each message from Postfix and only after aborted ones from Sendmail.
//
// # How TLS is known
//
// The TLS macros are asked for at MAIL (SMFIF_SETSYMLIST), for by default both
// MTAs send them with HELO alone, and a client need not send EHLO again after
// STARTTLS. The list holds j, too, which always has a value: if it is there,
// the macros are those that were asked for.
//
//	j there, {tls_version} there      TLS, as the macros of MAIL say
//	j there, {tls_version} missing    plaintext
//	j missing, {tls_version} there    TLS, as MAIL or else HELO says
//	j missing, {tls_version} missing  unknown: the MTA may just not send it
//	{tls_version} not SSLv.., TLSv..  unknown: milter_macro_defaults of Postfix
//	                                  can supply any value
//
// An empty macro is a missing one. Certificates are where the MTAs differ:
//
//	{verify} OK         presented and verified (Sendmail); subject and issuer
//	                    are {cn_subject} and {cn_issuer}, the DN {cert_subject}
//	{verify} FAIL       presented, not verified; no names, since anyone can write
//	                    any name into a certificate of their own
//	{verify} NO, NOT    not presented
//	{verify} other      unknown
//	no {verify}         Postfix: {cert_subject} and {cert_issuer} are common names
//	                    and there for a verified certificate only. Without them
//	                    it is not known whether one was presented; it counts as not
//	                    verified, though it may be and have neither a common name
//	                    nor an issuer with common name or organization
//	{cert_fp}           fingerprint of one that was presented, verified or not
//	                    (Sendmail), by the digest of CertFingerprintAlgorithm;
//	                    else {cert_md5}. Of the key there is none.
//
// # Other facts
//
//	client              unknown if Postfix lost the address (family U); sendmail -bs
//	                    and unix-domain sockets are local
//	client_name         by {client_resolve}: unknown if TEMP, empty if FAIL or
//	                    FORGED; where that is missing, known from Postfix only
//	helo                known to be none if no HELO came, or none after STARTTLS (RFC
//	                    3207 section 4.2). Unknown in a session that goes on after
//	                    XCLIENT, which may have given it: one at a port that another
//	                    session has or just had, without a port, or with TLS at
//	                    CONNECT
//	server_address      {if_addr} (Sendmail), else {daemon_addr} unless 0.0.0.0
//	authenticated       {auth_type} or {auth_authen}; false if both are missing
//	                    from a list that has them
//	size, requiretls    parameters of MAIL
//	sender, recipient   the mailbox that the MTA takes the path for, see package
//	                    mailaddr: by {mail_addr} and {rcpt_addr} of Postfix, for
//	                    every path; where Sendmail delivers it itself, by the path
//	                    with routes (a%b@c, b!a) followed to their end, and by the
//	                    origin of the listener if it has no domain
//
// # Message facts
//
// What a message says of itself (package internal/message) is read only if a
// recipient of it waits for that. Headers are asked for if a rule looks at any
// message.* field, the body if it is message.encrypted, and no more of it than
// that needs: a piece that settles it is answered with SMFIR_SKIP, and so is the
// first piece where nobody waits. An MTA that does not offer this (SMFIP_SKIP)
// sends the rest, which is ignored. A condition on tls beside one on the message
// keeps mail that came encrypted from waiting.
//
// # Sessions that are not judged
//
// For mail that did not come by SMTP, or came so some time ago, cleanup(8) of
// Postfix plays a session (non_smtpd_milters), which may show the client of that
// time and never TLS. It is told by a queue id at CONNECT together with the lack
// of {client_connections} and {client_resolve}, in which smtpd(8) always differs;
// Sendmail has {opMode}. It is let through without a question and without changes.
// What v says, which begins with mail_name in Postfix, counts only where the MTA
// takes no macro lists.
//
// # Actions
//
//	accept       continue
//	tag          the tag header is inserted above all others, and below it, if
//	             the policy has an authserv-id, Authentication-Results (RFC 8601);
//	             one of each for a message, and those that say fail rather than
//	             those that say pass
//	quarantine   SMFIR_QUARANTINE, which holds the message for all its recipients
//	defer        SMFIR_REPLYCODE: code, status and text
//	reject       the same
//	no verdict   451 4.3.0, or continue, as Config.OnFailure says
//
// Copies of the tag header that came from outside are removed from each message
// if the policy can tag at all, and so are Authentication-Results under our own
// authserv-id (RFC 8601 section 5), whatever follows that, save those whose
// authserv-id cannot be read;
// a message all of whose recipients were local keeps them, for a content filter
// hands back what was tagged before, and so does one that the policy cannot tag at
// that time. A message with more than 100 of both gets 554 5.6.0, or 451 4.6.0 where
// the daemon enforces softly. If the MTA offers no quarantine, mail to be quarantined gets
// 451 4.3.5.
//
// # Limits
//
// A frame has at most 128 KiB, twice what libmilter takes. The end of headers is
// never asked for, DATA only if the policy can quarantine or looks at the message,
// headers only if it can tag or looks at the message. A
// connection keeps the policy that it negotiated with, unless that was replaced by
// many others, or long ago: then its next message has the policy in place, and what
// the MTA was not asked for is unknown. Recipients of one message
// that wait have 256 KiB together. While a body is read a connection holds one
// piece of it, whatever the size of the message.
//
// Sessions through smtpd_proxy_filter have no end of message here, and so no
// tags; mail to be quarantined gets 451 4.3.5 at DATA. A name that XCLIENT gave with
// PORT= in a session without TLS, and without a HELO after it, is taken for none.
// Postfix never shows the topmost header to a
// milter, which as a rule is its own Received; if that one is seen, another
// milter has inserted something above it, and the results of SPF, DKIM and DMARC
// are unknown. Sendmail puts a dot in place of blanks and comments between two
// words of an address, and so do we; another BlankSub is not known.
//
// # Sources
//
// Postfix MILTER_README and postconf(5); Sendmail's libmilter documentation
// (smfi_negotiate, smfi_setsymlist, smfi_setreply, smfi_insheader,
// smfi_chgheader, smfi_quarantine), its mfdef.h, and op.me for the macros;
// RFC 5321, RFC 3463, RFC 3461 section 4 (xtext), RFC 8601
// (Authentication-Results), RFC 8689 (REQUIRETLS).
//
// # Diagnostics
//
// A frame of impossible length, one that is not complete in time, an unknown
// command, a malformed CONNECT or negotiation, and an MTA that does not take
// replies are logged as warnings, and the connection closed: the MTA then does
// what milter_default_action (Postfix) or F= (Sendmail) says. So are
// connections beyond the limit of their listener, with its address. Decisions
// that failed and panics, with their stack, are logged as errors; one outside the
// gate closes the connection. So are failures to accept connections, which are
// tried again after at most a second. Of each of these kinds at most one line a
// second is written, with the number of those left out. TLS macros that make no
// sense, actions that an MTA does not offer, tags that smtpd_proxy_filter prevents,
// and an MTA that does not tell of DATA are logged once. An MTA that closes its connection, in whatever state,
// and one that is silent for too long are not logged; decisions are the gate's to
// log.
package milter
