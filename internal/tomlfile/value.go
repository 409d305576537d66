package tomlfile

import (
	"time"

	"tlswarden/internal/civil"
)

// LocalDate is a date without a time zone, such as 2027-01-31.
type LocalDate struct {
	Year  int
	Month time.Month
	Day   int
}

// In returns the first moment of the day in a time zone.
func (d LocalDate) In(zone *time.Location) time.Time {
	return civil.StartOfDay(d.Year, d.Month, d.Day, zone)
}

// End returns the moment at which the day is over in a time zone.
func (d LocalDate) End(zone *time.Location) time.Time {
	return civil.EndOfDay(d.Year, d.Month, d.Day, zone)
}

// LocalTime is a time of day without a date, such as 10:30:00.
type LocalTime struct {
	Hour, Minute, Second, Nanosecond int
}

// LocalDateTime is a date and time without a time zone, such as
// 2027-01-31T10:30:00.
type LocalDateTime struct {
	Date LocalDate
	Time LocalTime
}

// In returns the first moment at which a clock in the time zone shows so.
func (d LocalDateTime) In(zone *time.Location) time.Time {
	return civil.At(time.Date(d.Date.Year, d.Date.Month, d.Date.Day,
		d.Time.Hour, d.Time.Minute, d.Time.Second, d.Time.Nanosecond, time.UTC), zone)
}

// scalar turns the decoder's dates and times without a time zone into our own.
// The decoder tells them by the name of their location, whose offset is that of
// the process's start and means nothing (internal/tz.go of BurntSushi/toml).
func scalar(decoded any) any {
	t, ok := decoded.(time.Time)
	if !ok {
		return decoded
	}
	switch t.Location().String() {
	case "date-local":
		return localDate(t)
	case "time-local":
		return localTime(t)
	case "datetime-local":
		return LocalDateTime{localDate(t), localTime(t)}
	}
	return t
}

func localDate(t time.Time) LocalDate {
	year, month, day := t.Date()
	return LocalDate{year, month, day}
}

func localTime(t time.Time) LocalTime {
	hour, minute, second := t.Clock()
	return LocalTime{hour, minute, second, t.Nanosecond()}
}

// KindName names the kind of an entry's or element's value with its article, as
// in "reply must be a string, not an integer".
func KindName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a decimal number"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date and time with offset"
	case LocalDateTime:
		return "a date and time"
	case LocalDate:
		return "a date"
	case LocalTime:
		return "a time of day"
	case Array:
		return "an array"
	case *Table:
		return "a table"
	case []*Table:
		return "an array of tables"
	}
	return "an unknown value"
}
