// Command dns is a plugin that says what the sender's domain publishes in the
// DNS about encrypted mail: MTA-STS, DANE and TLSRPT.
//
// # Limits
//
// Records and policies are about mail to the domain; the README says how little
// that tells of mail from it. At most [maxHosts] mail hosts of a domain are looked at,
// and [maxFetches] policies fetched at once. Whether the zone of a mail host has DNSSEC is
// asked by its IPv4 address alone, even where it has none. Answers hold for a minute at
// least and an hour at most.
//
// Sources: RFC 8461 (MTA-STS), RFC 7672 and 6698 (DANE), RFC 8460 (TLSRPT),
// RFC 2308 (negative answers), RFC 6840 (the AD bit), RFC 6890 (special addresses),
// resolv.conf(5).
//
// # Diagnostics
//
// That there is no record is an answer: false. A name server that fails, is late or
// answers something else leaves the fact unknown, and the answer's error says
// which question failed how. That /etc/resolv.conf has changed and is not in order is
// written to standard error once; the name servers from before are asked. That no name
// server is trusted to have checked DNSSEC is written there at the start, and when that
// file has changed so; dane is unknown from then on.
package main

import "tlswarden/plugins"

func main() { plugins.Serve(plugin()) }
