// Package gate is the one place where a verdict is made: it supplies the facts
// that no front end knows, evaluates the policy, and records what was decided.
//
// A front end opens a [Transaction] for each connection (milter) or each message
// (policy service), which takes a snapshot of the policy, begins a mail
// transaction, has sessions decided, and closes it. A reload changes what is
// opened afterwards.
//
// A connection of the milter keeps its policy, for the MTA has agreed to what that
// policy needs, and an instance of the policy service does, which never hears that a
// message is over. But a policy that was replaced is kept for 15 minutes only, and
// the latest two are kept at most: what is asked later under the same instance, and
// mail that begins later on the same connection, is decided by the policy in place.
// What that needs and the MTA was not asked for is unknown there.
//
// The gate supplies the time, and whether an encrypted session, and a client
// certificate, were seen of late on the same listener from a client of the same
// kind. A listener is an address and a port of a host; the kinds are loopback,
// private and public: see [Kind]. The gate writes one line for each decision, counts
// for each rule what became of it, and says so once an hour.
//
// A decision stands at once, also where rules under observe have yet to see the
// message: then its line and its counts wait for that, at most 100 of one message,
// and are made without it if the message does not come.
//
// # Two front ends, one session
//
// Where Postfix asks both the milter and the policy service about one SMTP
// session, what they know is merged for each mail transaction. Postfix asks the
// policy service first at RCPT. It is told to refuse what the facts of both are
// enough to refuse, and else to let pass: the milter then decides with what the
// policy service knew, and it alone tags and quarantines. So a message is counted
// and logged once. Where the policy service is asked at DATA or later, the milter
// has decided, and only what the policy service then knows beyond can add a
// refusal, for all recipients alike.
//
// Two views are of one session if client address and port, server address and
// port, and the address of the host that asks are the same (see
// rules.HostAddress), the milter is between MAIL and the end of the message, the
// sender is the same, and both know whether the session is encrypted, and if so
// its version and suite. If one of that is missing, each decides for itself:
// Postfix tells the policy service the client's port since 3.0, and the server's
// address and port since 3.2. If they contradict each other in the encryption, the
// policy service is believed, whose values no configuration can change.
//
// Several services may ask in one transaction, each with its own policy_context:
// the milter then decides in each of them, and the strongest verdict counts.
//
// # Limits
//
// What was seen is kept for 1024 listeners, and over a restart by whoever calls
// [Gate.Seen] and [Gate.Recall]. Hosts are told apart by where they connect from, and
// by the name that the milter hears; the policy service hears none, and takes that of
// the milter's session on the same connection if there is one, and else the only one
// that was heard from there. So where servers that
// go by the same address connect from the same address, too, as from containers over
// a socket that they share, only the milter tells them apart. Clients that come to the
// server by way of a proxy or a translator which hides their addresses are all of the
// kind of that.
//
// Up to 8192 transactions of the milter are kept for the policy service, with up
// to 8 contexts and the first 100 recipients of each.
//
// Decision lines are written in batches in the background. If the log takes them
// too slowly, or not at all, mail goes on and lines are lost; how many is logged once
// it takes lines again.
//
// # Diagnostics
//
// Each decision is one line (msg=decision). So is a message that went on to its
// data while recipients waited for its end, which never came (action=unjudged).
// Error: a reject that became a defer because no encrypted session, or no client
// certificate, was seen on the listener from clients of that kind; at most one line
// an hour for each of them and each cause. A clock that is set back neither keeps
// what was seen from being forgotten, nor these lines from being written. Warnings:
// lost decision lines; a milter and a policy service that contradict each other, with
// the likely cause, once an hour. Without a policy every decision fails with
// [ErrNoPolicy].
package gate
