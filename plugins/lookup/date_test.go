package main

import (
	"testing"
	"time"
	_ "time/tzdata"

	"tlswarden/plugins"
)

// TestDate shows that a date is the same moment here as in a rule, where clocks go
// forward at midnight, too.
func TestDate(t *testing.T) {
	santiago, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	before := time.Local
	defer func() { time.Local = before }()
	time.Local = santiago
	got, err := column{kind: plugins.Time}.text("2026-09-06")
	if at, ok := got.(time.Time); err != nil || !ok || at.UTC().Format(time.RFC3339) != "2026-09-06T04:00:00Z" {
		t.Errorf("%v %v", got, err)
	}
}
