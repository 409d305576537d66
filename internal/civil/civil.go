// Package civil turns dates and times of day, as people write them, into points of
// time in a time zone. A day is the civil day: from the first moment that belongs to
// it, whatever the clocks do at midnight. It is the one place that reads dates, for
// rule files, tests, the command line and plugins alike.
//
// time.Date does not serve: where clocks go forward at midnight (Santiago, Havana,
// the Azores) it gives a moment of the day before.
//
// # Limits
//
// A day that a time zone leaves out (Samoa, 2011-12-30) has no moment: it begins and
// ends when the next one begins. A time of day that the clocks show twice is the
// first of the two, and one that they skip is the moment at which they do.
//
// # Diagnostics
//
// None: what is no date is not read, and the caller says so.
package civil

import "time"

// widest is more than any time zone is from UTC.
const widest = 36 * time.Hour

// StartOfDay returns the first moment of a day.
func StartOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	return At(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), zone)
}

// EndOfDay returns the moment from which on a day is over for good.
func EndOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	_, last := reached(time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC), zone)
	return last
}

// At returns the first moment at which the clocks in a time zone have reached what
// a clock in UTC shows at the given one.
func At(shown time.Time, zone *time.Location) time.Time {
	first, _ := reached(shown, zone)
	return first
}

// reached returns the first moment at which the clocks in a time zone have reached
// what a clock in UTC shows at the given one, and the first after which they are
// never behind it again.
func reached(shown time.Time, zone *time.Location) (first, last time.Time) {
	behind := true
	for at := shown.Add(-widest); at.Before(shown.Add(widest)); {
		begin, end := at.In(zone).ZoneBounds() // within which the offset is the same
		_, offset := at.In(zone).Zone()
		from := shown.Add(-time.Duration(offset) * time.Second).In(zone)
		switch {
		case !end.IsZero() && !from.Before(end):
			behind = true
		case begin.IsZero() || from.After(begin):
			last, behind = from, false
		case behind:
			last, behind = begin, false
		}
		if first.IsZero() {
			first = last
		}
		if end.IsZero() {
			break
		}
		at = end
	}
	return first, last
}

// forms are how a point of time may be written. Seconds may have a fraction.
var forms = [...]string{
	time.RFC3339, "2006-01-02 15:04:05Z07:00",
	"2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
}

// Parse reads a point of time: a date, which is its first moment, or a date and a
// time of day, with an offset from UTC or else in the given time zone.
func Parse(text string, zone *time.Location) (t time.Time, ok bool) {
	for i, form := range forms {
		t, err := time.Parse(form, text)
		switch {
		case err != nil:
		case i < 2:
			return t, true
		default:
			return At(t, zone), true
		}
	}
	return time.Time{}, false
}

// Format writes a point of time in a time zone: the date alone if it is the first
// moment of a day.
func Format(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	year, month, day := t.Date()
	if t.Equal(StartOfDay(year, month, day, zone)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}
