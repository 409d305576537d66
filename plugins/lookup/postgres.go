package main

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"tlswarden/plugins"
)

// connectPostgres reads the connection string. All transactions can only read, and
// the server, too, gives up at the timeout.
func connectPostgres(dsn string, timeout time.Duration) (*sql.DB, error) {
	if ambiguous(dsn) {
		return nil, plugins.Problem("dsn", "has an @ too many: in a password it stands as %%40, and / as %%2F")
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, plugins.Problem("dsn", "%s", cause(err))
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	config.RuntimeParams["statement_timeout"] = strconv.FormatInt(max(timeout.Milliseconds(), 1), 10)
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "tlswarden-lookup"
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > timeout {
		config.ConnectTimeout = timeout
	}
	return stdlib.OpenDB(*config), nil
}

// ambiguous says whether a URL has an "@" that does not end the user's name and
// password, as it does where a password is not encoded: what is behind a "/" or "@" in
// the password would be taken for the host, the port or the database, which the log names.
func ambiguous(dsn string) bool {
	_, rest, isURL := strings.Cut(dsn, "://")
	if !isURL || !strings.HasPrefix(dsn, "postgres") {
		return false
	}
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		rest = rest[i+1:]
	}
	return strings.Contains(rest, "@")
}

// cause says what is wrong with a connection string without a word of it, for it may
// hold the password, and the words of package pgx have it where it cannot be told
// apart.
func cause(err error) string {
	text := "cannot be read"
	for _, known := range []string{
		"failed to parse as URL", "failed to parse as keyword/value", "failed to read service", "failed to configure TLS",
		"invalid sslcertmode", "invalid connect_timeout", "invalid port", "unknown target_session_attrs",
		"invalid min_protocol_version", "invalid max_protocol_version", "unknown channel_binding", "invalid require_auth",
	} {
		if strings.Contains(err.Error(), "`: "+known) {
			text = known
		}
	}
	var system syscall.Errno
	if errors.As(err, &system) { // of a file of certificates
		text += ": " + system.Error()
	}
	return text
}
