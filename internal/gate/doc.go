// Package gate is the one place where a verdict is made: it supplies the facts
// that no front end knows, evaluates the policy, and records what was decided.
//
// A front end opens a [Transaction] for each connection (milter) or each message
// (policy service), which takes a snapshot of the policy, begins a mail
// transaction, has sessions decided, and closes it. A reload changes what is
// opened afterwards.
//
// The gate supplies the time, and whether an encrypted session, and a client
// certificate, were seen of late on the same server address and port. It writes
// one line for each decision, counts for each rule what became of it, and says
// so once an hour.
//
// # Limits
//
// What was seen on listeners is kept for 1024 server addresses and ports and is
// gone after a restart: until a first encrypted session is seen, a reject of
// plaintext is a defer.
//
// Decision lines are written in batches in the background. If the log takes them
// too slowly, mail goes on and lines are dropped; how many is logged.
//
// # Diagnostics
//
// Each decision is one line (msg=decision). Error: a reject that became a defer
// because no encrypted session, or no client certificate, was seen on the
// listener; at most one line an hour for each listener and cause. Warning: lost
// decision lines. Without a policy every decision fails with [ErrNoPolicy].
package gate
