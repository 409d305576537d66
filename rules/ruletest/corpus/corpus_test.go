package corpus

import (
	"testing"
	"time"
)

// TestCorpus is the first of the three ways in which the corpus is run: the
// engine alone. The front ends' tests are the others.
func TestCorpus(t *testing.T) {
	cases, err := Load("../testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			for _, line := range c.Test.Run(c.Policy, time.Now()) {
				t.Error(line)
			}
		})
	}
}
