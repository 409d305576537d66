package setup

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"tlswarden/internal/mailaddr"
)

// originOf is the key origin by what Sendmail tells of itself under a sendmail.mc.
// Sendmail appends no domain: an address without one is that of the same user in
// each domain of class w, so that there is an origin if this has one domain.
func originOf(ctx context.Context, mc string) key {
	names, relay, err := ownNames(ctx, mc)
	k := key{name: "origin"}
	switch {
	case err != nil:
		k.why = fmt.Sprintf("the domain of addresses that have none stays unknown, for Sendmail cannot be asked: %v", err)
	case relay != "":
		k.why = "the domain of addresses that have none stays unknown: Sendmail hands them to " + relay + " (LOCAL_RELAY)"
	case len(names) == 0:
		k.why = "the domain of addresses that have none stays unknown: Sendmail knows no domain of its own"
	case len(names) == 1:
		k.value = names[0]
	default:
		k.why = fmt.Sprintf("the domain of addresses that have none stays unknown, for Sendmail delivers them in each of its domains (%s): write the one that your rules name into the listen entry of [milter], such as origin = %q",
			strings.Join(names, ", "), names[0])
	}
	return k
}

// ownNames asks Sendmail for the domains of class w, and for the relay of addresses
// without a domain (Installation and Operation Guide, "Address test mode").
func ownNames(ctx context.Context, mc string) (names []string, relay string, err error) {
	cf, _, remove, err := makeCF(ctx, mc)
	if err != nil {
		return nil, "", err
	}
	defer remove()
	out, err := askSendmail(ctx, cf, "$=w\n$R\n")
	if err != nil {
		return nil, "", err
	}
	answers := strings.Split(out, "\n> ")
	if len(answers) < 3 {
		return nil, "", fmt.Errorf("it answers %q", out)
	}
	if relay = strings.TrimSpace(answers[2]); relay == "Undefined" {
		relay = ""
	}
	return domains(strings.Fields(answers[1])), relay, nil
}

// domains are the names of a class that are domains beyond this machine: names of
// one part and address literals are other ways to write the machine.
func domains(class []string) []string {
	var out []string
	for _, name := range class {
		name = strings.ToLower(name)
		if strings.Contains(name, ".") && mailaddr.IsDomain(name) && net.ParseIP(name) == nil && !strings.HasPrefix(name, "localhost.") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
