// Tlswarden judges mail by how its SMTP session was encrypted, for Postfix and
// Sendmail.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
