package main

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tlswarden/internal/civil"
	"tlswarden/plugins"
)

// value makes of a value, as drivers, CSV files and settings have it, one of the
// column's type. Nothing said is nil. An error shows the value, and says what to write
// instead.
func (c column) value(v any) (any, error) {
	var value any
	switch x := v.(type) {
	case nil:
		return nil, nil
	case error: // the driver's value was not taken before
		return nil, x
	case string:
		return c.text(x)
	case []byte:
		return c.text(string(x))
	case bool:
		if c.kind == plugins.Boolean {
			value = x
		}
	case int64:
		value = c.number(x)
	case float64:
		value = c.real(x)
	case time.Time:
		if c.kind == plugins.Time {
			value = x
		}
	case netip.Addr: // a cell of a CSV file, which was read before
		if c.kind == plugins.Address {
			value = x
		}
	}
	if value == nil {
		return nil, fmt.Errorf("%v is not %s; %s", v, c.name(), c.instead(fmt.Sprint(v)))
	}
	return value, nil
}

// number takes what a database has as a whole number; nil if it is none of the type.
func (c column) number(n int64) any {
	switch c.kind {
	case plugins.Number:
		return n
	case plugins.Time: // of the same size, a Julian day would be a time early in 1970
		if (n < firstJulian || n > lastJulian) && n <= lastSecond {
			return time.Unix(n, 0)
		}
	case plugins.Boolean: // as SQLite has it
		if n == 0 || n == 1 {
			return n == 1
		}
	}
	return nil
}

// The Julian days of the years 0000 and 9999, and the last second of that
// (sqlite.org/lang_datefunc.html, modifier "auto").
const (
	firstJulian = 1721059
	lastJulian  = 5373484
	lastSecond  = 253402300799
	// julianUnix is the Julian day at which 1970 began.
	julianUnix = 2440587.5
)

// real takes what a database has as a number with a fraction: a point of time is then a
// Julian day, as SQLite has it, or else a number of seconds.
func (c column) real(f float64) any {
	if c.kind == plugins.Time && f >= firstJulian && f < lastJulian+1 {
		return time.UnixMilli(int64((f-julianUnix)*86_400_000 + 0.5)).Round(time.Second)
	}
	if c.kind == plugins.Time && f > lastJulian && f <= lastSecond {
		return time.Unix(int64(f), 0)
	}
	if n := int64(f); f > -1<<53 && f < 1<<53 && float64(n) == f && c.kind != plugins.Time {
		return c.number(n)
	}
	return nil
}

// text reads what stands in a table as a text.
func (c column) text(s string) (any, error) {
	if len(s) > plugins.MaxText {
		return nil, fmt.Errorf("a text of %d octets; %d are the most", len(s), plugins.MaxText)
	}
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%.100q is not in UTF-8; convert it: iconv -f WINDOWS-1252 -t UTF-8", s)
	}
	if strings.ContainsRune(s, 0) {
		return nil, fmt.Errorf("%.100q has a NUL octet; write it without", s)
	}
	bare := strings.TrimSpace(s)
	switch c.kind {
	case plugins.Text:
		return s, nil
	case plugins.Name, plugins.Domain, plugins.Mailbox:
		err := checkVisible(bare)
		switch {
		case err != nil || bare == "":
		case c.kind == plugins.Domain:
			err = checkDomain(bare)
		case c.kind == plugins.Mailbox:
			err = checkMailbox(bare)
		}
		if err != nil {
			return nil, fmt.Errorf("%.100q %w", s, err)
		}
		return bare, nil
	}
	if bare == "" {
		return nil, nil // says nothing
	}
	if value := c.parse(bare); value != nil {
		return value, nil
	}
	return nil, fmt.Errorf("%.100q is not %s; %s", s, c.name(), c.instead(bare))
}

// parse reads a text that stands for a value of another type; nil if it does not.
func (c column) parse(s string) any {
	switch c.kind {
	case plugins.Boolean:
		return truth(s)
	case plugins.Number:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
	case plugins.Address:
		if a, err := netip.ParseAddr(s); err == nil {
			return a
		}
		if p, err := netip.ParsePrefix(s); err == nil && p.IsSingleIP() { // a cidr of PostgreSQL
			return p.Addr()
		}
	case plugins.Time:
		if at, ok := moment(s); ok {
			return at
		}
	}
	return nil
}

// shortOffset is how PostgreSQL writes a time with an offset of whole hours.
var shortOffset = regexp.MustCompile(`:\d\d(\.\d+)?[+-]\d\d$`)

// moment is the point of time that a text stands for, as in a rule, or as a number of
// seconds with ten digits (from 2001 on): SQLite makes a text of it in a column for texts.
func moment(s string) (time.Time, bool) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && len(s) == 10 {
		return time.Unix(int64(n), 0), true
	}
	if shortOffset.MatchString(s) {
		s += ":00"
	}
	return civil.Parse(s, time.Local)
}

// truth is what people and databases write for true and false; nil if it is neither.
func truth(s string) any {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "on", "1":
		return true
	case "false", "f", "no", "n", "off", "0":
		return false
	}
	return nil
}

// name is the type as the settings call it, with its article.
func (c column) name() string {
	switch c.kind {
	case plugins.Number:
		return "a whole number"
	case plugins.Address:
		return "an address"
	}
	for name, kind := range types() {
		if kind == c.kind {
			return "a " + name
		}
	}
	return "of a known type"
}

// instead says what to write in the place of a value that is not of the type.
func (c column) instead(s string) string {
	switch c.kind {
	case plugins.Boolean:
		return "write yes or no (true, false, 1 and 0 do, too)"
	case plugins.Number:
		return "write " + number(s)
	case plugins.Address:
		return "write one IP address, such as 192.0.2.1"
	case plugins.Time:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= firstJulian && n <= lastJulian {
			return "for a Julian day, let the query take CAST(column AS REAL); for a number of seconds, datetime(column, 'unixepoch') || 'Z'; or write 2027-01-31"
		}
		return "write " + strings.Join(dates(s), " or ")
	}
	return "write a text; in a query, CAST(column AS text)"
}

// wholePart is a number behind whose point there is nothing.
var wholePart = regexp.MustCompile(`^(-?\d+)\.(0+)$`)

// number is what may have been meant by a text that is not a whole number. Three digits
// behind a point may be thousands.
func number(s string) string {
	m := wholePart.FindStringSubmatch(s)
	switch {
	case m == nil:
		return "a whole number in digits alone, such as 1500"
	case len(m[2]) == 3:
		return m[1] + " or " + m[1] + m[2]
	}
	return m[1]
}

// dateForms are other ways to write a day.
var dateForms = [...]string{"2.1.2006", "2.1.06", "1/2/2006", "2/1/2006", "2-1-2006", "2006/1/2", "2006.1.2", "2006-1-2", "20060102",
	"2 Jan 2006", "2-Jan-2006", "Jan 2, 2006", "2 January 2006", "January 2, 2006"}

// dates are what may have been meant by a date that is written in another way, with the
// time of day that stands behind it.
func dates(s string) []string {
	var meant []string
	for at := len(s); at > 0; at = strings.LastIndexAny(s[:at], " T") {
		clock, ok := clockTime(s[at:])
		if !ok {
			continue
		}
		for _, form := range dateForms {
			if day, err := time.Parse(form, s[:at]); err == nil {
				meant = append(meant, day.Format(time.DateOnly)+clock)
			}
		}
	}
	if len(meant) == 0 {
		return []string{"2027-01-31", "2027-01-31T12:00:00+01:00"}
	}
	return slices.Compact(meant)
}

// clockTime is the time of day behind a day, as it belongs behind one; false if it
// cannot be told.
func clockTime(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	bare := strings.TrimSpace(s[1:])
	if _, ok := moment("2027-01-31" + s[:1] + bare); ok {
		return s[:1] + bare, true
	}
	for _, form := range []string{"3:04 PM", "3:04:05 PM", "3:04PM", "15:4"} {
		if at, err := time.Parse(form, strings.ToUpper(bare)); err == nil {
			return " " + at.Format(time.TimeOnly), true
		}
	}
	return "", false
}
