// Package loadtest holds the real binary against load and faults: restarts that
// lose no request, the limits of connections and memory, want of file
// descriptors, draining, and a soak test of mixed load (make soak).
//
// Clients of both protocols are written out by hand here, frame by frame, so
// that they can stall, send garbage, and tell a clean close from half an answer.
//
// # Limits
//
// Linux only: the daemon is measured by /proc. All traffic is on this machine,
// and all tests but the soak test take seconds.
//
// Sources: Postfix's SMTPD_POLICY_README; mfapi.h and mfdef.h of libmilter for
// the frames; sd_listen_fds(3) for the sockets that are passed.
//
// # Diagnostics
//
// The soak test prints a table at its end: requests, rate, latencies, memory and
// descriptors. A failure shows the end of the daemon's log.
package loadtest
