// Package pluginhost starts plugins, watches them, and asks them for the facts that
// rules look at. It is made so that no plugin can stop the mail: one that is slow,
// hangs, floods, lies, or dies leaves its facts unknown.
//
// # Life of a plugin
//
// Each plugin has a supervisor. A start checks the program (who may write it, and
// its checksum if one is pinned), runs it in a process group of its own with a small
// environment and a socket directory of its own, and calls Describe and Configure.
// It is then asked until its process ends, or until it no longer answers Describe
// after several calls have failed. Then the process group is killed and the plugin
// is started anew, after 1 second, doubled up to 60, each time with jitter, and from
// the beginning again once it has been healthy for a minute. A plugin that cannot
// work as it is, for example one that refuses its settings, is failed: it is tried
// once a minute, since an admin may have repaired it.
//
// All of a start must be done within 10 seconds. A plugin that answers Describe, but
// 9 calls in a row not at all, is left alone for 1 second, doubled up to 60, until it
// answers one: else each message would wait for it.
//
// The end of the daemon, however it comes, closes the standard input of its plugins.
// By this those end that read it, as all do that are made with package plugins. If the
// daemon is killed, a plugin that does not read it goes on: then the service manager
// must end it, as systemd does with all of a service (systemd.kill(5)).
//
// # Answers
//
// An answer is kept, by those facts of the session that the plugin says it depends
// on, for as long as the plugin says, a day at most; that a plugin knows nothing is
// an answer, too. A fact that is unknown is not the same as one that is empty. Calls
// with the same key are made once. An answer with an error, and a call that failed,
// hold for 5 seconds, so that a message with many recipients waits for a slow plugin
// once. Answers of more than 4096 octets are not kept.
//
// # Limits
//
// Output of a plugin is taken at 256 KiB a second at most, which makes one that
// floods wait; of it 50 lines in 10 seconds are logged, each up to 1000 octets.
// Answers have at most 64 KiB, and so have the headers with which they come. The facts
// and types are those of the last start. What a plugin has started ends with it only
// in its own process group: what left that, for example by setsid(2), goes on, until
// the service manager ends it.
//
// A plugin runs as the same user as the daemon and can do what that user can: who
// does not trust a program must not configure it.
//
// Sources: github.com/hashicorp/go-plugin v1.8.0 (client.go, grpc_client.go,
// docs/internals.md), setpgid(2), path_resolution(7), unix(7).
//
// # Diagnostics
//
// Start fails for a configuration that can never work. What keeps a plugin from
// working is logged as a warning with its name and is the error of [Host.Describe];
// facts that are missing for it are unknown, without an error. Info: a plugin has
// started, and each line that it writes. Warnings, limited to one in 10 seconds for
// each plugin: a call that failed, an answer that is not of the types that were
// described, and calls left out because too many run. Warnings without that limit: a
// plugin does not run, and a plugin is not asked for a while, each with the time until
// it is tried again. [Host.Health] counts all of them.
package pluginhost
