// Package plugins is what the author of a tlswarden plugin in Go needs. A plugin
// is a program that finds out facts about a mail session, for example in a partner
// database. Rules look at them as plugin.NAME.KEY; a plugin itself decides nothing.
//
//	func main() {
//		plugins.Serve(plugins.Plugin{
//			Name: "weekday", Version: "1.0",
//			Facts: []plugins.Fact{{Key: "day", Type: plugins.Name, Meaning: "day of the week"}},
//			Needs: []string{"now"},
//			Lookup: func(ctx context.Context, s plugins.Session) (plugins.Answer, error) {
//				now, _ := s.Time("now")
//				return plugins.Answer{Facts: plugins.Facts{"day": now.Weekday().String()}}, nil
//			},
//		})
//	}
//
// Package plugintest runs such a plugin within a test. README.md beside this file
// describes the handshake for plugins in other languages, and proto the calls.
//
// # Addresses
//
// Addresses and domains are told as rules compare them, and [Session.Forms] has all
// forms under which rules find them. A plugin that searches for the first one alone
// is evaded by an extension: user+anything@example.org. One whose answer depends on
// an address is not asked where the client wrote that so that its mailbox is unknown.
//
// # Life of a plugin
//
// The daemon starts the program, hands over its settings once, and then asks, up
// to a hundred times at once unless it is configured otherwise. It starts the
// program anew when it ends or no longer answers. When the daemon ends, however it
// does, the plugin's standard input ends, and then the plugin does. At SIGTERM it
// finishes the calls that it has begun, for 5 seconds at most, and ends.
//
// # Limits
//
// A plugin offers at most [MaxFacts] facts. A text of an answer has at most
// [MaxText] octets, and a whole answer at most 64 KiB. What comes after the
// deadline of a call is not used. What a plugin writes to its standard output and
// standard error goes to the daemon's log line by line; lines are cut, and too many
// are left out.
//
// Sources: github.com/hashicorp/go-plugin, docs/internals.md of v1.8.0, and its
// server.go.
//
// # Diagnostics
//
// The error of Lookup is logged by the daemon, and the facts stay unknown. A panic
// in Lookup or Configure becomes an error, with its stack on standard error. A
// [Plugin] that cannot work, for example one without a name, is an error on
// standard error, and the program ends before the handshake.
package plugins
