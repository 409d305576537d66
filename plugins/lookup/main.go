// Command lookup is a plugin that takes facts from a table: a CSV file, or the
// answer to a query of an SQLite or PostgreSQL database.
//
// # Limits
//
// A lookup finds one row, or none; several are an error. An address is searched for as
// it is, then without its extension, then both with the other name of its
// domain, and the first row counts. A CSV file has at most
// [maxFile] octets. Texts have at most a kibibyte. A database is asked over at most
// [maxConns] connections, which can only read.
//
// Dates and times without an offset are in the time zone of the machine, or of TZ, as
// in rules.
//
// Sources: RFC 4180 and package encoding/csv; the SQLite documentation, "URI
// Filenames" and "Date And Time Functions"; the PostgreSQL manual, "Lexical Structure" and default_transaction_read_only.
//
// # Diagnostics
//
// Settings that cannot work are problems of the start; that a PostgreSQL server is
// away then is not, and is written to standard error. A database that fails or is late,
// several rows, and a value of another type leave facts unknown, and the answer's
// error says why and what to write. A key of a database that no session can have is
// silent: it is never found. A CSV file that changed and is not in order is written to standard
// error once; the rows that were read before stay, as an SQLite database does that was replaced by
// one that is not in order. No word of a connection string that cannot be read is told.
package main

import "tlswarden/plugins"

func main() { plugins.Serve(plugin()) }
