// Package systemd speaks with the service manager: it takes over the listening
// sockets that were passed, and tells of readiness, reloads, the end, and health.
//
// Without a service manager there are no sockets, and all that is told goes
// nowhere. The environment variables by which the manager speaks are unset once
// they are read, so that no child takes them for its own.
//
// Sources: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
//
// # Limits
//
// Only listening stream sockets are taken over: Accept=yes, datagrams, FIFOs and
// stored descriptors are errors.
//
// # Diagnostics
//
// Nothing is logged here. A socket that cannot be taken over is an error that
// names it. A notification that cannot be sent is an error, too; the service
// goes on without.
package systemd
