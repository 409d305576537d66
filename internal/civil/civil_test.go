package civil

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func load(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// zones lists the time zones of this machine, and always some whose clocks change
// at midnight, or before or after it, or by half an hour, or change their date.
func zones() []string {
	names := strings.Fields(`Africa/Cairo Africa/Casablanca America/Asuncion America/Havana America/Nuuk America/Santiago
		America/Scoresbysund America/St_Johns Asia/Amman Asia/Beirut Asia/Damascus Asia/Gaza Asia/Tehran Atlantic/Azores
		Australia/Lord_Howe Europe/Berlin Pacific/Apia Pacific/Kiritimati UTC`)
	const root = "/usr/share/zoneinfo/"
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root)
		if err == nil && d.Type().IsRegular() && name[0] >= 'A' && name[0] <= 'Z' && !slices.Contains(names, name) {
			names = append(names, name)
		}
		return nil
	})
	return names
}

// TestEveryDay holds each civil day of each time zone against its definition: it
// begins with a moment that has its date, after one that has not, and the next one
// begins where it ends.
func TestEveryDay(t *testing.T) {
	for _, name := range zones() {
		zone, err := time.LoadLocation(name)
		if err != nil {
			continue // another file
		}
		end := time.Time{}
		for day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2036; day = day.AddDate(0, 0, 1) {
			y, m, d := day.Date()
			start, want := StartOfDay(y, m, d, zone), day.Format(time.DateOnly)
			if got := start.Format(time.DateOnly); got != want {
				t.Errorf("%s: %s begins at %v", name, want, start)
			}
			if before := start.Add(-time.Second); before.Format(time.DateOnly) == want {
				t.Errorf("%s: %s has begun before, at %v", name, want, before)
			}
			if !end.IsZero() && !end.Equal(start) {
				t.Errorf("%s: the day before %s ends at %v", name, want, end)
			}
			end = EndOfDay(y, m, d, zone)
			if last := end.Add(-time.Second); last.Format(time.DateOnly) != want {
				t.Errorf("%s: %s is over before %v", name, want, end)
			}
			if got := Format(start, zone); got != want {
				t.Errorf("%s: the start of %s is written %s", name, want, got)
			}
		}
	}
}

// TestMoments shows what dates and times stand for where the clocks change.
func TestMoments(t *testing.T) {
	for _, test := range []struct{ zone, text, want string }{
		{"America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z"}, // 0:00 is 1:00
		{"America/Santiago", "2026-09-06 00:30", "2026-09-06T04:00:00Z"},
		{"America/Santiago", "2026-09-06T01:00:00", "2026-09-06T04:00:00Z"},
		{"America/Santiago", "2026-04-05", "2026-04-05T04:00:00Z"}, // 0:00 is 23:00
		{"America/Santiago", "2026-04-04T23:30:00", "2026-04-05T02:30:00Z"},
		{"America/Havana", "2026-03-08", "2026-03-08T05:00:00Z"}, // 0:00 is 1:00
		{"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"}, // 1:00 is 0:00
		{"Atlantic/Azores", "2026-03-29", "2026-03-29T01:00:00Z"},
		{"Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00Z"},
		{"America/St_Johns", "2005-10-30", "2005-10-30T02:30:00Z"}, // 0:01 is 23:01
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},     // was left out
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
		{"Europe/Berlin", "2027-03-28T02:30:00.5", "2027-03-28T01:00:00Z"},
		{"Europe/Berlin", "2027-10-31 02:30:00.5", "2027-10-31T00:30:00.5Z"},
		{"Europe/Berlin", "2027-01-31", "2027-01-30T23:00:00Z"},
		{"Europe/Berlin", "2027-01-31T12:00:00+05:30", "2027-01-31T06:30:00Z"},
		{"Europe/Berlin", "2027-01-31 12:00:00Z", "2027-01-31T12:00:00Z"},
		{"Europe/Berlin", "2027-02-30", "none"},
		{"Europe/Berlin", "27-01-31", "none"},
		{"Europe/Berlin", "2027-01-31 ", "none"},
	} {
		got := "none"
		if at, ok := Parse(test.text, load(t, test.zone)); ok {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != test.want {
			t.Errorf("%s in %s: %s, want %s", test.text, test.zone, got, test.want)
		}
	}
}

// TestEndOfDay shows when days are over that have moments after the next has begun,
// or none at all.
func TestEndOfDay(t *testing.T) {
	for _, test := range []struct {
		zone  string
		month time.Month
		year  int
		day   int
		want  string
	}{
		{"America/St_Johns", time.October, 2005, 29, "2005-10-30T03:30:00Z"}, // 0:01 is 23:01
		{"America/St_Johns", time.October, 2005, 31, "2005-11-01T03:30:00Z"},
		{"Pacific/Apia", time.December, 2011, 29, "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", time.December, 2011, 30, "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", time.December, 2011, 31, "2011-12-31T10:00:00Z"},
	} {
		if got := EndOfDay(test.year, test.month, test.day, load(t, test.zone)).UTC().Format(time.RFC3339); got != test.want {
			t.Errorf("%s, %d-%d-%d: %s, want %s", test.zone, test.year, test.month, test.day, got, test.want)
		}
	}
}

// TestFormat shows that a date stands for its first moment alone.
func TestFormat(t *testing.T) {
	zone := load(t, "America/Santiago")
	for want, at := range map[string]time.Time{
		"2026-09-06":                time.Date(2026, 9, 6, 1, 0, 0, 0, zone),
		"2026-09-05T23:59:59-04:00": time.Date(2026, 9, 5, 23, 59, 59, 0, zone),
		"2026-09-07T01:00:00-03:00": time.Date(2026, 9, 7, 1, 0, 0, 0, zone),
	} {
		if got := Format(at.UTC(), zone); got != want {
			t.Errorf("%v: %s, want %s", at, got, want)
		}
	}
}
